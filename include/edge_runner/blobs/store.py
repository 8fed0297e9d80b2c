"""Reads a blob container over plain HTTP: List Blobs and Get Blob, with a SAS and a pinned service version.

The SDK is not used inside the site's containers: it costs several times the CPU per small blob, and its SAS
and version handling have to be worked around for a Stack Hub (docs: List Blobs and Get Blob of the Blob
service REST API). Nothing here reads the environment: not proxies, not certificate bundles.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import TypeVar
from urllib.parse import quote, unquote, urlencode, urlsplit
from xml.etree import ElementTree

import urllib3
from urllib3.exceptions import HTTPError, SSLError
from urllib3.response import BaseHTTPResponse

from edge_runner.blobs.access import StoreAccess
from edge_runner.blobs.errors import PassingTrouble, server_time, untrusted_certificate, verdict_for
from edge_runner.protocol import StepError

CONNECT_TIMEOUT_S = 10.0
READ_TIMEOUT_S = 60.0
CHUNK_BYTES = 1024 * 1024
MAX_BACKOFF_S = 30.0

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often and how long to try again what can pass.

    Attributes:
        attempts: Number of tries, the first included.
        backoff_s: Pause after the first try; it doubles each time.
        sleep: How to pause.
    """

    attempts: int = 5
    backoff_s: float = 0.5
    sleep: Callable[[float], None] = time.sleep


@dataclass(frozen=True, slots=True)
class ListedBlob:
    """One entry of a listing; `etag` without quotes, `md5` in Base64 or None."""

    name: str
    size: int
    etag: str
    md5: str | None
    last_modified: datetime


@dataclass(frozen=True, slots=True)
class Page:
    """One answer of List Blobs, with the server's time when it was made."""

    blobs: list[ListedBlob]
    next_marker: str
    server_time: datetime


