"""The container registry over HTTP: the OCI distribution API, as Azure Container Registry speaks it.

Blobs go up in pieces of a few MiB: Azure Container Registry answers 413 to a single request of more than
about 20 MB. A cut upload is begun anew, a bounded number of times.
"""

from __future__ import annotations

import json
import logging
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import httpx

from edge_training.adapters.oci.auth import RegistryAuth
from edge_training.errors import BadRequest, ImageMissing, RegistryRefused, RegistryUnavailable
from edge_training.image_layer import INDEX_TYPES, MANIFEST_TYPES, digest_and_size
from edge_training.image_reference import ImageReference
from edge_training.ports.image_registry import Blob, Manifest

PIECE_BYTES = 8 << 20
SMALL_BLOB_LIMIT_BYTES = 4 << 20
_ACCEPT = ", ".join((*MANIFEST_TYPES, *INDEX_TYPES))
_BUSY = (httpx.codes.REQUEST_TIMEOUT, httpx.codes.TOO_MANY_REQUESTS)

T = TypeVar("T")

log = logging.getLogger(__name__)
# Else a task's log has a line for every piece of a layer.
logging.getLogger("httpx").setLevel(logging.WARNING)


class OciRegistry:
    """A registry and the user we are there; implements `ImageRegistry`."""

    def __init__(
        self,
        host: str,
        user: str,
        password: str,
        *,
        ca_pem: str | None = None,
        timeout_s: float = 60.0,
        tries: int = 4,
        pause_s: float = 1.0,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        """Remember the registry; nothing is sent yet.

        Args:
            host: Host name and port.
            user: Login of the connection.
            password: Its password.
            ca_pem: Certificates of a private authority to trust; None for those the machine trusts.
            timeout_s: Longest silence of the registry within one request.
            tries: How often a call is tried while the registry does not answer.
            pause_s: Pause after the first try; it doubles with each.
            transport: What carries the requests; None for the network.
        """
        self.host = host
        self._user = user
        self._tries, self._pause_s = tries, pause_s
        self._client = httpx.Client(
            base_url=f"https://{host}/v2/",
            auth=RegistryAuth(user, password),
            verify=ssl.create_default_context(cadata=ca_pem),
            timeout=timeout_s,
            follow_redirects=True,
            transport=transport,
        )

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def resolve(self, reference: str) -> str:
        """See `ImageRegistry.resolve`."""
        image = self._own(reference)
        return image.at(self.get_manifest(image.repository, image.version).digest)

    def get_manifest(self, repository: str, reference: str) -> Manifest:
        """See `ImageRegistry.get_manifest`."""
        response = self._patiently(
            lambda: self._request("GET", f"{repository}/manifests/{reference}", headers={"Accept": _ACCEPT})
        )
        if response.status_code == httpx.codes.NOT_FOUND:
            raise ImageMissing(
                f"{self.host} has no image {repository}:{reference}; push it, or correct the reference."
            )
        digest, _ = digest_and_size([response.content])
        if reference.startswith("sha256:"):
            self._verify(digest, reference)
        return Manifest(response.content, response.headers["Content-Type"].partition(";")[0], digest)

    def has_manifest(self, repository: str, digest: str) -> bool:
        """See `ImageRegistry.has_manifest`."""
        return self._exists(f"{repository}/manifests/{digest}")

    def put_manifest(self, repository: str, manifest: Manifest) -> None:
        """See `ImageRegistry.put_manifest`."""
        self._put_manifest(repository, manifest.digest, manifest)

    def get_blob(self, repository: str, digest: str) -> bytes:
        """See `ImageRegistry.get_blob`."""
        content = self._patiently(lambda: self._read_small_blob(repository, digest))
        self._verify(digest_and_size([content])[0], digest)
        return content

    def put_blob(self, repository: str, blob: Blob) -> None:
        """See `ImageRegistry.put_blob`."""
        if not self._exists(f"{repository}/blobs/{blob.digest}"):
            self._patiently(lambda: self._upload(self._begin_upload(repository), blob))

    def copy_blob(self, source: str, repository: str, digest: str, size_bytes: int) -> None:
        """See `ImageRegistry.copy_blob`."""
        if self._exists(f"{repository}/blobs/{digest}"):
            return
        copy = Blob(digest, size_bytes, lambda: self._read_blob(source, digest))
        self._patiently(lambda: self._mount(source, repository, copy))

    def tag(self, image: str, tag: str) -> None:
        """See `ImageRegistry.tag`."""
        own = self._own(image)
        self._put_manifest(own.repository, tag, self.get_manifest(own.repository, own.version))

    def _put_manifest(self, repository: str, reference: str, manifest: Manifest) -> None:
        path, headers = f"{repository}/manifests/{reference}", {"Content-Type": manifest.media_type}
        self._patiently(lambda: self._request("PUT", path, content=manifest.content, headers=headers))

    def _exists(self, path: str) -> bool:
        response = self._patiently(lambda: self._request("HEAD", path, headers={"Accept": _ACCEPT}))
        return response.status_code == httpx.codes.OK

    def _mount(self, source: str, repository: str, copy: Blob) -> None:
        response = self._request(
            "POST", f"{repository}/blobs/uploads/", params={"mount": copy.digest, "from": source}
        )
        if response.status_code != httpx.codes.CREATED:
            self._upload(self._location(response), copy)

    def _begin_upload(self, repository: str) -> httpx.URL:
        return self._location(self._request("POST", f"{repository}/blobs/uploads/"))

    def _upload(self, location: httpx.URL, blob: Blob) -> None:
        """Send a blob to an upload that was begun; the registry verifies its digest at the end."""
        sent_bytes = 0
        for piece in pieces(blob.open(), PIECE_BYTES):
            end_bytes = sent_bytes + sum(map(len, piece))
            headers = {
                "Content-Type": "application/octet-stream",
                "Content-Length": str(end_bytes - sent_bytes),
                "Content-Range": f"{sent_bytes}-{end_bytes - 1}",
            }
            location = self._location(self._request("PATCH", location, content=piece, headers=headers))
            sent_bytes = end_bytes
            piece.clear()  # httpx ties request and response in a cycle that would keep the bytes for a while
        self._request("PUT", location.copy_merge_params({"digest": blob.digest}))

    def _location(self, response: httpx.Response) -> httpx.URL:
        """Where an upload goes on, on the same registry: the password is sent nowhere else."""
        location = response.url.join(response.headers["Location"])
        if location.host != response.url.host:
            raise RegistryRefused(
                f"{self.host} sends uploads on to {location.host}; correct the registry's address."
            )
        return location

    def _read_small_blob(self, repository: str, digest: str) -> bytes:
        content = b""
        for chunk in self._read_blob(repository, digest):
            content += chunk
            if len(content) > SMALL_BLOB_LIMIT_BYTES:
                raise RegistryRefused(
                    f"The blob {digest} of {self.host}/{repository} is too large for a configuration."
                )
        return content

    def _read_blob(self, repository: str, digest: str) -> Iterator[bytes]:
        with self._errors_named(), self._client.stream("GET", f"{repository}/blobs/{digest}") as response:
            if not response.is_success:
                response.read()
                self._check(response)
                raise ImageMissing(f"{self.host}/{repository} has no blob {digest}; push the image again.")
            yield from response.iter_bytes()

    def _request(self, method: str, path: str | httpx.URL, **options: Any) -> httpx.Response:
        """One request; answers other than success and "not found" become errors."""
        with self._errors_named():
            response = self._client.request(method, path, **options)
        self._check(response)
        return response

    def _check(self, response: httpx.Response) -> None:
        request, status = response.request, response.status_code
        not_found = status == httpx.codes.NOT_FOUND and request.method in ("GET", "HEAD")
        if response.is_success or not_found:
            return
        said = f"{self.host} answered {status} to {request.method} {request.url.path}{_reason(response)}"
        if status in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
            raise RegistryRefused(
                f"{self.host} refuses user {self._user!r} ({request.method} {request.url.path}: {status}); "
                "correct login and password of the registry's connection, or let this user push and pull."
            )
        if status in _BUSY or response.is_server_error or status == httpx.codes.NOT_FOUND:
            raise RegistryUnavailable(f"{said}; look at its health, then clear the task.")
        raise RegistryRefused(f"{said}; correct the repository's name or the registry's settings.")

    @contextmanager
    def _errors_named(self) -> Iterator[None]:
        try:
            yield
        except httpx.TransportError as error:
            if _is_untrusted(error):
                raise RegistryRefused(
                    f"The certificate of {self.host} is not trusted ({error}); put its authority into the "
                    "connection's extra ca_pem, or correct the host name."
                ) from error
            raise RegistryUnavailable(
                f"{self.host} does not answer ({type(error).__name__}: {error}); "
                "start it or mend the network."
            ) from error

    def _patiently(self, call: Callable[[], T]) -> T:
        """Try a call that is safe to repeat until the registry answers or the tries are used up."""
        for attempt in range(self._tries - 1):
            try:
                return call()
            except RegistryUnavailable as error:
                pause_s = self._pause_s * 2**attempt
                log.warning("%s Next try in %g s.", error, pause_s)
                time.sleep(pause_s)
        return call()

    def _own(self, reference: str) -> ImageReference:
        image = ImageReference.parse(reference)
        if image.host != self.host:
            raise BadRequest(
                f"The image {reference} is not on the registry {self.host}; push it there, "
                "or choose the connection of its registry."
            )
        return image

    def _verify(self, digest: str, expected: str) -> None:
        if digest != expected:
            raise RegistryRefused(
                f"{self.host} sent {digest} where {expected} was asked for; examine the registry's storage."
            )


def pieces(chunks: Iterator[bytes], size_bytes: int) -> Iterator[list[bytes]]:
    """The same bytes, in lists of chunks that hold about `size_bytes` each."""
    piece: list[bytes] = []
    for chunk in chunks:
        piece.append(chunk)
        if sum(map(len, piece)) >= size_bytes:
            yield piece
            piece = []
    if any(piece):
        yield piece


def _reason(response: httpx.Response) -> str:
    """The registry's own words, if it has any."""
    try:
        error = response.json()["errors"][0]
        return f" ({error['code']}: {error['message']})"
    except (json.JSONDecodeError, UnicodeDecodeError, LookupError, TypeError):
        return ""


def _is_untrusted(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, ssl.SSLCertVerificationError):
            return True
        error = error.__cause__ or error.__context__
    return False
