"""Files go into an MLflow run as they are read, without a copy on the worker's disk.

MLflow's own ways of writing an artifact read a file; `MlflowClient.log_stream` makes one first. A server that
takes artifacts itself, the usual case, takes a stream as well, as `mlflow.store.artifact.http_artifact_repo`
of MLflow 3.17 sends it. Elsewhere, as in a bucket that MLflow's client writes to directly, one file at a time
is laid down for it.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from edge_training import tarstream
from edge_training.bundle import Content

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run


@dataclass(frozen=True)
class _Body:
    """The body of a request, as requests takes a stream of known length."""

    content: Content

    def __len__(self) -> int:
        return self.content.size_bytes

    def __iter__(self) -> Iterator[bytes]:
        return tarstream.chunks(self.content.stream)


def send(client: MlflowClient, run: Run, content: Content) -> None:
    """Write one file into a run; in memory is a chunk of it at a time."""
    from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

    repository = get_artifact_repository(str(run.info.artifact_uri), client.tracking_uri)
    if _takes_streams(repository):
        _put(repository, content)
    else:
        _write(repository, content)


def _takes_streams(repository: Any) -> bool:
    """Whether the server takes artifacts, and does not want large ones in parts, past itself."""
    from mlflow.store.artifact.http_artifact_repo import HttpArtifactRepository

    if not isinstance(repository, HttpArtifactRepository):
        return False
    in_parts: bool = repository._is_multipart_upload_enabled()  # type: ignore[no-untyped-call]  # MLflow's
    return not in_parts


def _put(repository: Any, content: Content) -> None:
    from mlflow.utils.credentials import get_default_host_creds
    from mlflow.utils.rest_utils import http_request

    server = get_default_host_creds(repository.artifact_uri)  # type: ignore[no-untyped-call]  # MLflow's
    kind = {"Content-Type": "application/octet-stream"}
    answer = http_request(  # type: ignore[no-untyped-call]  # MLflow's
        server, f"/{content.path}", "PUT", data=_Body(content), extra_headers=kind
    )
    answer.raise_for_status()


def _write(repository: Any, content: Content) -> None:
    target = PurePosixPath(content.path)
    folder = str(target.parent) if len(target.parts) > 1 else None
    with tempfile.TemporaryDirectory(prefix="edge-artifact-") as directory:
        copy = Path(directory) / target.name
        with copy.open("wb") as file:
            file.writelines(tarstream.chunks(content.stream))
        repository.log_artifact(str(copy), folder)
