"""What goes wrong on demand: refusals, delays and cut connections, for the requests that a test names.

No list of the workspace's own error codes is published: codes are those of "Troubleshoot common Azure
deployment errors" and "Understand how Azure Resource Manager throttles requests", in the words of the host
that is asked.
"""

from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from tests.standins.azureml.refusals import Refused, Wording

EXPIRED_TOKEN = Refused(
    401,
    "ExpiredAuthenticationToken",
    "The access token expiry UTC time is earlier than current UTC time.",
    {"WWW-Authenticate": 'Bearer error="invalid_token"'},
)
NO_WORKSPACE = Refused(404, "ResourceNotFound", "The workspace was not found.")
CONFLICT = Refused(409, "Conflict", "The resource is being changed by another request.")
QUOTA_EXCEEDED = Refused(409, "QuotaExceeded", "The quota of this subscription is exceeded.")
INTERNAL_ERROR = Refused(500, "InternalServerError", "The server encountered an internal error.")
UNAVAILABLE = Refused(503, "ServiceUnavailable", "The service is temporarily unavailable.")


def too_many_requests(retry_after_s: int) -> Refused:
    """A request is throttled."""
    headers = {"Retry-After": str(retry_after_s)}
    return Refused(429, "TooManyRequests", "The request is being throttled.", headers)


class Cut(Enum):
    """When a connection is cut: before the request took effect, or after it and before the answer."""

    BEFORE = "before"
    AFTER = "after"


@dataclass
class Fault:
    """One thing that goes wrong.

    Attributes:
        method: HTTP method of the requests it strikes; `*` for any.
        url: A regular expression that is searched for in `host/path?query`.
        refusal: Answer with this instead of doing anything, as the host that is asked words it.
        answer: Answer with this JSON and the status 200 instead of doing anything.
        delay_s: Wait before anything else.
        cut: Hang up.
        times: How many requests it strikes.
        skip: How many it lets pass first.
    """

    method: str
    url: str
    refusal: Refused | None = None
    answer: Mapping[str, Any] | None = None
    delay_s: float = 0.0
    cut: Cut | None = None
    times: int = 1
    skip: int = 0

    def strikes(self, request: Call) -> bool:
        """Count a request, and say whether it is struck."""
        is_meant = self.method in ("*", request.method) and re.search(self.url, request.url) is not None
        if not is_meant or self.times == 0:
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

    @property
    def place(self) -> tuple[str, str]:
        """Host and path."""
        host, slash, path = self.url.partition("?")[0].partition("/")
        return host, slash + path


@dataclass
class Faults:
    """The faults still to come, and every request so far.

    Attributes:
        calls: Requests in the order of their answers.
        waiting: How many requests are being delayed.
    """

    calls: list[Call] = field(default_factory=list)
    waiting: int = 0
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

    async def delay(self, seconds: float) -> None:
        """Hold a request up; counted, so that a test knows when it is."""
        self.waiting += 1
        await asyncio.sleep(seconds)
        self.waiting -= 1

    def note(self, call: Call, status: int | None) -> None:
        """Remember an answer."""
        with self._lock:
            self.calls.append(Call(call.method, call.url, status))


class FaultyServer:
    """The server with what goes wrong in front of it."""

    def __init__(self, app: ASGIApp, faults: Faults, words: Callable[[str, str], Wording]) -> None:
        """Remember what to serve.

        Args:
            app: The server.
            faults: What goes wrong.
            words: How the service at a host and a path words a refusal.
        """
        self._app, self._faults, self._words = app, faults, words

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
        await self._faults.delay(fault.delay_s)
        if fault.cut is not None:
            await self._cut(fault.cut, scope, receive, send)
            self._faults.note(call, None)
            return
        app = self._app
        if fault.refusal is not None:
            app = self._words(*call.place)(fault.refusal)
        elif fault.answer is not None:
            app = JSONResponse(fault.answer)
        await app(scope, receive, self._noting(call, send))

    async def _cut(self, moment: Cut, scope: Scope, receive: Receive, send: Send) -> None:
        if moment is Cut.AFTER:
            await self._app(scope, receive, nobody)
        # ASGI has no way to hang up; uvicorn's `send` is a method of the object that has the connection.
        send.__self__.transport.abort()

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
