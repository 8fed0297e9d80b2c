"""Keys, certificates and passwords of a site."""

from __future__ import annotations

import stat
from pathlib import Path

import asyncssh
import pytest
from cryptography import x509
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError

from local_site.credentials import Credentials, ensure_ssh_key, load_or_create
from local_site.layout import Layout
from local_site.pki import ensure_certificates


@pytest.fixture
def layout(tmp_path) -> Layout:
    layout = Layout(tmp_path / "site", tmp_path / "cache")
    ensure_certificates(layout, ("account.blob.region.test",))
    return layout


def verify(layout: Layout, name: x509.GeneralName) -> None:
    ca = x509.load_pem_x509_certificate(layout.ca_file.read_bytes())
    certificate = x509.load_pem_x509_certificate(layout.server_certificate_file.read_bytes())
    PolicyBuilder().store(Store([ca])).build_server_verifier(name).verify(certificate, [])


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize("name", ["account.blob.region.test", "localhost"])
def test_the_certificate_is_valid_for_the_sites_names(layout, name):
    verify(layout, x509.DNSName(name))


def test_the_certificate_is_valid_for_no_other_name(layout):
    with pytest.raises(VerificationError):
        verify(layout, x509.DNSName("other.blob.region.test"))


def test_the_authoritys_key_is_not_kept(layout):
    assert {path.name for path in layout.pki_dir.iterdir()} == {"ca.pem", "server.pem", "server.key"}


def test_certificates_are_made_once(layout):
    before = layout.ca_file.read_bytes()
    ensure_certificates(layout, ("account.blob.region.test",))
    assert layout.ca_file.read_bytes() == before


def test_credentials_are_made_once_and_are_private(tmp_path):
    path = tmp_path / "secrets" / "credentials.json"
    assert load_or_create(path) == load_or_create(path)
    assert mode(path) == 0o600


def test_two_sites_have_no_secret_in_common():
    first, second = vars(Credentials()), vars(Credentials())
    assert not set(first.values()) & set(second.values())


def test_credentials_do_not_show_when_printed():
    credentials = Credentials()
    assert not any(value in repr(credentials) for value in vars(credentials).values())


def test_an_ssh_key_pair_fits_together_and_is_private(tmp_path):
    line = ensure_ssh_key(tmp_path / "key")
    private = asyncssh.read_private_key(str(tmp_path / "key"))
    assert private.export_public_key().decode().split()[:2] == line.split()[:2]
    assert line.startswith("ssh-ed25519 ")
    assert mode(tmp_path / "key") == 0o600
    assert ensure_ssh_key(tmp_path / "key") == line
