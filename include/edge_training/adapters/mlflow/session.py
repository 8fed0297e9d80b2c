"""A session with an MLflow server: its settings, its patience, and the names of its errors.

MLflow's client is configured by environment variables only. They are set for the length of one call and
restored afterwards, so that neither the task's environment nor another server's session is touched; threads
of one process take turns. The client's own retries (four minutes of them) are off: a whole call is safe to
repeat, so it is repeated here, for a bounded time.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

from edge_training.adapters.causes import causes
from edge_training.adapters.mlflow.dialect import MlflowDialect
from edge_training.adapters.mlflow.refusals import CLASH
from edge_training.adapters.patience import patiently
from edge_training.errors import (
    EdgeError,
    ModelRegistryRefused,
    ModelRegistryUnavailable,
    RequestRejected,
)

if TYPE_CHECKING:
    from mlflow import MlflowClient

T = TypeVar("T")

_TURN = threading.RLock()
_REASON_LENGTH = 300


class MlflowSession:
    """One MLflow server and who we are there."""

    def __init__(
        self,
        url: str,
        *,
        user: str | None = None,
        password: str | None = None,
        ca_file: str | None = None,
        request_timeout_s: int = 60,
        patience_s: float = 60.0,
    ) -> None:
        """Remember the server; nothing is sent and nothing is imported yet.

        Args:
            url: `http://host:port` or `https://...`.
            user: Login, if the server asks for one.
            password: Its password.
            ca_file: Certificates of a private authority to trust; None for those the machine trusts.
            request_timeout_s: Longest silence of the server within one request.
            patience_s: How long a call is repeated while the server does not answer.
        """
        self._url = url
        self._user = user
        self._patience_s = patience_s
        self._environment: dict[str, str | None] = {
            "MLFLOW_TRACKING_USERNAME": user,
            "MLFLOW_TRACKING_PASSWORD": password,
            "MLFLOW_TRACKING_TOKEN": None,
            "MLFLOW_TRACKING_INSECURE_TLS": None,
            "MLFLOW_TRACKING_SERVER_CERT_PATH": ca_file,
            "MLFLOW_HTTP_REQUEST_TIMEOUT": str(request_timeout_s),
            "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",
            "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
            "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
            "MLFLOW_DISABLE_TELEMETRY": "true",
        }

    @property
    def dialect(self) -> MlflowDialect:
        """How the server does what others of its protocol do in another way."""
        return MlflowDialect(self.url)

    @property
    def url(self) -> str:
        """Where the server is, without a slash at its end."""
        return self._url.rstrip("/")

    def call(self, action: Callable[[MlflowClient], T]) -> T:
        """Do something that is safe to repeat, until the server has answered or patience is at its end.

        Raises:
            ModelRegistryUnavailable: The server did not answer in time.
            ModelRegistryRefused: It refuses us or the request.
        """
        return patiently(lambda: self._call_once(action), self._patience_s)

    def _call_once(self, action: Callable[[MlflowClient], T]) -> T:
        with _environment(self._environment):
            try:
                return action(self._client())
            except self._faults() as error:
                raise self._named(error) from error

    def _client(self) -> MlflowClient:
        from mlflow import MlflowClient

        return MlflowClient(tracking_uri=self._url, registry_uri=self._url)

    def _faults(self) -> tuple[type[Exception], ...]:
        """What its client raises of the server, the network or us."""
        from mlflow.exceptions import MlflowException
        from requests.exceptions import RequestException

        return (MlflowException, RequestException)

    def _named(self, error: BaseException) -> EdgeError:
        from requests.exceptions import SSLError

        if any(isinstance(cause, SSLError) for cause in causes(error)):
            return untrusted(self._url)
        if getattr(error, "error_code", "") == CLASH:
            return ModelRegistryUnavailable(
                f"The database of {self._url} refuses what two writers want at once ({reason(error)}); "
                "it is tried again."
            )
        status = status_of(error)
        found = bad_answer(self._url, self._user, status, reason(error))
        is_read = status in (400, 404) and hasattr(error, "error_code")
        return RequestRejected(str(found)) if is_read else found


def untrusted(url: str) -> ModelRegistryRefused:
    """What to say of a certificate that nobody vouches for."""
    return ModelRegistryRefused(
        f"The certificate of {url} is not trusted; give its authority in the connection, "
        "or correct the host name."
    )


def bad_answer(url: str, user: str | None, status: int | None, reason: str) -> EdgeError:
    """The name of a bad answer.

    Args:
        url: The server.
        user: Who asked.
        status: Its HTTP status; None when no answer came.
        reason: What the server or the network says.
    """
    if status is None or status in (408, 429) or status >= 500:
        return ModelRegistryUnavailable(
            f"The model registry {url} does not answer ({reason}); start it or mend the network."
        )
    if status in (401, 403):
        return ModelRegistryRefused(
            f"The model registry {url} refuses user {user!r} ({status}: {reason}); "
            "correct login and password of its connection, or give this user the right to edit models."
        )
    return ModelRegistryRefused(
        f"The model registry {url} refuses the request ({status}: {reason}); "
        "correct the name, tag or parameter it names."
    )


def status_of(error: BaseException) -> int | None:
    """The HTTP status an error stands for; None when no answer came."""
    from mlflow.exceptions import ERROR_CODE_TO_HTTP_STATUS, MlflowException
    from requests.exceptions import HTTPError, RequestException

    for cause in causes(error):
        if isinstance(cause, HTTPError) and cause.response is not None:
            return int(cause.response.status_code)
        if isinstance(cause, RequestException):
            return None
    if isinstance(error, MlflowException):
        return int(ERROR_CODE_TO_HTTP_STATUS.get(error.error_code, 500))
    return None


def reason(error: BaseException) -> str:
    """The innermost cause, where MLflow's own message repeats the whole chain."""
    *_, first = causes(error)
    return f"{type(first).__name__}: {' '.join(str(first).split())[:_REASON_LENGTH]}"


@contextmanager
def _environment(values: Mapping[str, str | None]) -> Iterator[None]:
    """Set and unset variables of this process for the length of a block."""
    with _TURN:
        before = {name: os.environ.get(name) for name in values}
        try:
            _apply(values)
            yield
        finally:
            _apply(before)


def _apply(values: Mapping[str, str | None]) -> None:
    for name, value in values.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value
