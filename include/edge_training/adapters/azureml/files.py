"""The files of a run in Azure Machine Learning: artifacts, whose bytes lie in the workspace's blob storage.

azureml-core holds a whole file in memory to download it, and cannot upload one whose name has to be escaped
in an address. So only the signed address comes from it; the bytes are streamed by azure-storage-blob.
"""

from __future__ import annotations

from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final, Protocol

from edge_training.adapters.azureml.faults import is_status
from edge_training.errors import ModelRegistryRefused, ModelRegistryUnavailable
from edge_training.validation_files import MAX_SIZE_BYTES

if TYPE_CHECKING:
    from azure.storage.blob import BlobClient

BLOCK_BYTES: Final = 8 * 2**20
CONNECTIONS: Final = 2
"""How many blocks travel at once; all of them are in memory."""


class Addresses(Protocol):
    """Gives out signed addresses of a workspace's artifacts."""

    def writable(self, container: str, path: str) -> str:
        """Where to write an artifact, which is made unless it exists."""

    def readable(self, container: str, path: str) -> str | None:
        """Where to read an artifact, or None when there is none."""


def container_of(run: Any) -> str:
    """The container of a run's artifacts; a service that does not tell it names it by the run."""
    return run.data_container_id or container_name(run.run_id)


def container_name(run_id: str) -> str:
    """How the container of a run's artifacts is called."""
    return f"dcid.{run_id}"


class RunBlobs:
    """The files of one run."""

    def __init__(self, client: Addresses, container: str) -> None:
        """Use a workspace.

        Args:
            client: The workspace.
            container: The run's `dataContainerId`.
        """
        self._client = client
        self._container = container

    def write(self, path: str, content: bytes | IO[bytes], size_bytes: int) -> None:
        """Write a file, in the place of any other of this path, and hold its size there against ours.

        TLS guards the bytes on their way, and whoever reads a bundle or log holds its SHA-256 against ours; a
        further sum for each block would cost as much time as reading the file again.

        Raises:
            ModelRegistryUnavailable: The storage has another number of bytes.
        """
        with _blob(self._client.writable(self._container, path)) as blob:
            blob.upload_blob(
                content,
                length=size_bytes,
                overwrite=True,
                max_concurrency=CONNECTIONS,
            )
        if self.size_bytes(path) != size_bytes:
            raise ModelRegistryUnavailable(
                f"Azure Machine Learning does not have all {size_bytes} bytes of {path} in "
                f"{self._container}; they are sent again."
            )

    def size_bytes(self, path: str) -> int | None:
        """How long a file is, or None when there is none."""
        address = self._client.readable(self._container, path)
        if address is None:
            return None
        with _blob(address) as blob:
            return _size_bytes(blob)

    def read(self, path: str) -> bytes | None:
        """A small file, or None when there is none.

        Raises:
            ModelRegistryRefused: It is larger than any of ours.
        """
        address = self._client.readable(self._container, path)
        if address is None:
            return None
        with _blob(address) as blob:
            size_bytes = _size_bytes(blob)
            if size_bytes is None:
                return None
            if size_bytes > MAX_SIZE_BYTES:
                raise ModelRegistryRefused(
                    f"The artifact {path} in {self._container} of Azure Machine Learning has {size_bytes} "
                    f"bytes, at most {MAX_SIZE_BYTES} are read; remove what has replaced it."
                )
            return bytes(blob.download_blob().readall())

    def fetch(self, path: str, target: Path) -> bool:
        """Bring a file to a place on this machine, a piece at a time; says whether there was one."""
        address = self._client.readable(self._container, path)
        if address is None:
            return False
        target.parent.mkdir(parents=True, exist_ok=True)
        with _blob(address) as blob, target.open("wb") as file:
            blob.download_blob(max_concurrency=CONNECTIONS).readinto(file)
        return True


def _size_bytes(blob: BlobClient) -> int | None:
    """A blob's size; None for an artifact whose bytes were never sent."""
    from azure.core.exceptions import HttpResponseError

    try:
        return int(blob.get_blob_properties().size)
    except HttpResponseError as error:
        if not is_status(error, 404):
            raise
    return None


def _blob(address: str) -> BlobClient:
    """A blob at a signed address; a block that is lost on the way is sent again."""
    from azure.storage.blob import BlobClient, LinearRetry

    sizes: dict[str, Any] = dict.fromkeys(
        ("max_single_put_size", "max_block_size", "max_single_get_size", "max_chunk_get_size"), BLOCK_BYTES
    )
    retry = LinearRetry(backoff=1, retry_total=2, random_jitter_range=0)
    return BlobClient.from_blob_url(address, retry_policy=retry, **sizes)
