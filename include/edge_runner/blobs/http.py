"""Plain HTTPS over libcurl: kept-alive connections, bodies received straight into the caller's buffers.

Per small blob libcurl costs a quarter of the CPU of a pure Python client (docs/decisions/0014). Nothing here
reads the environment: not proxies, not certificate bundles.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Iterator, Mapping
from functools import cached_property
from io import BytesIO
from pathlib import Path
from typing import Generic, TypeVar, cast

import pycurl

CONNECT_TIMEOUT_S = 10
STALLED_AFTER_S = 60
STALLED_BELOW_BYTES_PER_S = 1024
"""An answer that is slower than this for so long is given up and asked for again."""
NO_SOCKET_PAUSE_S = 0.005
"""While a name is looked up there is no socket to wait for."""
RECEIVE_BUFFER_BYTES = 512 * 1024
MOST_BYTES = 64 * 1024 * 1024
"""No answer is longer: a piece of a blob has 4 MiB, a page of a listing at most 5000 entries."""
TLS13_CIPHERS = "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256"
"""The usual ones, the cheapest first, as Go's clients have them."""
OK_STATUSES = (200, 206)
UNTRUSTED_CODES = (pycurl.E_PEER_FAILED_VERIFICATION, pycurl.E_SSL_CACERT_BADFILE, pycurl.E_SSL_ISSUER_ERROR)

Key = TypeVar("Key")


class Response:
    """An answer, as far as it has arrived.

    Its head is read when somebody asks, which must not be before the answer is complete or broken.
    """

    def __init__(self, body: BytesIO) -> None:
        """An answer that is to come.

        Args:
            body: Where its body goes, from the present position on.
        """
        self.body = body
        self.lines: list[bytes] = []
        self._start = body.tell()

    @property
    def received(self) -> int:
        """Bytes of the body so far."""
        return self.body.tell() - self._start

    @property
    def content(self) -> bytes:
        """The body so far."""
        return self.body.getvalue()[self._start : self.body.tell()]

    @cached_property
    def status(self) -> int:
        """HTTP status; 0 before it has arrived."""
        return int(self._head[0].split(b" ", 2)[1]) if self._head else 0

    @cached_property
    def headers(self) -> dict[str, str]:
        """By lower-case name."""
        pairs = [line.partition(":") for line in b"".join(self._head[1:]).decode("latin-1").splitlines()]
        return {name.strip().lower(): value.strip() for name, _, value in pairs if value}

    @cached_property
    def _head(self) -> list[bytes]:
        """The lines of the last head; one before it may have been `100 Continue`."""
        starts = [number for number, line in enumerate(self.lines) if line.startswith(b"HTTP/")]
        return self.lines[starts[-1] :] if starts else []


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


Answer = Response | TransportError | UntrustedCertificate


class HttpClient:
    """One request after the other, over a kept-alive connection."""

    def __init__(self, ca_pem: str | None) -> None:
        """Prepare; nothing is sent yet.

        Args:
            ca_pem: The only certificates that are trusted; None means the system's.
        """
        self._curl = new_connection(ca_pem)

    def get(self, url: str, headers: Mapping[str, str]) -> Response:
        """Get a document.

        Raises:
            TransportError: No whole answer arrived.
            UntrustedCertificate: The server is not who it should be.
        """
        response = Response(BytesIO())
        ask_for(self._curl, url, headers, response)
        try:
            self._curl.perform()
        except pycurl.error as error:
            raise explained(*cast("tuple[int, str]", error.args), response) from None
        return response

    def close(self) -> None:
        """Close the connection."""
        self._curl.close()


