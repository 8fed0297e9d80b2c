"""Plain HTTPS over libcurl: kept-alive connections, bodies received straight into the caller's memory.

Per small blob libcurl costs a quarter of the CPU of a pure Python client (docs/decisions/0014). Nothing here
reads the environment: not proxies, not certificate bundles.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from queue import Empty, LifoQueue
from typing import cast

import pycurl

CONNECT_TIMEOUT_S = 10
STALLED_AFTER_S = 60
STALLED_BELOW_BYTES_PER_S = 1024
"""An answer that is slower than this for so long is given up and asked for again."""
RECEIVE_BUFFER_BYTES = 512 * 1024
MAX_ERROR_BYTES = 64 * 1024
OK_STATUSES = (200, 206)
UNTRUSTED_CODES = (pycurl.E_PEER_FAILED_VERIFICATION, pycurl.E_SSL_CACERT_BADFILE, pycurl.E_SSL_ISSUER_ERROR)
WRITE_ABORTED = -1
"""What a callback returns to make libcurl give a transfer up."""


@dataclass
class Response:
    """An answer, as far as it has arrived.

    Attributes:
        status: HTTP status; 0 before it has arrived.
        headers: By lower-case name.
        body: The body, unless it was received into the caller's memory; of a refusal at most the first
            64 KiB.
        received: Bytes of the body so far.
    """

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytearray = field(default_factory=bytearray)
    received: int = 0


class TransportError(Exception):
    """No whole answer arrived: the connection failed, broke or stalled; the text says how.

    Attributes:
        response: What had arrived.
    """

    def __init__(self, reason: str, response: Response) -> None:
        super().__init__(reason)
        self.response = response


class UntrustedCertificate(Exception):
    """The server's certificate is of no trusted authority, or of another host."""


class Abandoned(Exception):
    """The client was closed while an answer arrived."""


class HttpClient:
    """A pool of connections, safe to use from several threads; each request has one of its own.

    Attributes:
        closed: Whether `close` was called.
    """

    def __init__(self, ca_pem: str | None) -> None:
        """Prepare; nothing is sent yet.

        Args:
            ca_pem: The only certificates that are trusted; None means the system's.
        """
        self._ca_pem = ca_pem
        self._idle: LifoQueue[pycurl.Curl] = LifoQueue()
        self.closed = False

    def get(self, url: str, headers: Mapping[str, str], into: memoryview | None = None) -> Response:
        """Get a document.

        Args:
            url: What to get.
            headers: Of the request.
            into: Where the body of a 200 or 206 goes; what is beyond its end is dropped, and counted, so that
                too long a body can be told. None keeps the body in the response.

        Raises:
            TransportError: No whole answer arrived.
            UntrustedCertificate: The server is not who it should be.
            Abandoned: `close` was called meanwhile.
        """
        response = Response()
        with self._connection() as curl:
            curl.setopt(pycurl.URL, url)
            curl.setopt(pycurl.HTTPHEADER, [f"{name}: {value}" for name, value in headers.items()])
            curl.setopt(pycurl.HEADERFUNCTION, lambda line: take_header(response, line))
            curl.setopt(pycurl.WRITEFUNCTION, lambda data: self._take_body(response, into, data))
            try:
                curl.perform()
            except pycurl.error as error:
                raise self._explained(error, response) from None
        return response

    def close(self) -> None:
        """Close the connections; requests under way end with `Abandoned`."""
        self.closed = True
        while True:
            try:
                self._idle.get_nowait().close()
            except Empty:
                return

    @contextmanager
    def _connection(self) -> Iterator[pycurl.Curl]:
        try:
            curl = self._idle.get_nowait()
        except Empty:
            curl = new_connection(self._ca_pem)
        try:
            yield curl
        finally:
            if self.closed:
                curl.close()
            else:
                self._idle.put(curl)

    def _take_body(self, response: Response, into: memoryview | None, data: bytes) -> int | None:
        if self.closed:
            return WRITE_ABORTED
        start, response.received = response.received, response.received + len(data)
        if response.status not in OK_STATUSES:
            response.body += data[: max(0, MAX_ERROR_BYTES - start)]
        elif into is None:
            response.body += data
        else:
            room = into[start : response.received]
            room[:] = data[: len(room)]
        return None

    def _explained(self, error: pycurl.error, response: Response) -> Exception:
        if self.closed:
            return Abandoned()
        code, reason = cast("tuple[int, str]", error.args)
        if code in UNTRUSTED_CODES:
            return UntrustedCertificate()
        return TransportError(reason, response)


def new_connection(ca_pem: str | None) -> pycurl.Curl:
    """A connection that speaks HTTP/1.1 over TLS and trusts only the given certificates, or the system's."""
    curl = pycurl.Curl()
    curl.setopt(pycurl.PROXY, "")
    curl.setopt(pycurl.PROTOCOLS, pycurl.PROTO_HTTPS)
    curl.setopt(pycurl.HTTP_VERSION, pycurl.CURL_HTTP_VERSION_1_1)
    curl.setopt(pycurl.SSLVERSION, pycurl.SSLVERSION_TLSv1_2)
    curl.setopt(pycurl.NOSIGNAL, 1)
    curl.setopt(pycurl.CONNECTTIMEOUT, CONNECT_TIMEOUT_S)
    curl.setopt(pycurl.LOW_SPEED_LIMIT, STALLED_BELOW_BYTES_PER_S)
    curl.setopt(pycurl.LOW_SPEED_TIME, STALLED_AFTER_S)
    curl.setopt(pycurl.BUFFERSIZE, RECEIVE_BUFFER_BYTES)
    if ca_pem is not None:
        curl.setopt(pycurl.CAINFO_BLOB, ca_pem.encode())
        return curl
    system = ssl.get_default_verify_paths()  # as compiled in; its other fields follow the environment
    if Path(system.openssl_cafile).is_file():
        curl.setopt(pycurl.CAINFO, system.openssl_cafile)
    if Path(system.openssl_capath).is_dir():
        curl.setopt(pycurl.CAPATH, system.openssl_capath)
    return curl


def take_header(response: Response, line: bytes) -> None:
    """Take one line of an answer's head; a status line begins it anew, as after `100 Continue`."""
    text = line.decode("latin-1").strip()
    if text.startswith("HTTP/"):
        response.status = int(text.split(" ", 2)[1])
        response.headers.clear()
    elif ":" in text:
        name, _, value = text.partition(":")
        response.headers[name.strip().lower()] = value.strip()
