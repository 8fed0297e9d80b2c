"""The files of runs in Azure Machine Learning, for MLflow's adapters.

MLflow's own calls do not do: azureml-mlflow's upload of a directory forgets its errors, a file whose name was
given out once can never be sent again, sizes are not told, and listing a run's files asks for what a
workspace does not serve. So signed addresses come from azureml-mlflow's client of the workspace's artifacts,
and azure-storage-blob moves the bytes.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edge_training.adapters.azureml.address import WorkspaceAddress
from edge_training.adapters.azureml.client import ORIGIN
from edge_training.adapters.azureml.faults import is_status
from edge_training.adapters.azureml.files import RunBlobs, container_name
from edge_training.adapters.mlflow.files import RunFiles
from edge_training.bundle import Content
from edge_training.errors import ModelRegistryRefused

if TYPE_CHECKING:
    from mlflow.entities import Run


class WorkspaceFiles(RunFiles):
    """The files of a workspace's runs; paths are relative to a run."""

    def __init__(self, artifacts: Any, address: WorkspaceAddress) -> None:
        """Use a workspace.

        Args:
            artifacts: azureml-mlflow's client of its artifacts.
            address: Where it is.
        """
        self._addresses = _Addresses(artifacts, address)
        self._address = address

    def write(self, run: Run, contents: Iterable[Content]) -> None:
        """See `RunFiles.write`."""
        blobs = self._of(run.info.run_id)
        for content in contents:
            blobs.write(content.path, content.stream, content.size_bytes)

    def put_file(self, run_id: str, file: Path, directory: str) -> None:
        """See `RunFiles.put_file`."""
        with file.open("rb") as content:
            self._of(run_id).write(f"{directory}/{file.name}", content, file.stat().st_size)

    def size_bytes(self, run_id: str, path: str) -> int | None:
        """See `RunFiles.size_bytes`."""
        return self._of(run_id).size_bytes(path) or 0

    def read(self, run_id: str, path: str) -> bytes | None:
        """See `RunFiles.read`."""
        return self._of(run_id).read(path)

    def fetch(self, run_id: str, path: str, directory: Path) -> Path:
        """See `RunFiles.fetch`.

        Raises:
            ModelRegistryRefused: The run has no such file.
        """
        if not self._of(run_id).fetch(path, directory / path):
            raise ModelRegistryRefused(
                f"The run {run_id} in Azure Machine Learning has no file {path} any more; delete its version "
                "and register the model again."
            )
        return directory / path

    def page(self, run: Run, path: str) -> str:
        """See `RunFiles.page`."""
        return self._address.link_to_file(run.info.run_id, path)

    def _of(self, run_id: str) -> RunBlobs:
        return RunBlobs(self._addresses, container_name(run_id))


class _Addresses:
    """Signed addresses of a workspace's artifacts, by azureml-mlflow's client; implements `Addresses`."""

    def __init__(self, artifacts: Any, address: WorkspaceAddress) -> None:
        self._artifacts = artifacts
        self._scope = address.names

    def writable(self, container: str, path: str) -> str:
        """The signed address to write an artifact at, which is made unless it exists."""
        from azureml.mlflow._restclient.artifact.models import ArtifactPath, ArtifactPathList

        wanted = ArtifactPathList(paths=[ArtifactPath(path=path)])
        made = self._artifacts.batch_create_empty_artifacts(*self._scope, ORIGIN, container, body=wanted)
        if path in (made.artifact_content_information or {}):
            return str(made.artifact_content_information[path].content_uri)
        return str(self._artifacts.get_sas(*self._scope, ORIGIN, container, path).content_uri)

    def readable(self, container: str, path: str) -> str | None:
        """The signed address to read an artifact at, or None when there is none."""
        from azure.core.exceptions import HttpResponseError

        try:
            found = self._artifacts.get_content_information(*self._scope, ORIGIN, container, path)
        except HttpResponseError as error:
            if not is_status(error, 404):
                raise
            return None
        return str(found.content_uri)