class ParallelHttpClient(Generic[Key]):
    """Many requests at once in one thread, over as many kept-alive connections.

    One thread, because libcurl hands a body over in pieces of 16 KiB, and threads would wait for each other's
    interpreter lock at each of them.
    """

    def __init__(self, ca_pem: str | None, connections: int) -> None:
        """Prepare; nothing is sent yet.

        Args:
            ca_pem: The only certificates that are trusted; None means the system's.
            connections: Most requests at the same time.
        """
        self._multi = pycurl.CurlMulti()
        self._multi.setopt(pycurl.M_MAXCONNECTS, connections)
        self._idle = [new_connection(ca_pem) for _ in range(connections)]
        self._busy: dict[pycurl.Curl, tuple[Key, Response]] = {}

    @property
    def has_room(self) -> bool:
        """Whether one more request can be made now."""
        return bool(self._idle)

    @property
    def is_busy(self) -> bool:
        """Whether an answer is still to come."""
        return bool(self._busy)

    def ask(self, key: Key, url: str, headers: Mapping[str, str], body: BytesIO) -> None:
        """Begin a request.

        Args:
            key: What `answers` gives back with the answer.
            url: What to get.
            headers: Of the request.
            body: Where the answer's body goes, whatever its status, from the present position on.
        """
        curl, response = self._idle.pop(), Response(body)
        ask_for(curl, url, headers, response)
        self._busy[curl] = key, response
        self._multi.add_handle(curl)

    def answers(self, patience_s: float) -> Iterator[tuple[Key, Answer]]:
        """Wait for something to happen and give the answers that are complete, or broken, by then."""
        self._multi.perform()
        done = self._completed()
        if not done and self._busy:
            due_ms = self._multi.timeout()
            if self._multi.select(patience_s if due_ms < 0 else min(patience_s, due_ms / 1000)) < 0:
                time.sleep(NO_SOCKET_PAUSE_S)
            self._multi.perform()
            done = self._completed()
        yield from done

    def _completed(self) -> list[tuple[Key, Answer]]:
        done: list[tuple[Key, Answer]] = []
        left = 1
        while left:
            left, well, badly = self._multi.info_read()
            done += map(self._taken, well)
            for curl, code, reason in badly:
                key, response = self._taken(curl)
                done.append((key, explained(code, reason, response)))
        return done

    def close(self) -> None:
        """Break off what is under way and close the connections."""
        for curl in self._busy:
            self._multi.remove_handle(curl)
        for curl in [*self._idle, *self._busy]:
            curl.close()
        self._multi.close()

    def _taken(self, curl: pycurl.Curl) -> tuple[Key, Response]:
        self._multi.remove_handle(curl)
        self._idle.append(curl)
        return self._busy.pop(curl)


def ask_for(curl: pycurl.Curl, url: str, headers: Mapping[str, str], response: Response) -> None:
    """Make a connection ready for a request. What arrives is taken by methods that are no Python code: they
    are called for each line of the head and each 16 KiB of the body.
    """
    curl.setopt(pycurl.URL, url)
    curl.setopt(pycurl.HTTPHEADER, [f"{name}: {value}" for name, value in headers.items()])
    curl.setopt(pycurl.HEADERFUNCTION, response.lines.append)
    curl.setopt(pycurl.WRITEFUNCTION, response.body.write)


def explained(code: int, reason: str, response: Response) -> TransportError | UntrustedCertificate:
    """What a failure of libcurl means."""
    return UntrustedCertificate() if code in UNTRUSTED_CODES else TransportError(reason, response)


def new_connection(ca_pem: str | None) -> pycurl.Curl:
    """A connection that speaks HTTP/1.1 over TLS and trusts only the given certificates, or the system's."""
    curl = pycurl.Curl()
    curl.setopt(pycurl.PROXY, "")
    # Jobs have no other address and no name server: asked for one, it would keep `close` waiting for 10 s.
    curl.setopt(pycurl.IPRESOLVE, pycurl.IPRESOLVE_V4)
    curl.setopt(pycurl.PROTOCOLS, pycurl.PROTO_HTTPS)
    curl.setopt(pycurl.HTTP_VERSION, pycurl.CURL_HTTP_VERSION_1_1)
    curl.setopt(pycurl.SSLVERSION, pycurl.SSLVERSION_TLSv1_2)
    curl.setopt(pycurl.TLS13_CIPHERS, TLS13_CIPHERS)
    curl.setopt(pycurl.NOSIGNAL, 1)
    curl.setopt(pycurl.CONNECTTIMEOUT, CONNECT_TIMEOUT_S)
    curl.setopt(pycurl.LOW_SPEED_LIMIT, STALLED_BELOW_BYTES_PER_S)
    curl.setopt(pycurl.LOW_SPEED_TIME, STALLED_AFTER_S)
    curl.setopt(pycurl.MAXFILESIZE, MOST_BYTES)
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
