"""Sessions with an MLflow server in which something happens before a call to its client."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from edge_training.adapters.mlflow.session import MlflowSession


class Crash(BaseException):
    """The worker dies; nothing may catch it."""


class FaultySession(MlflowSession):
    """Calls `at_call` before the call of that number to MLflow's client, counted from 0, or of that name."""

    def __init__(self, url: str, call: int | str, at_call: Callable[[], None], patience_s: float = 0) -> None:
        super().__init__(url, patience_s=patience_s)
        self.calls: list[str] = []
        self._call, self._at_call = call, at_call

    def call(self, action):
        """See `MlflowSession.call`."""
        return super().call(lambda client: action(_Watched(client, self)))

    def count(self, name: str) -> None:
        """Note a call that is about to be made."""
        self.calls.append(name)
        if self._call in (name, len(self.calls) - 1):
            self._at_call()


class _Watched:
    def __init__(self, client: Any, session: FaultySession) -> None:
        self._client, self._session = client, session

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._client, name)
        if not callable(method):
            return method

        def watched(*arguments, **options):
            self._session.count(name)
            return method(*arguments, **options)

        return watched


def crash() -> None:
    """End the worker."""
    raise Crash
