"""Which key a private key is."""

from __future__ import annotations

import subprocess

import pytest

from edge_training.adapters.ssh.keys import fingerprint
from edge_training.errors import BadRequest


def made(folder, *options: str) -> tuple[str, str]:
    """A private key of ssh-keygen, and the fingerprint that it tells."""
    file = folder / "key"
    subprocess.run(["ssh-keygen", "-q", "-f", file, *options], check=True)
    told = subprocess.run(["ssh-keygen", "-l", "-f", file], check=True, capture_output=True, text=True)
    return file.read_text(), told.stdout.split()[1]


@pytest.mark.parametrize(
    "options", [("-t", "ed25519"), ("-t", "rsa"), ("-t", "ecdsa"), ("-t", "rsa", "-m", "PEM")], ids=" ".join
)
def test_the_fingerprint_is_that_of_ssh_keygen(tmp_path, options):
    key, told = made(tmp_path, "-N", "", *options)
    assert fingerprint(key) == fingerprint(key.strip()) == fingerprint(f"\n{key}\n") == told


def test_a_key_with_a_passphrase_is_named_with_the_remedy(tmp_path):
    key, _ = made(tmp_path, "-N", "passphrase")
    with pytest.raises(BadRequest, match="without a passphrase"):
        fingerprint(key)


@pytest.mark.parametrize("key", ["", "no key", "-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n"])
def test_what_is_no_key_is_named_without_showing_it(key):
    with pytest.raises(BadRequest, match="cannot be read") as caught:
        fingerprint(key)
    assert "AAAA" not in str(caught.value)
