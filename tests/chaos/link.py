"""A line that can be broken: a TCP relay of the harness between Airflow and one part of the site."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

LOOPBACK = "127.0.0.1"
CHUNK_BYTES = 65536
SERVER_ERROR = (
    b"HTTP/1.1 500 Internal Server Error\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n"
    b"Connection: close\r\n\r\nbroke"
)
READ_LIMIT_S = 2.0


@dataclass
class Link:
    """Relays to one address until it is told otherwise.

    Attributes:
        upstream: Where to.
        address: Address to listen on.
        tls: How to speak TLS with clients when this link itself answers; None for plain HTTP.
        host_header: Whether the server wants its own address in the Host header.
        latency_s: Delay of every chunk that a client sends: widens the moments between two requests.
        answer_latency_s: Delay of every chunk that the server sends.
        port: Where clients come.
    """

    upstream: tuple[str, int]
    address: str = LOOPBACK
    tls: ssl.SSLContext | None = None
    host_header: bool = False
    latency_s: float = 0.0
    answer_latency_s: float = 0.0
    port: int = field(init=False)

    def __post_init__(self) -> None:
        self._server = bound(self.address, 0)
        self.port = self._server.getsockname()[1]
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._flowing = threading.Event()
        self._flowing.set()
        self._answers_500 = False
        self._refused = False
        self._cuts, self._cut_after_bytes = 0, 0
        self._listen()

    def cut(self) -> None:
        """Cut every connection; new ones are let in."""
        with self._lock:
            for connection in self._open:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)

    def refuse(self) -> None:
        """Cut every connection and refuse new ones, as a host does on which nobody listens."""
        self._refused = True
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        # Bound without listening: the port refuses, and is not given to who asks for any port.
        self._server = bound(self.address, self.port)
        self.cut()

    def hold(self) -> None:
        """Pass nothing on and close nothing, as a network does that lost its way."""
        self._flowing.clear()

    def answer_500(self) -> None:
        """Cut every connection and answer new requests with an error of the server."""
        self._answers_500 = True
        self.cut()

    def cut_next(self, times: int, after_bytes: int) -> None:
        """Cut the next connections that send so many bytes, right there."""
        with self._lock:
            self._cuts, self._cut_after_bytes = times, after_bytes

    @property
    def cuts_left(self) -> int:
        """How many of the ordered cuts have not happened."""
        return self._cuts

    def restore(self) -> None:
        """Relay again."""
        self.latency_s, self.answer_latency_s, self._answers_500 = 0.0, 0.0, False
        self.cut_next(0, 0)
        self._flowing.set()
        if self._refused:
            self._refused = False
            self._listen()

    def close(self) -> None:
        """End for good."""
        with contextlib.suppress(OSError):
            self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        self._flowing.set()
        self.cut()

    def _listen(self) -> None:
        self._server.listen()
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):  # the listening socket was shut
            while True:
                client, _ = self._server.accept()
                serve = self._fail if self._answers_500 else self._relay
                threading.Thread(target=serve, args=(client,), daemon=True).start()

    def _relay(self, client: socket.socket) -> None:
        try:
            server = socket.create_connection(self.upstream)
        except OSError:
            client.close()
            return
        with self._registered(client), self._registered(server):
            back = threading.Thread(target=self._pump, args=(server, client, False), daemon=True)
            back.start()
            self._pump(client, server, True)
            back.join()

    def _pump(self, source: socket.socket, sink: socket.socket, from_client: bool) -> None:
        sent_bytes = 0
        with contextlib.suppress(OSError):
            while chunk := source.recv(CHUNK_BYTES):
                sent_bytes += len(chunk)
                time.sleep(self.latency_s if from_client else self.answer_latency_s)
                self._flowing.wait()
                if from_client:
                    chunk = self._readdressed(chunk)
                    if self._takes_cut(sent_bytes):
                        break
                sink.sendall(chunk)
        for end in (source, sink):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def _readdressed(self, chunk: bytes) -> bytes:
        """The chunk with the server's address in its Host header; both ports have five digits."""
        if not self.host_header:
            return chunk
        return chunk.replace(f"{LOOPBACK}:{self.port}".encode(), f"{LOOPBACK}:{self.upstream[1]}".encode())

    def _takes_cut(self, sent_bytes: int) -> bool:
        with self._lock:
            if self._cuts == 0 or sent_bytes < self._cut_after_bytes:
                return False
            self._cuts -= 1
            return True

    def _fail(self, client: socket.socket) -> None:
        """Read what a client sends, and answer that the server is broken."""
        with contextlib.suppress(OSError), self._registered(client):
            client.settimeout(READ_LIMIT_S)
            stream = self.tls.wrap_socket(client, server_side=True) if self.tls else client
            with contextlib.suppress(TimeoutError):
                received = stream.recv(CHUNK_BYTES)
                while received and b"\r\n\r\n" not in received:
                    received += stream.recv(CHUNK_BYTES)
            stream.sendall(SERVER_ERROR)
            stream.close()

    @contextlib.contextmanager
    def _registered(self, connection: socket.socket) -> Iterator[None]:
        with self._lock:
            self._open.add(connection)
        try:
            yield
        finally:
            with self._lock:
                self._open.discard(connection)
            connection.close()


def bound(address: str, port: int) -> socket.socket:
    """A socket on this port that does not listen yet."""
    server = socket.socket()
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    server.bind((address, port))
    return server
