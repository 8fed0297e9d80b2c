"""A private authority and a server certificate for this machine, as the local site makes them."""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path

from local_site.layout import Layout
from local_site.pki import ensure_certificates

BLOB_HOST = "account.blob.local.stackhub.test"


@cache
def certificates() -> Layout:
    """Paths of the files; made once per test run and gone with it."""
    folder = tempfile.TemporaryDirectory(prefix="certificates-")
    layout = Layout(Path(folder.name), Path(folder.name))
    ensure_certificates(layout, (BLOB_HOST,))
    _keep_until_exit.append(folder)
    return layout


_keep_until_exit: list[tempfile.TemporaryDirectory[str]] = []
