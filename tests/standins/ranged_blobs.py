"""A container whose blobs can be read in ranges, with If-Match; its server gets into trouble on demand."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from hashlib import sha256
from http.server import BaseHTTPRequestHandler
from typing import ClassVar
from urllib.parse import unquote, urlsplit

from tests.standins.blob_server import served

from edge_runner.manifest import ManifestBlob

CONTAINER = "box"


@dataclass(frozen=True)
class Asked:
    """One request for a blob.

    Attributes:
        number: How many requests there were before it.
        name: The blob.
        start: First byte that is asked for.
        end: Behind the last one.
        query: The query string: the signature.
    """

    number: int
    name: str
    start: int
    end: int
    query: str


@dataclass(frozen=True)
class Trouble:
    """What goes wrong with an answer.

    Attributes:
        status: Another status than the right one, with an error's code.
        code: The error's code.
        headers: Further headers.
        cut_after: Break the connection after so many bytes of the body.
        garbled: Send other bytes of the same length.
        ignores_range: Send the whole blob.
        byte_every_s: Send one byte after the other with such pauses; 0 for all at once.
    """

    status: int | None = None
    code: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    cut_after: int | None = None
    garbled: bool = False
    ignores_range: bool = False
    byte_every_s: float = 0.0


@dataclass
class RangedBlobs:
    """The container.

    Attributes:
        endpoint: Where it is.
        blobs: Content by name.
        md5: Content-MD5 by name, as the listing gives it; kept for `manifest_blob`.
        trouble: What goes wrong with a request; None for nothing.
        asked: Every request so far.
        sent_bytes: Of bodies of good answers.
    """

    endpoint: str = ""
    blobs: dict[str, bytes] = field(default_factory=dict)
    md5: dict[str, str] = field(default_factory=dict)
    trouble: Callable[[Asked], Trouble | None] = lambda _: None
    asked: list[Asked] = field(default_factory=list)
    sent_bytes: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def etag(self, name: str) -> str:
        """Another one for other bytes."""
        return sha256(self.blobs[name]).hexdigest()[:16]

    def manifest_blob(self, name: str) -> ManifestBlob:
        """The blob as a snapshot pins it."""
        return ManifestBlob(
            name, len(self.blobs[name]), self.etag(name), self.md5.get(name), "2013-02-01", "train"
        )


class Handler(BaseHTTPRequestHandler):
    """Answers for one container."""

    protocol_version = "HTTP/1.1"
    box: ClassVar[RangedBlobs]

    def do_GET(self) -> None:
        asked = self.asked()
        trouble = self.box.trouble(asked) or self.refusal(asked.name) or Trouble()
        if trouble.status is not None:
            self.refuse(trouble)
        else:
            self.answer(asked, trouble)

    def asked(self) -> Asked:
        """What is asked for; a blob that is not there has no bytes."""
        parts = urlsplit(self.path)
        name = unquote(parts.path).removeprefix(f"/account/{CONTAINER}/")
        span = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", ""))
        start, end = (int(span[1]), int(span[2]) + 1) if span else (0, len(self.box.blobs.get(name, b"")))
        with self.box.lock:
            asked = Asked(len(self.box.asked), name, start, end, parts.query)
            self.box.asked.append(asked)
        return asked

    def refusal(self, name: str) -> Trouble | None:
        """What the store itself objects to."""
        if name not in self.box.blobs:
            return Trouble(404, "BlobNotFound")
        if self.headers.get("If-Match") != f'"{self.box.etag(name)}"':
            return Trouble(412, "ConditionNotMet")
        return None

    def refuse(self, trouble: Trouble) -> None:
        """An answer without the blob."""
        self.send_response_only(trouble.status)
        self.send_header("x-ms-error-code", trouble.code)
        self.send_header("Content-Length", "0")
        for name, value in trouble.headers.items():
            self.send_header(name, value)
        self.end_headers()

    def answer(self, asked: Asked, trouble: Trouble) -> None:
        """The bytes, or what becomes of them."""
        content = self.box.blobs[asked.name]
        body = content[asked.start : asked.end]
        if trouble.ignores_range or "Range" not in self.headers:
            body = content
            self.send_response_only(200)
        else:
            self.send_response_only(206)
            self.send_header("Content-Range", f"bytes {asked.start}-{asked.end - 1}/{len(content)}")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        sent = (bytes(len(body)) if trouble.garbled else body)[: trouble.cut_after]
        if trouble.byte_every_s:
            self.trickle(sent, trouble.byte_every_s)
        else:
            self.wfile.write(sent)
        with self.box.lock:
            self.box.sent_bytes += len(sent)
        self.close_connection = trouble.cut_after is not None

    def trickle(self, content: bytes, pause_s: float) -> None:
        """Send byte by byte, until the client has had enough of it."""
        with suppress(OSError):
            for place in range(len(content)):
                time.sleep(pause_s)
                self.wfile.write(content[place : place + 1])
        self.close_connection = True

    def log_message(self, *_: object) -> None:
        """Keep the test's output clean."""


@contextmanager
def ranged_blobs(**blobs: bytes) -> Iterator[RangedBlobs]:
    """Serve a container for the length of a block."""
    box = RangedBlobs(blobs=dict(blobs))
    with served(type("Handler", (Handler,), {"box": box})) as box.endpoint:
        yield box
