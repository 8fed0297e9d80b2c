"""Step export: copy into `bundle/` what may leave the site, and nothing else, with a list of it.

The worker streams that directory through Docker's archive API and checks every byte against the list.
"""

from __future__ import annotations

import shutil
import stat
from collections.abc import Iterator, Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

from edge_runner import mlflow_files
from edge_runner.listing import (
    BUNDLE_NAME,
    EVALUATION_PATH,
    METRICS_PATH,
    MODEL_FILE_PATH,
    MODEL_NAME,
    MODEL_PREFIX,
    RUN_PATH,
    ListedFile,
    bundle_digest,
    path_objection,
    size_objection,
)
from edge_runner.metrics import METRIC_NAME, read_points
from edge_runner.protocol import Dirs, StepError, canonical_json, write_atomically

MAX_RUN_BYTES = 64 * 1024
_CHUNK_BYTES = 1 << 20


def run(request: Mapping[str, Any], secrets: Mapping[str, str], dirs: Dirs) -> dict[str, Any]:
    """Check, copy and list the bundle.

    Args:
        request: `{"allow": [pattern...], "max_bytes": int}`.
        secrets: None needed.
        dirs: `inputs/train` and `inputs/evaluate` hold what earlier steps left; `job/bundle` is written.

    Returns:
        `{"files": [{"path", "size", "sha256"}...], "bundle_digest": str, "size_bytes": int}`.

    Raises:
        StepError: kind `ExportRefused` or `NoModel`.
    """
    points = read_points(dirs.inputs / "train" / METRICS_PATH)
    write_atomically(dirs.job / METRICS_PATH, metric_lines(points))
    keep_run(dirs)
    sources = dict(bundle_sources(dirs))
    check_sources(sources, request["allow"], int(request["max_bytes"]))
    bundle = dirs.job / BUNDLE_NAME
    shutil.rmtree(bundle, ignore_errors=True)
    files = [copy_listed(source, bundle, path) for path, source in sorted(sources.items())]
    size_bytes = sum(file["size"] for file in files)
    print(f"export: {len(files)} files, {size_bytes} bytes may leave the site", flush=True)
    return {"files": files, "bundle_digest": bundle_digest(files), "size_bytes": size_bytes}


def metric_lines(points: Sequence[Mapping[str, Any]]) -> bytes:
    """The metrics file as it leaves: steps, names and numbers, and nothing else a script wrote into it.

    Raises:
        StepError: kind `ExportRefused`, when a name could be a place to hide data.
    """
    for point in points:
        if not METRIC_NAME.fullmatch(point["name"]):
            raise refusal(
                f"A metric of step {point['step']} has a name that may not leave the site; "
                "use letters, digits, spaces and _ - . / only, at most 100 of them."
            )
    return b"".join(canonical_json(point) + b"\n" for point in points)


def keep_run(dirs: Dirs) -> None:
    """Leave what the script logged with MLflow where `bundle_sources` looks for it.

    Raises:
        StepError: kind `ExportRefused`, when it is too long for parameters and tags.
    """
    (dirs.job / RUN_PATH).unlink(missing_ok=True)
    if found := mlflow_files.logged(dirs.inputs / "train" / mlflow_files.STORE_NAME):
        content = canonical_json(found)
        if len(content) > MAX_RUN_BYTES:
            raise refusal(
                f"The parameters and tags that the script logged with MLflow take {len(content)} bytes, and "
                f"at most {MAX_RUN_BYTES} may leave the site; log less."
            )
        write_atomically(dirs.job / RUN_PATH, content)


def bundle_sources(dirs: Dirs) -> Iterator[tuple[str, Path]]:
    """Every file of the bundle: its path in the bundle and where it lies now."""
    model = dirs.inputs / "train" / MODEL_NAME
    for source in model.rglob("*"):
        if source.is_symlink() or not source.is_dir():
            yield MODEL_PREFIX + source.relative_to(model).as_posix(), source
    yield METRICS_PATH, dirs.job / METRICS_PATH
    if (dirs.job / RUN_PATH).exists():
        yield RUN_PATH, dirs.job / RUN_PATH
    yield EVALUATION_PATH, dirs.inputs / "evaluate" / EVALUATION_PATH


def check_sources(sources: Mapping[str, Path], allow: Sequence[str], max_bytes: int) -> None:
    """Refuse what may not leave, before any of it is copied.

    Raises:
        StepError: kind `ExportRefused` naming the file, or `NoModel`.
    """
    if MODEL_FILE_PATH not in sources:
        raise StepError(
            "NoModel",
            "The model has no file MLmodel; let the script save an MLflow model into EDGE_MODEL_DIR.",
        )
    for path, source in sources.items():
        if not stat.S_ISREG(source.lstat().st_mode):
            raise refusal(
                f"{path} is a link or a special file; only plain files may leave: let the script copy it."
            )
        if reason := path_objection(path, allow):
            raise refusal(reason)
    if reason := size_objection(sum(source.lstat().st_size for source in sources.values()), max_bytes):
        raise refusal(reason)


def copy_listed(source: Path, bundle: Path, path: str) -> ListedFile:
    """Copy one file into the bundle and list it by the bytes that were copied."""
    target = bundle / path
    target.parent.mkdir(parents=True, exist_ok=True)
    digest, size_bytes = sha256(), 0
    with source.open("rb") as reader, target.open("xb") as writer:
        while chunk := reader.read(_CHUNK_BYTES):
            digest.update(chunk)
            size_bytes += writer.write(chunk)
    return {"path": path, "size": size_bytes, "sha256": digest.hexdigest()}


def refusal(message: str) -> StepError:
    """The verdict against letting something leave."""
    return StepError("ExportRefused", message)
