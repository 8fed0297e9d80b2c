"""The list of what leaves the site: made by the export step, checked again by the worker, defined once.

A listing is a list of `{"path", "size", "sha256"}`; paths are relative to the directory that leaves, `/`
between segments. The digest of a bundle's listing names the bundle.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from hashlib import file_digest, sha256
from pathlib import Path
from typing import Any, TypedDict

from edge_runner.globs import matches_any
from edge_runner.protocol import canonical_json

BUNDLE_NAME = "bundle"
"""The directory of the export job that leaves."""
METRICS_PATH = "metrics.jsonl"
CHECKPOINTS_NAME = "checkpoints"
"""The directory of the training job that survives interruptions."""
EVALUATION_PATH = "evaluation.json"
RUN_PATH = "run.json"
"""Parameters and tags that the training script logged with MLflow; only when it did."""
LISTING_PATH = "bundle.json"
"""Where the listing itself is kept beside the files; not part of the bundle."""
MODEL_NAME = "model"
MODEL_PREFIX = f"{MODEL_NAME}/"
MODEL_FILE_PATH = f"{MODEL_PREFIX}MLmodel"

REPORT_NAME = "report.json"
PAGE_NAME = "report.html"
PROFILE_NAME = "profile.json"
"""What leaves of a check of the data."""

_SHA256 = re.compile(r"[0-9a-f]{64}")
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f\\]")


class ListedFile(TypedDict):
    """One file that leaves."""

    path: str
    size: int
    sha256: str


def listing_of(files: Mapping[str, bytes]) -> list[ListedFile]:
    """The listing of files in memory, in order of paths."""
    return [
        {"path": path, "size": len(content), "sha256": sha256(content).hexdigest()}
        for path, content in sorted(files.items())
    ]


def bundle_digest(files: Iterable[ListedFile]) -> str:
    """The SHA-256, in hex, of the listing's canonical JSON in order of paths: the identity of a bundle."""
    return sha256(canonical_json(sorted(files, key=lambda file: file["path"]))).hexdigest()


def list_files(directory: Path) -> list[ListedFile]:
    """The listing of all files below a directory, by the bytes they hold now."""
    return [_listed(path, directory) for path in sorted(directory.rglob("*")) if path.is_file()]


def _listed(path: Path, directory: Path) -> ListedFile:
    with path.open("rb") as file:
        digest = file_digest(file, "sha256").hexdigest()
    return {"path": path.relative_to(directory).as_posix(), "size": path.stat().st_size, "sha256": digest}


def objection(files: Any, allow: Sequence[str], max_size_bytes: int) -> str | None:
    """Why these files may not leave the site.

    Args:
        files: The listing, or anything a container sent in its place.
        allow: Patterns of paths that may leave, see `globs.py`.
        max_size_bytes: The most that all files together may hold.

    Returns:
        One sentence about the first file that may not leave, with the remedy; None when all may.
    """
    if not isinstance(files, list) or not all(_is_listed_file(file) for file in files):
        return "The list of exported files is malformed; use the same release on the site and on the worker."
    paths = [file["path"] for file in files]
    for path in paths:
        if reason := path_objection(path, allow):
            return reason
    if len(set(paths)) != len(paths):
        return "The list of exported files names a file twice; clear export_model to list them again."
    return size_objection(sum(file["size"] for file in files), max_size_bytes)


def path_objection(path: str, allow: Sequence[str]) -> str | None:
    """Why a file of this path may not leave the site; None when it may."""
    segments = path.split("/")
    if _UNPRINTABLE.search(path) or any(
        part in ("", ".", "..") or part.startswith(".wh.") for part in segments
    ):
        return (
            f"{path!r} is no plain relative path and may not leave the site; let the script use a plain name."
        )
    if not matches_any(path, allow):
        return (
            f"{path} is not on the list of what may leave the site ({', '.join(allow)}); "
            "keep it out of EDGE_MODEL_DIR, or allow its name in the DAG if it holds no data."
        )
    return None


def size_objection(size_bytes: int, max_size_bytes: int) -> str | None:
    """Why a bundle of this size may not leave the site; None when it may."""
    if size_bytes <= max_size_bytes:
        return None
    return (
        f"The bundle holds {size_bytes} bytes, at most {max_size_bytes} may leave the site; "
        "make the model smaller or raise the limit in the DAG."
    )


def _is_listed_file(file: Any) -> bool:
    return (
        isinstance(file, dict)
        and file.keys() == {"path", "size", "sha256"}
        and isinstance(file["path"], str)
        and type(file["size"]) is int
        and file["size"] >= 0
        and isinstance(file["sha256"], str)
        and _SHA256.fullmatch(file["sha256"]) is not None
    )
