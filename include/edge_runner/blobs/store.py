"""Reads a blob container over plain HTTP: List Blobs and Get Blob, with a SAS and a pinned service version.

The SDK is not used inside the site's containers: it costs several times the CPU per small blob, and its SAS
and version handling have to be worked around for a Stack Hub (docs: List Blobs and Get Blob of the Blob
service REST API).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeVar
from urllib.parse import quote, urlencode

from edge_runner.blobs.access import StoreAccess
from edge_runner.blobs.errors import (
    PassingTrouble,
    SignatureRefused,
    corrupt,
    server_time,
    untrusted_certificate,
    verdict_for,
)
from edge_runner.blobs.http import (
    OK_STATUSES,
    Abandoned,
    HttpClient,
    Response,
    TransportError,
    UntrustedCertificate,
)
from edge_runner.blobs.listing import Page, follow, parse_listing
from edge_runner.protocol import StepError

MAX_BACKOFF_S = 30.0

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often and how long to try again what can pass.

    Attributes:
        attempts: Number of tries in a row that bring nothing, the first included.
        backoff_s: Pause after the first try; it doubles each time.
        sleep: How to pause.
    """

    attempts: int = 5
    backoff_s: float = 0.5
    sleep: Callable[[float], None] = time.sleep


class BlobStore:
    """A read-only view of one container; safe to use from several threads."""

    def __init__(self, access: StoreAccess, retry: RetryPolicy = RetryPolicy()) -> None:
        """Prepare the connections; nothing is sent yet.

        Args:
            access: Where and how.
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
        self._container_url = f"{access.endpoint.rstrip('/')}/{quote(access.container)}"
        self._http = HttpClient(access.ca_pem)

    def list_pages(self, prefix: str) -> Iterator[Page]:
        """List the blobs whose name starts with a prefix, page by page, in bounded memory.

        Raises:
            StepError: kind `StoreUnavailable` or `StoreRefused`.
        """
        return follow(lambda marker: self._list_page(prefix, marker), self._access.container)

    def read_into(self, target: memoryview, name: str, etag: str, size: int, offset: int = 0) -> None:
        """Read a part of a blob that must still have a given ETag; a broken connection costs only what it had
        not brought yet.

        Args:
            target: Where the bytes go; its length is how many.
            name: Blob name.
            etag: Entity tag without quotes.
            size: Length of the whole blob in bytes.
            offset: Where in the blob to begin.

        Raises:
            StepError: kind `DataChanged`, when the blob is gone or has another ETag; `DataCorrupt`, when it
                has another size; `StoreUnavailable`; `StoreRefused`.
            Abandoned: The store was closed meanwhile.
        """
        url = f"{self._container_url}/{quote(name, safe='/~')}"
        had = 0

        def attempt() -> bool:
            nonlocal had
            start = offset + had
            headers = {"If-Match": f'"{etag}"'}
            if len(target) - had < size:
                headers["Range"] = f"bytes={start}-{offset + len(target) - 1}"
            try:
                response = self._get(url, {}, headers, name, into=target[had:])
            except TransportError as error:
                if not error.response.received or not begins_at(error.response, start):
                    raise
                had = min(had + error.response.received, len(target) - 1)
                return False
            require_range(response, name, start, len(target) - had, size)
            return True

        while not self._with_retries(attempt):
            pass

    def close(self) -> None:
        """Close the kept-alive connections; reads under way end with `Abandoned`."""
        self._http.close()

    def _list_page(self, prefix: str, marker: str) -> Page:
        query = {"restype": "container", "comp": "list", "prefix": prefix, "include": "metadata"}
        if marker:
            query["marker"] = marker

        def attempt() -> Page:
            response = self._get(self._container_url, query, {}, blob=None)
            blobs, next_marker = parse_listing(response.body)
            return Page(blobs, next_marker, server_time(response))

        return self._with_retries(attempt)

    def _get(
        self,
        url: str,
        query: dict[str, str],
        headers: dict[str, str],
        blob: str | None,
        into: memoryview | None = None,
    ) -> Response:
        sas = self._access.signature.sas
        signed = "?".join([url, "&".join(part for part in (urlencode(query, quote_via=quote), sas) if part)])
        sent = {"x-ms-version": self._access.api_version, "Accept-Encoding": "identity", **headers}
        response = self._http.get(signed, sent, into)
        if response.status not in OK_STATUSES:
            raise verdict_for(self._access, response, blob, sas)
        self._access.signature.accepted()
        return response

    def _with_retries(self, attempt: Callable[[], Value]) -> Value:
        """The attempt's value, with another signature where the store refuses the one that there is."""
        while True:
            try:
                return self._through_trouble(attempt)
            except SignatureRefused as refused:
                self._wait_for_another(refused)

    def _wait_for_another(self, refused: SignatureRefused) -> None:
        """Return when there is another signature.

        Raises:
            StepError: There is none.
            Abandoned: The store was closed meanwhile.
        """
        signature = self._access.signature
        replaced = signature.may_be_replaced(refused.sas, refused.ended) and signature.is_replaced(
            refused.sas, lambda: self._http.closed
        )
        if self._http.closed:
            raise Abandoned from None
        if not replaced:
            raise refused.verdict from None

    def _through_trouble(self, attempt: Callable[[], Value]) -> Value:
        pause_s = self._retry.backoff_s
        for attempts_left in range(self._retry.attempts - 1, -1, -1):
            try:
                return attempt()
            except PassingTrouble as trouble:
                reason, wait_s = trouble.reason, trouble.retry_after_s
            except UntrustedCertificate as error:
                raise untrusted_certificate(self._access) from error
            except TransportError as error:
                reason, wait_s = str(error), 0.0
            if attempts_left:
                self._retry.sleep(min(max(pause_s, wait_s), MAX_BACKOFF_S))
                pause_s *= 2
        raise StepError(
            "StoreUnavailable",
            f"The blob store {self._access.endpoint} did not answer in {self._retry.attempts} tries "
            f"({reason}); the task is retried, so if this goes on, check the host in the site's blob "
            f"connection, the store and its network{through(self._access.proxy)}.",
        )


def through(proxy: str) -> str:
    """What else to check of a store that is reached through a proxy."""
    return f", and the proxy {proxy}, whose answers are in the forwarder's log on the VM" if proxy else ""


def begins_at(response: Response, start: int) -> bool:
    """Whether a good answer's body begins at this byte of the blob."""
    if response.status == 200:
        return start == 0
    return response.status == 206 and response.headers.get("content-range", "").startswith(f"bytes {start}-")


def require_range(response: Response, name: str, start: int, length: int, size: int) -> None:
    """Make sure that an answer holds the bytes that were asked for.

    Raises:
        StepError: kind `DataCorrupt`, when the blob has another size.
        PassingTrouble: Something between us and the store has sent another part.
    """
    whole = response.headers.get("content-range", "").rpartition("/")[2]
    found = int(whole) if response.status == 206 and whole.isdigit() else response.received
    if found != size:
        raise corrupt(name, f"has {found} bytes, expected {size}")
    if response.received != length or not begins_at(response, start):
        raise PassingTrouble("an answer of other bytes than were asked for", 0.0)
