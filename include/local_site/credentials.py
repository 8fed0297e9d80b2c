"""The secrets of the local site: generated at the first start, kept in files only their owner can read."""

from __future__ import annotations

import base64
import secrets
from dataclasses import asdict, dataclass, field
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from local_site.files import read_json, write_json, write_private


def _random_key() -> str:
    return base64.b64encode(secrets.token_bytes(64)).decode()


def _fernet_key() -> str:
    return base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()


def _password() -> str:
    return secrets.token_urlsafe(24)


@dataclass(frozen=True)
class Credentials:
    """Generated secrets of one site."""

    blob_key: str = field(default_factory=_random_key, repr=False)
    registry_password: str = field(default_factory=_password, repr=False)
    registry_http_secret: str = field(default_factory=_password, repr=False)
    airflow_password: str = field(default_factory=_password, repr=False)
    airflow_fernet_key: str = field(default_factory=_fernet_key, repr=False)
    airflow_jwt_secret: str = field(default_factory=_random_key, repr=False)
    airflow_api_secret: str = field(default_factory=_random_key, repr=False)


def load_or_create(path: Path) -> Credentials:
    """The credentials on file, or new ones written there."""
    known = read_json(path)
    if known is not None:
        return Credentials(**known)
    credentials = Credentials()
    write_json(path, asdict(credentials))
    return credentials


def ensure_ssh_key(path: Path) -> str:
    """Make an Ed25519 key pair (`path`, `path.pub`) unless it exists; gives the public line."""
    public_file = path.with_name(path.name + ".pub")
    if not public_file.exists():
        key = Ed25519PrivateKey.generate()
        write_private(path, key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()))
        public = key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
        write_private(public_file, public + b"\n")
    return public_file.read_text().strip()
