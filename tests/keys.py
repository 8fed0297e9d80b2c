"""Private keys of a test's own."""

from __future__ import annotations

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat


def new_key(written: PrivateFormat = PrivateFormat.OpenSSH) -> str:
    """A new one in PEM, unless told otherwise as ssh-keygen writes it."""
    return Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, written, NoEncryption()).decode()
