"""What an event loop asks an MLflow server, by its documented REST API: MLflow's own client would block the
loop, and takes seconds and 150 MB to import.
"""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any
from weakref import WeakKeyDictionary

import httpx

from edge_runner.frames import Point
from edge_training.adapters.causes import causes
from edge_training.adapters.mlflow.runs import (
    BALLOT,
    LOST,
    OLDEST_FIRST,
    Candidate,
    Elected,
    FillIn,
    Make,
    elect,
    query_of,
)
from edge_training.adapters.mlflow.session import bad_answer, untrusted
from edge_training.adapters.run_layout import of_training
from edge_training.errors import EdgeError, ModelRegistryRefused, RequestRejected
from edge_training.ports.model_registry import STATE_TAG, TRAINING_KEY_TAG
from edge_training.ports.tracking import TrainingRun

REQUESTS_AT_ONCE = 4
"""From one event loop to one server, however many trainings it watches: MLflow's database writes one row
after the other, and 50 requests at once made it silent for more than 30 s (measured, SQLite).
"""
ERROR_CODE = "error_code"
_REASON_LENGTH = 300
_TURNS: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[str, asyncio.Semaphore]] = WeakKeyDictionary()


class MlflowApi:
    """One MLflow server and who we are there; implements `AsyncTrainingRuns`.

    Every call is one request, or a few that are safe to repeat.
    """

    def __init__(
        self,
        url: str,
        *,
        user: str | None = None,
        password: str | None = None,
        ca_file: str | None = None,
        request_timeout_s: float = 30.0,
    ) -> None:
        """Remember the server; nothing is sent yet.

        Args:
            url: `http://host:port` or `https://...`.
            user: Login, if the server asks for one.
            password: Its password.
            ca_file: Certificates of a private authority to trust; None for those the machine trusts.
            request_timeout_s: Longest silence of the server within one request.
        """
        self._url = url.rstrip("/")
        self._user = user
        self._login = (user, password or "") if user else None
        self._ca_file = ca_file
        self._timeout_s = request_timeout_s
        self._client: httpx.AsyncClient | None = None

    async def aclose(self) -> None:
        """See `AsyncTrainingRuns.aclose`."""
        if self._client is not None:
            await self._client.aclose()

    async def training_run(self, model_name: str, training_key: str, tags: Mapping[str, str]) -> TrainingRun:
        """See `TrainingRuns.training_run`; the model's name is the experiment's."""
        experiment_id = await self._ensure_experiment(model_name)
        tags = {**tags, TRAINING_KEY_TAG: training_key}
        election = elect()
        change = next(election)
        while True:
            if isinstance(change, Make):
                await self._make_run(experiment_id, of_training(training_key, tags).run_name, tags)
            elif isinstance(change, FillIn):
                await self._fill_in(change)
            try:
                change = election.send(await self._candidates(experiment_id, training_key))
            except StopIteration as end:
                elected: Elected = end.value
                break
        for loser in elected.losers:
            await self.set_status(loser.run_id, LOST)
        run = elected.run
        return TrainingRun(run.run_id, run.status, run.is_registered)

    async def log_points(self, run_id: str, points: Sequence[Point]) -> None:
        """See `TrainingRuns.log_points`."""
        metrics = [
            {"key": point.name, "value": point.value, "timestamp": point.time_ms, "step": point.step}
            for point in points
        ]
        await self._post("runs/log-batch", {"run_id": run_id, "metrics": metrics})

    async def set_status(self, run_id: str, status: str) -> None:
        """See `TrainingRuns.set_status`; all but `RUNNING` also end the run now."""
        body: dict[str, Any] = {"run_id": run_id, "status": status}
        if status != "RUNNING":
            body["end_time"] = _now_ms()
        await self._post("runs/update", body)

    async def _ensure_experiment(self, name: str) -> str:
        query = {"experiment_name": name}
        try:
            found = await self._ask("GET", "experiments/get-by-name", params=query)
        except RequestRejected as error:
            if error.details[ERROR_CODE] != "RESOURCE_DOES_NOT_EXIST":
                raise
            with _unless("RESOURCE_ALREADY_EXISTS"):
                await self._post("experiments/create", {"name": name})
            found = await self._ask("GET", "experiments/get-by-name", params=query)
        return str(found["experiment"]["experiment_id"])

    async def _make_run(self, experiment_id: str, name: str, tags: Mapping[str, str]) -> None:
        body = {
            "experiment_id": experiment_id,
            "start_time": _now_ms(),
            "run_name": name,
            "tags": [{"key": key, "value": value} for key, value in tags.items()],
        }
        await self._post("runs/create", body)

    async def _fill_in(self, change: FillIn) -> None:
        """Somebody may have been faster; whether the ballot is filled in shows at the next look."""
        ballot = {"key": BALLOT, "value": change.elected}
        with suppress(RequestRejected):
            await self._post("runs/log-batch", {"run_id": change.run_id, "params": [ballot]})

    async def _candidates(self, experiment_id: str, training_key: str) -> list[Candidate]:
        body = {
            "experiment_ids": [experiment_id],
            "filter": query_of(of_training(training_key)),
            "order_by": list(OLDEST_FIRST),
            "max_results": 100,
        }
        found = await self._post("runs/search", body)
        return [_candidate(run) for run in found.get("runs", ())]

    async def _post(self, path: str, body: Mapping[str, Any]) -> Any:
        return await self._ask("POST", path, json=body)

    async def _ask(self, method: str, path: str, **content: Any) -> Any:
        """One request, and its answer's JSON."""
        try:
            client = await self._connected()
            async with _turn(self._url):
                response = await client.request(method, path, **content)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            if any(isinstance(cause, ssl.SSLCertVerificationError) for cause in causes(error)):
                raise untrusted(self._url) from error
            raise self._bad_answer(None, f"{type(error).__name__}: {error}") from error
        if not response.is_success:
            raise self._refusal(response)
        try:
            return response.json()
        except ValueError as error:
            raise self._bad_answer(None, "its answer is no JSON") from error

    async def _connected(self) -> httpx.AsyncClient:
        """The client; reading the authorities' certificates would hold up the event loop."""
        if self._client is None:
            try:
                trusted = await asyncio.to_thread(ssl.create_default_context, cafile=self._ca_file)
            except OSError as error:
                raise ModelRegistryRefused(
                    f"The authority of {self._url} cannot be read from {self._ca_file} ({error}); "
                    "correct ca_file in its connection."
                ) from error
            self._client = httpx.AsyncClient(
                base_url=f"{self._url}/api/2.0/mlflow/",
                auth=self._login,
                verify=trusted,
                timeout=self._timeout_s,
                trust_env=False,
            )
        return self._client

    def _refusal(self, response: httpx.Response) -> EdgeError:
        try:
            answer = response.json()
            error_code, reason = str(answer["error_code"]), str(answer["message"])
        except (ValueError, KeyError, TypeError):
            error_code, reason = "", response.text
        error = self._bad_answer(response.status_code, reason)
        if response.status_code in (400, 404) and error_code:
            return RequestRejected(str(error), {ERROR_CODE: error_code})
        return error

    def _bad_answer(self, status: int | None, reason: str) -> EdgeError:
        return bad_answer(self._url, self._user, status, " ".join(reason.split())[:_REASON_LENGTH])


def _turn(url: str) -> asyncio.Semaphore:
    """What the requests of this event loop to a server wait for."""
    turns = _TURNS.setdefault(asyncio.get_running_loop(), {})
    return turns.setdefault(url, asyncio.Semaphore(REQUESTS_AT_ONCE))


@contextmanager
def _unless(error_code: str) -> Iterator[None]:
    """Go on when MLflow says this."""
    try:
        yield
    except RequestRejected as error:
        if error.details[ERROR_CODE] != error_code:
            raise


def _candidate(run: Mapping[str, Any]) -> Candidate:
    info, data = run["info"], run["data"]
    params = {param["key"]: param["value"] for param in data.get("params", ())}
    return Candidate(
        run_id=info["run_id"],
        start_time_ms=int(info["start_time"]),
        status=info["status"],
        ballot=params.get(BALLOT),
        is_registered=any(tag["key"] == STATE_TAG for tag in data.get("tags", ())),
    )


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
