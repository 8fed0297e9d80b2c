"""Faults on the way to a real part: a TCP proxy that cuts a connection after a number of bytes."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


@dataclass
class CuttingProxy:
    """Forwards to one address; the first `cuts` connections to send `after_bytes` are cut right there.

    Attributes:
        upstream: Where to.
        after_bytes: How much a client may send before the cut.
        cuts: How many cuts are left.
    """

    upstream: tuple[str, int]
    after_bytes: int = 0
    cuts: int = 0
    port: int = field(init=False)

    def __post_init__(self) -> None:
        self._server = socket.create_server(("127.0.0.1", 0))
        self._lock = threading.Lock()
        self.port = self._server.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def address(self) -> str:
        """`host:port` for clients."""
        return f"127.0.0.1:{self.port}"

    def close(self) -> None:
        """Accept no more connections."""
        self._server.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._server.accept()
                target = socket.create_connection(self.upstream)
                threading.Thread(target=self._send, args=(client, target), daemon=True).start()
                threading.Thread(target=_relay, args=(target, client), daemon=True).start()

    def _send(self, client: socket.socket, target: socket.socket) -> None:
        sent_bytes = 0
        with contextlib.suppress(OSError):
            while chunk := client.recv(65536):
                sent_bytes += len(chunk)
                if self._take_cut(sent_bytes):
                    client.shutdown(socket.SHUT_RDWR)
                    break
                target.sendall(chunk)
        target.close()
        client.close()

    def _take_cut(self, sent_bytes: int) -> bool:
        with self._lock:
            if self.cuts == 0 or sent_bytes < self.after_bytes:
                return False
            self.cuts -= 1
            return True


def _relay(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while chunk := source.recv(65536):
            sink.sendall(chunk)
        sink.shutdown(socket.SHUT_WR)


@contextmanager
def cutting_proxy(upstream: tuple[str, int], after_bytes: int, cuts: int) -> Iterator[CuttingProxy]:
    """A proxy for the length of a block."""
    proxy = CuttingProxy(upstream, after_bytes, cuts)
    try:
        yield proxy
    finally:
        proxy.close()
