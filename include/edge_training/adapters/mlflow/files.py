"""Files of runs where MLflow's protocol is spoken: a server's artifacts, unless a dialect says otherwise."""

from __future__ import annotations

import tempfile
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from edge_training.adapters.mlflow.artifacts import send
from edge_training.adapters.mlflow.refusals import unless_absent
from edge_training.bundle import Content
from edge_training.errors import ModelRegistryRefused, ModelRegistryUnavailable
from edge_training.validation_files import MAX_SIZE_BYTES

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

_ABSENT = -1


class RunFiles(ABC):
    """The files of runs; paths are relative to a run."""

    @abstractmethod
    def write(self, run: Run, contents: Iterable[Content]) -> None:
        """Send files as they are read, in the place of those of their paths, and hold their sizes there
        against ours.

        Args:
            run: The run.
            contents: The files, with their paths in it.

        Raises:
            ModelRegistryUnavailable: The server has another number of bytes of one.
        """

    @abstractmethod
    def put_file(self, run_id: str, file: Path, directory: str) -> None:
        """Send a file into a directory of a run."""

    @abstractmethod
    def size_bytes(self, run_id: str, path: str) -> int | None:
        """How long a file is: 0 when there is none, None where the server does not tell."""

    @abstractmethod
    def read(self, run_id: str, path: str) -> bytes | None:
        """A small file; None when there is none, or no such run.

        Raises:
            ModelRegistryRefused: It is larger than any of ours.
        """

    @abstractmethod
    def fetch(self, run_id: str, path: str, directory: Path) -> Path:
        """Bring a file into a directory of this machine, where it has the same path."""

    @abstractmethod
    def page(self, run: Run, path: str) -> str:
        """Where people read a file of a run."""

    def link(self, label: str, run: Run, path: str) -> str:
        """How people get to a file of a run, Markdown."""
        return f"[{label}]({self.page(run, path)})"


class ServerFiles(RunFiles):
    """The files of an MLflow server's runs, its artifacts."""

    def __init__(self, client: MlflowClient, url: str) -> None:
        """Use a client.

        Args:
            client: MLflow's client.
            url: The server, without a slash at its end.
        """
        self._client = client
        self._url = url

    def write(self, run: Run, contents: Iterable[Content]) -> None:
        """See `RunFiles.write`."""
        sizes = {}
        for content in contents:
            send(self._client, run, content)
            sizes[content.path] = content.size_bytes
        there = dict(self._sizes(run.info.run_id, None)) if sizes else {}
        for path, size_bytes in sizes.items():
            if there.get(path, _ABSENT) not in (size_bytes, None):
                raise ModelRegistryUnavailable(
                    f"MLflow does not have all {size_bytes} bytes of {path} in run {run.info.run_id}; "
                    "they are sent again."
                )

    def put_file(self, run_id: str, file: Path, directory: str) -> None:
        """See `RunFiles.put_file`."""
        self._client.log_artifact(run_id, str(file), directory)

    def size_bytes(self, run_id: str, path: str) -> int | None:
        """See `RunFiles.size_bytes`."""
        return dict(self._sizes(run_id, str(PurePosixPath(path).parent))).get(path, 0)

    def read(self, run_id: str, path: str) -> bytes | None:
        """See `RunFiles.read`."""
        listed = unless_absent(self._client.list_artifacts, run_id, str(PurePosixPath(path).parent))
        found = [entry for entry in listed or () if entry.path == path]
        if not found:
            return None
        if (found[0].file_size or 0) > MAX_SIZE_BYTES:
            raise ModelRegistryRefused(
                f"The artifact {path} of run {run_id} in MLflow has {found[0].file_size} bytes, at most "
                f"{MAX_SIZE_BYTES} are read; remove what has replaced it."
            )
        with tempfile.TemporaryDirectory(prefix="edge-artifact-") as directory:
            return self.fetch(run_id, path, Path(directory)).read_bytes()

    def fetch(self, run_id: str, path: str, directory: Path) -> Path:
        """See `RunFiles.fetch`."""
        target = directory / path
        target.parent.mkdir(parents=True, exist_ok=True)
        # Whether the file's own directories are made beneath depends on where the server keeps its artifacts.
        return Path(self._client.download_artifacts(run_id, path, str(target.parent))).replace(target)

    def page(self, run: Run, path: str) -> str:
        """See `RunFiles.page`."""
        return f"{self._url}/#/experiments/{run.info.experiment_id}/runs/{run.info.run_id}/artifacts/{path}"

    def _sizes(self, run_id: str, directory: str | None) -> Iterator[tuple[str, int | None]]:
        """Size by path; None where the server does not tell, as for empty files."""
        for entry in self._client.list_artifacts(run_id, directory):
            if entry.is_dir:
                yield from self._sizes(run_id, entry.path)
            else:
                yield entry.path, entry.file_size


def beneath(root: str, contents: Iterable[Content]) -> Iterator[Content]:
    """Files as they lie beneath a root, which is empty or ends with a slash."""
    for content in contents:
        yield replace(content, path=root + content.path)
