"""A real HTTP server behind a proxy in trouble: it answers itself for a while, or asks for a login."""

from __future__ import annotations

import base64
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx


@dataclass
class TroubledProxy:
    """Forwards requests once its troubles are over.

    Attributes:
        upstream: The real server.
        url: Where the proxy listens.
        troubles: Answers it gives itself before it forwards anything: a status and a body.
        login: User and password it asks for, or None.
        turned_away: How many requests it has answered itself.
        most_at_once: How many requests there were at the same time, at most.
    """

    upstream: str
    url: str
    troubles: list[tuple[int, bytes]]
    login: tuple[str, str] | None
    turned_away: int = 0
    most_at_once: int = 0
    _under_way: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @contextmanager
    def counted(self) -> Iterator[None]:
        """One request, for its length."""
        with self._lock:
            self._under_way += 1
            self.most_at_once = max(self.most_at_once, self._under_way)
        try:
            yield
        finally:
            with self._lock:
                self._under_way -= 1

    def own_answer(self, authorization: str | None) -> tuple[int, bytes] | None:
        """What it says itself; None to forward."""
        if self.troubles:
            return self.troubles.pop(0)
        if self.login is not None:
            expected = base64.b64encode(":".join(self.login).encode()).decode()
            if authorization != f"Basic {expected}":
                return 401, b"You are not authenticated"
        return None


@contextmanager
def troubled_proxy(
    upstream: str, *troubles: tuple[int, bytes], login: tuple[str, str] | None = None
) -> Iterator[TroubledProxy]:
    """A proxy for the length of a block."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def forward(self) -> None:
            with proxy.counted():
                status, body = self.answer()
            self.send_response_only(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def answer(self) -> tuple[int, bytes]:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            answer = proxy.own_answer(self.headers.get("Authorization"))
            if answer is not None:
                proxy.turned_away += 1
                return answer
            headers = {"Content-Type": self.headers.get("Content-Type", "application/json")}
            response = client.request(self.command, self.path, content=body, headers=headers)
            return response.status_code, response.content

        do_GET = do_POST = do_PUT = do_DELETE = forward  # noqa: N815  # names http.server looks for

        def log_message(self, *_: object) -> None:
            """Keep the test's output clean."""

    client = httpx.Client(base_url=upstream, trust_env=False)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    proxy = TroubledProxy(upstream, f"http://127.0.0.1:{server.server_port}", list(troubles), login)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield proxy
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
        client.close()
