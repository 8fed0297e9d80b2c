"""A blob server that answers as it is told: what Azurite cannot be made to do on demand."""

from __future__ import annotations

import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests.standins.certificates import certificates


@dataclass
class Answer:
    """One answer.

    Attributes:
        status: HTTP status.
        body: Its body.
        headers: Further headers.
        cut_after: Send only that many bytes of the body, then break the connection.
        byte_every_s: Send the body byte by byte with this pause between them; 0 for at once.
    """

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    cut_after: int | None = None
    byte_every_s: float = 0.0


@dataclass
class ScriptedServer:
    """Gives its answers in order, the last one again and again.

    Attributes:
        endpoint: Where it listens, with an account as path.
        requests: Request lines' targets and headers, in order.
        connections: How many it has accepted.
    """

    endpoint: str
    answers: list[Answer]
    requests: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    connections: int = 0

    def next_answer(self) -> Answer:
        """Take the next answer."""
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


@contextmanager
def scripted_server(*answers: Answer) -> Iterator[ScriptedServer]:
    """Serve the answers on a loopback port."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def setup(self) -> None:
            script.connections += 1
            super().setup()

        def do_GET(self) -> None:
            script.requests.append((self.path, dict(self.headers)))
            answer = script.next_answer()
            self.send_response_only(answer.status)
            for name, value in {"Content-Length": str(len(answer.body)), **answer.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            sent = answer.body[: answer.cut_after]
            size = 1 if answer.byte_every_s else max(1, len(sent))
            for start in range(0, len(sent), size):
                self.wfile.write(sent[start : start + size])
                time.sleep(answer.byte_every_s)
            self.close_connection = answer.cut_after is not None

        def log_message(self, *_: object) -> None:
            """Keep the test's output clean."""

    with served(Handler) as endpoint:
        script = ScriptedServer(endpoint, list(answers))
        yield script


@contextmanager
def served(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    """Serve over TLS on a loopback port; gives the endpoint, with an account as path."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates().server_certificate_file, certificates().server_key_file)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"https://127.0.0.1:{server.server_port}/account"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
