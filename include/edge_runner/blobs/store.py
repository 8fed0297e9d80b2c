"""Reads a blob container over plain HTTP: List Blobs and Get Blob, with a SAS and a pinned service version.

The SDK is not used inside the site's containers: it costs several times the CPU per small blob, and its SAS
and version handling have to be worked around for a Stack Hub (docs: List Blobs and Get Blob of the Blob
service REST API).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from io import BytesIO
from urllib.parse import quote, urlencode

from edge_runner.blobs.access import StoreAccess
from edge_runner.blobs.errors import (
    PassingTrouble,
    SignatureRefused,
    changed,
    corrupt,
    server_time,
    unavailable,
    untrusted_certificate,
    verdict_for,
)
from edge_runner.blobs.http import (
    OK_STATUSES,
    Answer,
    HttpClient,
    Response,
    TransportError,
    UntrustedCertificate,
)
from edge_runner.blobs.listing import Page, follow, parse_listing
from edge_runner.protocol import StepError

MAX_BACKOFF_S = 30.0
TryError = PassingTrouble | SignatureRefused | TransportError | UntrustedCertificate
"""What ends a try, and not the request."""


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


class Retries:
    """The tries of one request."""

    def __init__(self, access: StoreAccess, policy: RetryPolicy) -> None:
        self._access = access
        self._policy = policy
        self._failures = 0

    def pause_s(self, error: TryError) -> float:
        """How long to wait after a try that failed; one that has brought something begins the count anew.

        A signature that is refused is waited for here until there is another one.

        Raises:
            StepError: The next try cannot help: kind `StoreUnavailable`, `StoreRefused` or `AccessExpired`.
        """
        match error:
            case UntrustedCertificate():
                raise untrusted_certificate(self._access) from error
            case SignatureRefused():
                self._wait_for_another(error)
                return 0.0
            case PassingTrouble(has_helped=True):
                self._failures = 0
        self._failures += 1
        if self._failures >= self._policy.attempts:
            raise unavailable(
                self._access,
                f"did not answer in {self._policy.attempts} tries ({error}); the task is retried, so if this "
                "goes on,",
            )
        asked_s = error.retry_after_s if isinstance(error, PassingTrouble) else 0.0
        backoff_s = self._policy.backoff_s * float(2 ** (self._failures - 1))
        return min(max(backoff_s, asked_s), MAX_BACKOFF_S)

    def _wait_for_another(self, refused: SignatureRefused) -> None:
        signature = self._access.signature
        if not signature.may_be_replaced(refused.sas, refused.ended) or not signature.is_replaced(
            refused.sas
        ):
            raise refused.verdict from None


@dataclass(eq=False)
class Part:
    """A part of a blob that must still have a given ETag.

    Attributes:
        name: Blob name.
        etag: Entity tag without quotes.
        size: Length of the whole blob in bytes.
        offset: Where in the blob the part begins.
        length: Its length in bytes.
        buffer: Where the bytes go, from the beginning on; it may be longer.
        had: Bytes that have arrived.
        sas: The signature that the part was asked for with last.
    """

    name: str
    etag: str
    size: int
    offset: int
    length: int
    buffer: BytesIO
    had: int = field(default=0, init=False)
    sas: str = field(default="", init=False, repr=False)

    @property
    def start(self) -> int:
        """Where in the blob the missing bytes begin."""
        return self.offset + self.had

    @property
    def end(self) -> int:
        """Where in the blob the part ends."""
        return self.offset + self.length


class BlobStore:
    """A read-only view of one container.

    Attributes:
        access: Where it is.
        retry: What to do about trouble that can pass.
    """

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
        self.access = access
        self.retry = retry
        self._http = HttpClient(access.ca_pem)

    def list_pages(self, prefix: str) -> Iterator[Page]:
        """List the blobs whose name starts with a prefix, page by page, in bounded memory.

        Raises:
            StepError: kind `StoreUnavailable` or `StoreRefused`.
        """
        return follow(lambda marker: self._list_page(prefix, marker), self.access.container)

    def request_for(self, part: Part) -> tuple[str, dict[str, str]]:
        """URL and headers that ask for the missing bytes of a part; its buffer waits for them."""
        headers = {"If-Match": f'"{part.etag}"'}
        if part.end - part.start < part.size:
            headers["Range"] = f"bytes={part.start}-{part.end - 1}"
        part.buffer.seek(part.had)
        part.sas = self.access.signature.sas
        return f"{self.access.container_url}/{quote(part.name)}?{part.sas}", self._headers(headers)

    def judge(self, part: Part, answer: Answer) -> None:
        """Accept the answer to `request_for`; what a broken one has brought counts.

        Raises:
            PassingTrouble: Something is still missing that the next try may bring.
            UntrustedCertificate: The server is not who it should be.
            SignatureRefused: Another signature may be accepted.
            StepError: kind `DataChanged`, when the blob is gone or has another ETag; `DataCorrupt`, when it
                has another size; `StoreRefused`.
        """
        if isinstance(answer, UntrustedCertificate):
            raise answer
        response = answer.response if isinstance(answer, TransportError) else answer
        if is_of_another_version(response, part.etag):
            raise changed(self.access, part.name)
        if isinstance(answer, TransportError):
            before = part.had
            if begins_at(response, part.start):
                part.had = min(before + response.received, max(0, part.length - 1))
            raise PassingTrouble(str(answer), 0.0, has_helped=part.had > before)
        if response.status not in OK_STATUSES:
            raise verdict_for(self.access, response, part.name, part.sas)
        self.access.signature.accepted()
        require_range(response, part)

    def close(self) -> None:
        """Close the kept-alive connection."""
        self._http.close()

    def _list_page(self, prefix: str, marker: str) -> Page:
        query = {"restype": "container", "comp": "list", "prefix": prefix, "include": "metadata"}
        if marker:
            query["marker"] = marker
        retries = Retries(self.access, self.retry)
        while True:
            sas = self.access.signature.sas
            url = f"{self.access.container_url}?{urlencode(query, quote_via=quote)}&{sas}"
            try:
                response = self._http.get(url, self._headers({}))
                if response.status not in OK_STATUSES:
                    raise verdict_for(self.access, response, blob=None, sas=sas)
                self.access.signature.accepted()
                blobs, next_marker = parse_listing(response.content)
                return Page(blobs, next_marker, server_time(response))
            except (PassingTrouble, SignatureRefused, TransportError, UntrustedCertificate) as error:
                self.retry.sleep(retries.pause_s(error))

    def _headers(self, more: dict[str, str]) -> dict[str, str]:
        return {"x-ms-version": self.access.api_version, "Accept-Encoding": "identity", **more}


def is_of_another_version(response: Response, etag: str) -> bool:
    """Whether a good answer says that its body is of another ETag; a cache before the store may not heed
    If-Match.
    """
    found = response.headers.get("etag", "").removeprefix("W/").strip('"')
    return response.status in OK_STATUSES and found not in ("", etag)


def begins_at(response: Response, start: int) -> bool:
    """Whether a good answer's body begins at this byte of the blob."""
    if response.status == 200:
        return start == 0
    return response.status == 206 and response.headers.get("content-range", "").startswith(f"bytes {start}-")


def require_range(response: Response, part: Part) -> None:
    """Make sure that an answer holds the bytes that were asked for.

    Raises:
        StepError: kind `DataCorrupt`, when the blob has another size.
        PassingTrouble: Something between us and the store has sent another part.
    """
    whole = response.headers.get("content-range", "").rpartition("/")[2]
    found = int(whole) if response.status == 206 and whole.isdigit() else response.received
    if found != part.size:
        raise corrupt(part.name, f"has {found} bytes, expected {part.size}")
    if response.received != part.end - part.start or not begins_at(response, part.start):
        raise PassingTrouble("an answer of other bytes than were asked for", 0.0)
