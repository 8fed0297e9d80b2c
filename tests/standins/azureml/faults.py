"""What goes wrong on demand: refusals, delays and cut connections, for the requests that a test names."""

from __future__ import annotations

import asyncio
import json
import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send


class Cut(Enum):
    """When a connection is cut: before the request took effect, or after it and before the answer."""

    BEFORE = "before"
    AFTER = "after"


@dataclass
class Fault:
    """One thing that goes wrong.

    Attributes:
        method: HTTP method of the requests it strikes.
        url: A regular expression that is searched for in `host/path?query`.
        status: Answer with this instead of doing anything.
        body: That answer's JSON; a body with the status 200 replaces a true answer.
        headers: That answer's headers, such as `Retry-After`.
        delay_s: Wait before anything else.
        cut: Hang up.
        times: How many requests it strikes.
        skip: How many it lets pass first.
    """

    method: str
    url: str
    status: int | None = None
    body: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    delay_s: float = 0.0
    cut: Cut | None = None
    times: int = 1
    skip: int = 0

    def strikes(self, request: Call) -> bool:
        """Count a request, and say whether it is struck."""
        if request.method != self.method or re.search(self.url, request.url) is None or self.times == 0:
            return False
        if self.skip > 0:
            self.skip -= 1
            return False
        self.times -= 1
        return True


@dataclass(frozen=True)
class Call:
    """A request as it was answered.

    Attributes:
        method: HTTP method.
        url: `host/path?query`, without a signature's value.
        status: HTTP status, or None when the connection was cut before an answer.
    """

    method: str
    url: str
    status: int | None = None


@dataclass
class Faults:
    """The faults still to come, and every request so far.

    Attributes:
        calls: Requests in the order of their answers.
    """

    calls: list[Call] = field(default_factory=list)
    _coming: list[Fault] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, *faults: Fault) -> None:
        """Let these happen; of several that fit, the one added first."""
        with self._lock:
            self._coming.extend(faults)

    def clear(self) -> None:
        """Let nothing more go wrong, and forget the requests."""
        with self._lock:
            self._coming.clear()
            self.calls.clear()

    def next_for(self, call: Call) -> Fault | None:
        """The fault that strikes a request, if any."""
        with self._lock:
            return next((fault for fault in self._coming if fault.strikes(call)), None)

    def asked(self, method: str, url: str) -> list[Call]:
        """The requests with this method whose `host/path?query` matches the expression."""
        with self._lock:
            return [call for call in self.calls if call.method == method and re.search(url, call.url)]

    def note(self, call: Call, status: int | None) -> None:
        """Remember an answer."""
        with self._lock:
            self.calls.append(Call(call.method, call.url, status))


class FaultyServer:
    """The server with what goes wrong in front of it."""

    def __init__(self, app: ASGIApp, faults: Faults) -> None:
        self._app, self._faults = app, faults

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        call = described(Request(scope))
        fault = self._faults.next_for(call)
        if fault is None:
            await self._app(scope, receive, self._noting(call, send))
            return
        await asyncio.sleep(fault.delay_s)
        if fault.cut is not None:
            await self._cut(fault.cut, scope, receive, send)
            self._faults.note(call, None)
        elif fault.status is not None:
            answer = Response(
                json.dumps(fault.body), fault.status, dict(fault.headers), media_type="application/json"
            )
            await answer(scope, receive, self._noting(call, send))
        else:
            await self._app(scope, receive, self._noting(call, send))

    async def _cut(self, moment: Cut, scope: Scope, receive: Receive, send: Send) -> None:
        if moment is Cut.AFTER:
            await self._app(scope, receive, nobody)
        # An application cannot hang up in ASGI; uvicorn's `send` belongs to the object that has the connection.
        send.__self__.transport.abort()  # type: ignore[attr-defined]

    def _noting(self, call: Call, send: Send) -> Send:
        async def noting(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._faults.note(call, message["status"])
            await send(message)

        return noting


def described(request: Request) -> Call:
    """What is told of a request."""
    query = re.sub(r"\bsig=[^&]*", "sig=...", request.url.query)
    return Call(request.method, f"{request.url.hostname}{request.url.path}" + (f"?{query}" if query else ""))


async def nobody(message: Message) -> None:
    """Send an answer to nobody."""