class BlobStore:
    """A read-only view of one container."""

    def __init__(self, access: StoreAccess, connections: int = 1, retry: RetryPolicy = RetryPolicy()) -> None:
        """Prepare the connection pool; nothing is sent yet.

        Args:
            access: Where and how.
            connections: Most requests at the same time.
            retry: What to do about trouble that can pass.

        Raises:
            StepError: kind `StoreRefused`, when the endpoint has no TLS: it would expose the signature.
        """
        if not access.endpoint.startswith("https://"):
            raise StepError(
                "StoreRefused",
                f"The endpoint {access.endpoint} must start with https://; correct the blob connection.",
            )
        self._access = access
        self._retry = retry
        self._base_path = urlsplit(access.endpoint).path.rstrip("/") + "/" + quote(access.container)
        self._pool = urllib3.connection_from_url(
            access.endpoint,
            maxsize=connections,
            block=True,
            retries=False,
            timeout=urllib3.Timeout(connect=CONNECT_TIMEOUT_S, read=READ_TIMEOUT_S),
            ssl_context=trust(access.ca_pem),
        )

    def list_pages(self, prefix: str) -> Iterator[Page]:
        """List the blobs whose name starts with a prefix, page by page, in bounded memory.

        Raises:
            StepError: kind `StoreUnavailable` or `StoreRefused`.
        """
        marker = ""
        while True:
            page = self._list_page(prefix, marker)
            yield page
            marker = page.next_marker
            if not marker:
                return

    def read_blob(self, name: str, etag: str, consume: Callable[[Iterator[bytes]], Value]) -> Value:
        """Stream a whole blob that must still have a given ETag.

        Args:
            name: Blob name.
            etag: Entity tag without quotes.
            consume: Called with the blob's chunks; called again from the start when the connection breaks.

        Returns:
            What `consume` returned.

        Raises:
            StepError: kind `DataChanged`, when the blob is gone or has another ETag; `StoreUnavailable`;
                `StoreRefused`.
        """
        path = f"{self._base_path}/{quote(name, safe='/~')}"

        def attempt() -> Value:
            with self._get(path, {}, {"If-Match": f'"{etag}"'}, blob=name) as response:
                return consume(response.stream(CHUNK_BYTES, decode_content=False))

        return self._with_retries(attempt)

    def close(self) -> None:
        """Close the kept-alive connections."""
        self._pool.close()

    def _list_page(self, prefix: str, marker: str) -> Page:
        query = {"restype": "container", "comp": "list", "prefix": prefix}
        if marker:
            query["marker"] = marker

        def attempt() -> Page:
            with self._get(self._base_path, query, {}, blob=None) as response:
                blobs, next_marker = parse_listing(response)
                return Page(blobs, next_marker, server_time(response))

        return self._with_retries(attempt)

    @contextmanager
    def _get(
        self, path: str, query: dict[str, str], headers: dict[str, str], blob: str | None
    ) -> Iterator[BaseHTTPResponse]:
        parameters = urlencode(query, quote_via=quote)
        target = f"{path}?{parameters}&{self._access.sas}" if parameters else f"{path}?{self._access.sas}"
        response = self._pool.urlopen(
            "GET",
            target,
            headers={"x-ms-version": self._access.api_version, "Accept-Encoding": "identity", **headers},
            preload_content=False,
            redirect=False,
        )
        finished = False
        try:
            if response.status != 200:
                raise verdict_for(self._access, response, blob)
            yield response
            finished = True
        finally:
            if finished:
                response.drain_conn()
                response.release_conn()
            else:
                response.close()

    def _with_retries(self, attempt: Callable[[], Value]) -> Value:
        pause_s = self._retry.backoff_s
        for attempts_left in range(self._retry.attempts - 1, -1, -1):
            try:
                return attempt()
            except PassingTrouble as trouble:
                reason, wait_s = trouble.reason, trouble.retry_after_s
            except (HTTPError, ElementTree.ParseError) as error:
                if _is_untrusted(error):
                    raise untrusted_certificate(self._access) from error
                reason, wait_s = type(error).__name__, 0.0
            if attempts_left:
                self._retry.sleep(min(max(pause_s, wait_s), MAX_BACKOFF_S))
                pause_s *= 2
        raise StepError(
            "StoreUnavailable",
            f"The blob store {self._access.endpoint} did not answer in {self._retry.attempts} tries "
            f"({reason}); the task is retried, so if this goes on, check the host in the site's blob "
            "connection, the store and its network.",
        )


def trust(ca_pem: str | None) -> ssl.SSLContext:
    """Return a client context that trusts only the given certificates; without any, the system's."""
    if ca_pem is None:
        return ssl.create_default_context()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cadata=ca_pem)
    return context


def parse_listing(response: BaseHTTPResponse) -> tuple[list[ListedBlob], str]:
    """Read a List Blobs document as it arrives.

    Returns:
        The blobs and the marker of the next page, empty at the end.

    Raises:
        xml.etree.ElementTree.ParseError: The document is cut off or no XML.
    """
    blobs: list[ListedBlob] = []
    next_marker = ""
    for _, element in ElementTree.iterparse(response):
        if element.tag == "Blob":
            blobs.append(_listed_blob(element))
            element.clear()
        elif element.tag == "NextMarker":
            next_marker = element.text or ""
    return blobs, next_marker


def _listed_blob(element: ElementTree.Element) -> ListedBlob:
    name_element = element.find("Name")
    name = _text(element, "Name")
    if name_element is not None and name_element.get("Encoded") == "true":
        name = unquote(name)
    return ListedBlob(
        name=name,
        size=int(_text(element, "Properties/Content-Length")),
        etag=_text(element, "Properties/Etag").strip('"'),
        md5=element.findtext("Properties/Content-MD5") or None,
        last_modified=parsedate_to_datetime(_text(element, "Properties/Last-Modified")),
    )


def _text(element: ElementTree.Element, path: str) -> str:
    text = element.findtext(path)
    if text is None:
        raise ElementTree.ParseError(f"a listed blob has no {path}")
    return text


def _is_untrusted(error: Exception) -> bool:
    return isinstance(error, SSLError) and any(
        isinstance(cause, ssl.SSLCertVerificationError) for cause in (*error.args, error.__cause__)
    )
