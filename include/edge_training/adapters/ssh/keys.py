"""Which key a private key is, told without showing it."""

from __future__ import annotations

import base64
import hashlib

from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
    load_ssh_private_key,
)

from edge_training.errors import BadRequest

_OPENSSH = "-----BEGIN OPENSSH PRIVATE KEY-----"


def fingerprint(private_key: str) -> str:
    """The fingerprint of a private key's public half, `SHA256:...` as OpenSSH shows it.

    Raises:
        BadRequest: It cannot be read, or has a passphrase.
    """
    load = load_ssh_private_key if private_key.lstrip().startswith(_OPENSSH) else load_pem_private_key
    try:
        # Both readers want the newline at the end that text fields tend to lose.
        public = load(private_key.strip().encode() + b"\n", password=None).public_key()
        _, content, *_ = public.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).split()
    except (ValueError, TypeError) as error:
        raise BadRequest(
            f"The private key cannot be read ({type(error).__name__}); give one in OpenSSH's or PEM format, "
            "without a passphrase."
        ) from error
    digest = hashlib.sha256(base64.b64decode(content)).digest()
    return "SHA256:" + base64.b64encode(digest).decode().rstrip("=")
