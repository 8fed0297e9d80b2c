"""The bundle: what may leave a site after training, checked on its way in and kept as one deterministic tar.

    model/**           an MLflow model directory
    metrics.jsonl      {"step", "name", "value"} per line, as the training script wrote it
    evaluation.json    the report of the evaluation
    run.json           parameters and tags that the script logged with MLflow, if it did

A bundle is named by its digest, the SHA-256 of its listing. The store holds `<digest>.tar`: paths sorted,
fixed owner, mode and time, so that the same files are the same bytes on every machine.
"""

from __future__ import annotations

import asyncio
import io
import json
import os
import tarfile
import tempfile
from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from contextlib import aclosing, contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import IO, Any, Final, cast

from edge_runner.listing import (
    BUNDLE_NAME,
    LISTING_PATH,
    METRICS_PATH,
    RUN_PATH,
    ListedFile,
    bundle_digest,
    objection,
)
from edge_runner.protocol import canonical_json
from edge_training import tarstream
from edge_training.errors import ExportRefused

ALLOWED: Final = (
    "model/MLmodel",
    "model/conda.yaml",
    "model/python_env.yaml",
    "model/requirements.txt",
    "model/model.pkl",
    "model/model.skops",
    "metrics.jsonl",
    "evaluation.json",
    "run.json",
)
"""What may leave unless a DAG says otherwise: a scikit-learn model as MLflow saves it, and reports."""
MAX_SIZE_BYTES: Final = 2 * 1024**3

_STREAM_OVERHEAD_BYTES = 1 << 20
_STREAM_OVERHEAD_PER_FILE_BYTES = 8 * tarfile.BLOCKSIZE


@dataclass(frozen=True)
class Metric:
    """One point of a metric's curve."""

    name: str
    value: float
    step: int = 0


@dataclass(frozen=True)
class Content:
    """A file on its way.

    Attributes:
        path: Where it goes.
        stream: Its bytes, to be read once, from the first to the last.
        size_bytes: How many they are.
    """

    path: str
    stream: IO[bytes]
    size_bytes: int


def check_listing(
    files: Any, allow: Sequence[str] = ALLOWED, max_size_bytes: int = MAX_SIZE_BYTES
) -> list[ListedFile]:
    """The listing a container sent, sorted, once every file on it may leave the site.

    Raises:
        ExportRefused: Naming the first file that may not.
    """
    if reason := objection(files, allow, max_size_bytes):
        raise ExportRefused(reason)
    return in_order(files)


async def receive(stream: AsyncGenerator[bytes, None], files: Sequence[ListedFile], store: Path) -> Path:
    """Take in a bundle from a site, and nothing that is not on its listing.

    Memory is bounded by one chunk of the stream; nothing shows in the store before all of it is verified.

    Args:
        stream: A tar as Docker's archive API sends it for the directory `bundle`.
        files: The listing, from `check_listing`.
        store: Directory of the worker that holds bundles.

    Returns:
        The path of `<bundle digest>.tar`.

    Raises:
        ExportRefused: A member is not on the listing, is no plain file, has other bytes, or is missing.
    """
    target = bundle_path(store, bundle_digest(files))
    if await asyncio.to_thread(is_intact, target, files):
        return target
    async with aclosing(tarstream.BlockingReader(stream, _stream_limit(files))) as reader:
        await asyncio.to_thread(_repack, reader, files, target)
    return target


def pack(directory: Path, files: Sequence[ListedFile], store: Path) -> Path:
    """Keep a bundle whose files lie in a directory, under the same checks as `receive`.

    Raises:
        ExportRefused: A file has other bytes than listed.
    """
    target = bundle_path(store, bundle_digest(files))
    if not is_intact(target, files):
        with _writer(target, files) as writer:
            for file in files:
                with (directory / file["path"]).open("rb") as content:
                    writer.add(file["path"], content)
    return target


def bundle_path(store: Path, digest: str) -> Path:
    """Where a store keeps a bundle."""
    return store / f"{digest}.tar"


def in_order(files: Sequence[ListedFile]) -> list[ListedFile]:
    """A listing sorted by path, as a stored bundle has it."""
    return sorted(files, key=lambda file: file["path"])


def is_intact(bundle: Path, files: Sequence[ListedFile]) -> bool:
    """Whether a stored bundle is there and holds exactly the listed bytes."""
    try:
        return bundle.exists() and read_listing(bundle) == in_order(files)
    except tarfile.TarError:
        return False


def require_whole(bundle: Path) -> None:
    """Make sure that a stored bundle is there to its end; its bytes are not read.

    Raises:
        ExportRefused: It is not.
    """
    try:
        with tarfile.open(bundle, mode="r:") as archive:
            archive.getmembers()
    except (OSError, tarfile.TarError) as error:
        raise _damaged(bundle, str(error)) from error


def read_listing(bundle: Path) -> list[ListedFile]:
    """The listing of a stored bundle, from its bytes."""
    return [
        {"path": member.name, "size": member.size, "sha256": _digest_of_content(content)}
        for member, content in read_files(bundle)
    ]


def read_files(bundle: Path) -> Iterator[tuple[tarfile.TarInfo, IO[bytes]]]:
    """The files of a stored bundle in order of paths; each is readable until the next is asked for."""
    with tarfile.open(bundle, mode="r:") as archive:
        for member in archive:
            content = archive.extractfile(member)
            if content is not None:
                yield member, content


