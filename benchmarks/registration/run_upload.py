"""Uploads a file with azure-storage-blob to a signed address.

`python -m benchmarks.registration.run_upload URL FILE`.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from azure.storage.blob import BlobClient

from benchmarks.measured import peak_bytes, tell


def main(url: str, path: str) -> None:
    """Do it once."""
    before_bytes, began_at = peak_bytes(), time.perf_counter()
    with BlobClient.from_blob_url(url) as blob, Path(path).open("rb") as file:
        blob.upload_blob(file)
    tell(time.perf_counter() - began_at, before_bytes=before_bytes)


if __name__ == "__main__":
    main(*sys.argv[1:])
