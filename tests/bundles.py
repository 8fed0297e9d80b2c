"""Bundles for tests: a model directory, its listing, its stored tar."""

from __future__ import annotations

import io
import tarfile
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

from edge_runner.listing import BUNDLE_NAME, listing_of
from edge_training import bundle as bundles

FILES: Mapping[str, bytes] = {
    "model/MLmodel": b"flavors: {}\n",
    "model/model.pkl": bytes(range(256)) * 40,
    "metrics.jsonl": b'{"name":"mae","step":1,"value":9.0}\n{"name":"mae","step":2,"value":7.5}\n',
    "evaluation.json": b'{"metrics":{"mae":7.9}}',
}


def stored(store: Path, files: Mapping[str, bytes] = FILES) -> Path:
    """A bundle in a store."""
    directory = store / "files"
    for path, content in files.items():
        (directory / path).parent.mkdir(parents=True, exist_ok=True)
        (directory / path).write_bytes(content)
    return bundles.pack(directory, listing_of(files), store)


def docker_tar(files: Mapping[str, bytes], *others: tarfile.TarInfo) -> bytes:
    """The tar that Docker's archive API sends for the bundle's directory, and further members."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for directory in (BUNDLE_NAME, f"{BUNDLE_NAME}/model"):
            member = tarfile.TarInfo(directory)
            member.type, member.mode = tarfile.DIRTYPE, 0o700
            archive.addfile(member)
        for path, content in files.items():
            member = tarfile.TarInfo(f"{BUNDLE_NAME}/{path}")
            member.size, member.mtime, member.uid = len(content), 1_700_000_000, 65532
            archive.addfile(member, io.BytesIO(content))
        for member in others:
            archive.addfile(member)
    return buffer.getvalue()


async def stream_of(content: bytes, chunk_bytes: int = 1000) -> AsyncIterator[bytes]:
    """Bytes as a site sends them: a chunk at a time."""
    for start in range(0, len(content), chunk_bytes):
        yield content[start : start + chunk_bytes]