def read_listed(bundle: Path) -> Iterator[Content]:
    """The files of a stored bundle in order of paths, each to be read to its end before the next is asked
    for; then their listing, once their bytes have shown that they are what the bundle is named by.

    Raises:
        ExportRefused: They are not.
    """
    files: list[ListedFile] = []
    for member, content in read_files(bundle):
        stream = tarstream.Hashed(content)
        yield Content(member.name, cast("IO[bytes]", stream), member.size)
        files.append({"path": member.name, "size": member.size, "sha256": stream.sha256})
    if bundle_digest(files) != bundle.stem:
        raise _damaged(bundle, "its bytes have changed")
    yield from in_memory({LISTING_PATH: canonical_json(files)})


def in_memory(files: Mapping[str, bytes]) -> Iterator[Content]:
    """Small files, in order of paths."""
    for path, content in sorted(files.items()):
        yield Content(path, io.BytesIO(content), len(content))


def read_metrics(bundle: Path) -> list[Metric]:
    """The metrics the training script wrote; empty when it wrote none."""
    for member, content in read_files(bundle):
        if member.name == METRICS_PATH:
            points = [json.loads(line) for line in content]
            return [Metric(point["name"], float(point["value"]), point["step"]) for point in points]
    return []


def read_run(bundle: Path) -> dict[str, dict[str, str]]:
    """`params` and `tags` that the training script logged with MLflow; empty when it logged none."""
    for member, content in read_files(bundle):
        if member.name == RUN_PATH:
            return dict(json.load(content))
    return {}


class _Writer:
    """Writes files, in whatever order they come, to the place each has in the sorted tar."""

    def __init__(self, file: IO[bytes], files: Sequence[ListedFile]) -> None:
        self._file = file
        self._missing: dict[str, tuple[int, ListedFile]] = {}
        offset = 0
        for listed in in_order(files):
            header = tarstream.header(listed["path"], listed["size"])
            file.seek(offset)
            file.write(header)
            self._missing[listed["path"]] = (offset + len(header), listed)
            offset += len(header) + listed["size"] + len(tarstream.padding(listed["size"]))
        file.seek(offset)
        file.write(tarstream.END)

    def add(self, path: str, content: IO[bytes]) -> None:
        """Copy one file to its place and verify its bytes.

        Raises:
            ExportRefused: It is not expected, or not what was listed.
        """
        if path not in self._missing:
            raise ExportRefused(
                f"The site sent {path!r}, which is not on the list of exported files; "
                "nothing was kept: examine the site before you clear export_model."
            )
        offset, listed = self._missing.pop(path)
        self._file.seek(offset)
        digest, size_bytes = sha256(), 0
        for chunk in tarstream.chunks(content):
            size_bytes += len(chunk)
            if size_bytes > listed["size"]:
                break
            digest.update(chunk)
            self._file.write(chunk)
        if (size_bytes, digest.hexdigest()) != (listed["size"], listed["sha256"]):
            raise ExportRefused(
                f"{path} did not arrive as listed ({listed['size']} bytes, SHA-256 {listed['sha256']}); "
                "nothing was kept: clear export_model to list and send it again."
            )

    def finish(self) -> None:
        """Make sure that nothing is missing and that all of it is on disk.

        Raises:
            ExportRefused: A listed file did not come.
        """
        if self._missing:
            raise ExportRefused(
                f"The site did not send {min(self._missing)}, which is on the list of exported files; "
                "nothing was kept: clear export_model to send it again."
            )
        self._file.flush()
        os.fsync(self._file.fileno())


@contextmanager
def _writer(target: Path, files: Sequence[ListedFile]) -> Iterator[_Writer]:
    """A writer whose tar appears at `target` only when every listed file has arrived."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=target.parent, prefix=f".{target.stem[:16]}-", delete=False) as file:
        partial = Path(file.name)
        try:
            writer = _Writer(file, files)
            yield writer
            writer.finish()
            partial.replace(target)
        finally:
            partial.unlink(missing_ok=True)


def _repack(reader: tarstream.BlockingReader, files: Sequence[ListedFile], target: Path) -> None:
    with _writer(target, files) as writer, _archive(reader) as archive:
        for member in archive:
            if member.isdir():
                continue
            content = archive.extractfile(member) if member.isfile() else None
            if content is None:
                raise ExportRefused(
                    f"The site sent {member.name!r}, which is a link or a special file; "
                    "only plain files may leave the site: examine it."
                )
            writer.add(member.name.removeprefix(f"{BUNDLE_NAME}/"), content)


@contextmanager
def _archive(reader: tarstream.BlockingReader) -> Iterator[tarfile.TarFile]:
    try:
        buffered = io.BufferedReader(reader, tarstream.CHUNK_BYTES)
        with tarfile.open(fileobj=buffered, mode="r|", bufsize=tarstream.CHUNK_BYTES) as archive:
            yield archive
    except tarfile.TarError as error:
        raise ExportRefused(
            f"The site did not send a whole tar ({error}); clear export_model to send it again."
        ) from error


def _stream_limit(files: Sequence[ListedFile]) -> int:
    """The most bytes that an honest tar of these files can have."""
    return sum(file["size"] + _STREAM_OVERHEAD_PER_FILE_BYTES for file in files) + _STREAM_OVERHEAD_BYTES


def _digest_of_content(content: IO[bytes]) -> str:
    digest = sha256()
    for chunk in tarstream.chunks(content):
        digest.update(chunk)
    return digest.hexdigest()


def _damaged(bundle: Path, how: str) -> ExportRefused:
    return ExportRefused(
        f"The stored bundle {bundle} is damaged ({how}); clear export_model to bring it from the site again."
    )
