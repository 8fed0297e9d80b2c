"""The registry adapter under faults, on a real registry."""

from __future__ import annotations

import hashlib
import ssl
import uuid
from pathlib import Path

import httpx
import pytest
from tests.faults import cutting_proxy

from edge_training.adapters.oci.registry import OciRegistry
from edge_training.errors import RegistryRefused, RegistryUnavailable
from edge_training.image_layer import bytes_blob
from edge_training.ports.image_registry import Blob

BLOCK = bytes(range(256)) * 4096


def registry(site, *, host: str | None = None, password: str | None = None, **options) -> OciRegistry:
    return OciRegistry(
        host or site.registry,
        site.registry_user,
        password or site.registry_password,
        **{"ca_pem": site.ca_file.read_text(), "pause_s": 0.1, **options},
    )


def ask(site, path: str) -> httpx.Response:
    """What the registry itself says."""
    return httpx.get(
        f"https://{site.registry}/v2/{path}",
        auth=(site.registry_user, site.registry_password),
        verify=ssl.create_default_context(cafile=site.ca_file),
    )


def blob_of(blocks: int) -> Blob:
    """Unique bytes, made while they are read."""
    first = uuid.uuid4().bytes
    digest = hashlib.sha256(first)
    for _ in range(blocks):
        digest.update(BLOCK)

    def read():
        yield first
        for _ in range(blocks):
            yield BLOCK

    return Blob(f"sha256:{digest.hexdigest()}", len(first) + blocks * len(BLOCK), read)


@pytest.fixture
def repository() -> str:
    return f"faults-{uuid.uuid4().hex[:12]}"


@pytest.mark.parametrize("after_bytes", [0, 5_000_000, 12_000_000])
def test_a_connection_cut_in_the_middle_of_a_blob_is_tried_again(site, repository, after_bytes):
    blob = blob_of(20)
    host, _, port = site.registry.partition(":")

    with cutting_proxy((host, int(port)), after_bytes, cuts=2) as proxy:
        registry(site, host=proxy.address).put_blob(repository, blob)

    assert proxy.cuts == 0
    stored = ask(site, f"{repository}/blobs/{blob.digest}")
    assert f"sha256:{hashlib.sha256(stored.content).hexdigest()}" == blob.digest


def test_a_registry_that_cuts_every_try_is_unavailable_and_holds_no_half_blob(site, repository):
    blob = blob_of(20)
    host, _, port = site.registry.partition(":")

    with cutting_proxy((host, int(port)), 5_000_000, cuts=100) as proxy, pytest.raises(RegistryUnavailable):
        registry(site, host=proxy.address, tries=3).put_blob(repository, blob)

    assert ask(site, f"{repository}/blobs/{blob.digest}").status_code == 404


def test_a_wrong_password_ends_with_registry_user_and_remedy_and_no_tag(site, repository):
    intruder = registry(site, password="wrong")

    with pytest.raises(RegistryRefused) as caught:
        intruder.tag(site.serving_image, "stolen")

    message = str(caught.value)
    assert site.registry in message
    assert repr(site.registry_user) in message
    assert "correct login and password" in message
    assert "wrong" not in message
    assert "stolen" not in (ask(site, "edge/serving/tags/list").json()["tags"] or [])


def test_an_unknown_authority_is_refused_with_the_remedy(site, repository):
    with pytest.raises(RegistryRefused, match="ca_pem"):
        registry(site, ca_pem=None).put_blob(repository, bytes_blob(b"layer"))


def test_certificates_named_in_the_environment_do_not_get_in_the_way(site, repository, monkeypatch):
    for name in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.setenv(name, "/no/such/file.pem")

    registry(site).put_blob(repository, bytes_blob(b"layer"))


def test_a_registry_that_is_not_there_is_unavailable(site, free_port, repository):
    with pytest.raises(RegistryUnavailable, match="does not answer"):
        registry(site, host=f"127.0.0.1:{free_port}", tries=2).put_blob(repository, bytes_blob(b"layer"))


def test_a_layer_goes_up_in_bounded_memory(site, repository):
    blob = blob_of(200)
    before = resident_peak_bytes()

    registry(site).put_blob(repository, blob)

    assert resident_peak_bytes() - before < 48 << 20


def resident_peak_bytes() -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))
