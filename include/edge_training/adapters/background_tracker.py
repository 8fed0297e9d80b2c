"""Forwards a training's points and status to its run in a model registry, from an event loop and in the
background.

What cannot be sent is kept, up to a bound, and sent when the registry answers again. Nothing here fails or
delays a training: the points are also in the training's metrics file, and `register` adds what is missing.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress

from edge_runner.frames import Point
from edge_training.errors import (
    EdgeError,
    ModelRegistryRefused,
    ModelRegistryUnavailable,
    RequestRejected,
)
from edge_training.ports.tracking import (
    POINTS_PER_BATCH,
    AsyncTrainingRuns,
    LiveRun,
    RunStatus,
    TrainingRun,
)

log = logging.getLogger(__name__)

KEPT_POINTS = 5000
"""About 1 MB; a training that shows more while the server is down is completed by `register`."""
_FIRST_PAUSE_S = 1.0


class BackgroundTracker:
    """Writes to a model registry that an event loop can ask; implements `RunTracker`."""

    def __init__(
        self,
        connect: Callable[[], AsyncTrainingRuns],
        *,
        interval_s: float = 3.0,
        longest_pause_s: float = 30.0,
    ) -> None:
        """Remember the registry; nothing is sent yet.

        Args:
            connect: Gives the registry for the length of one watch.
            interval_s: Points that come within that time go in one request.
            longest_pause_s: Between two tries while the registry does not answer.
        """
        self._connect = connect
        self._interval_s = interval_s
        self._longest_pause_s = longest_pause_s

    @asynccontextmanager
    async def run(
        self,
        model_name: str,
        training_key: str,
        tags: Mapping[str, str] | None = None,
        farewell_s: float = 5.0,
    ) -> AsyncIterator[LiveRun]:
        """See `RunTracker.run`."""
        registry = self._connect()
        sender = _Sender(registry, model_name, training_key, tags or {})
        task = asyncio.create_task(sender.send_all(self._interval_s, self._longest_pause_s))
        try:
            yield sender
        finally:
            sender.leave()
            try:
                await asyncio.wait([task], timeout=farewell_s)
            finally:
                task.cancel()
                sender.say_what_is_left(*await asyncio.gather(task, return_exceptions=True))
                await registry.aclose()


class _Sender:
    """What is still to be sent to one run; implements `LiveRun`."""

    def __init__(
        self, registry: AsyncTrainingRuns, model_name: str, training_key: str, tags: Mapping[str, str]
    ) -> None:
        self._registry = registry
        self._training = (model_name, training_key, tags)
        self._kept: deque[Point] = deque(maxlen=KEPT_POINTS)
        self._batch: list[Point] = []
        self._status: RunStatus = "RUNNING"
        self._run: TrainingRun | None = None
        self._written_status = ""
        self._refused_names: set[str] = set()
        self._wake, self._leaving = asyncio.Event(), asyncio.Event()
        self._is_out, self._has_dropped = False, False

    def log(self, points: Iterable[Point]) -> None:
        """See `LiveRun.log`."""
        for point in points:
            if len(self._kept) == KEPT_POINTS and not self._has_dropped:
                self._has_dropped = True
                log.warning(
                    "More than %d points wait for the model registry; the oldest are passed over here, "
                    "register_model adds them.",
                    KEPT_POINTS,
                )
            if point.name not in self._refused_names:
                self._kept.append(point)
        self._wake.set()

    def end(self, status: RunStatus) -> None:
        """See `LiveRun.end`."""
        self._status = status
        self._wake.set()

    def leave(self) -> None:
        """Send what is left, then stop."""
        self._leaving.set()
        self._wake.set()

    def say_what_is_left(self, end: BaseException | None) -> None:
        """Say what the farewell was too short for, or what fault of ours ended the sending."""
        if isinstance(end, Exception):
            log.error("Metrics are no longer sent to the model registry.", exc_info=end)
        if left := len(self._kept) + len(self._batch):
            log.warning("%d points did not reach the model registry; register_model adds them.", left)
        if self._written_status != self._status and not self._is_registered():
            log.warning("The run in the model registry could not be marked %s.", self._status)

    async def send_all(self, interval_s: float, longest_pause_s: float) -> None:
        """Send whatever there is, until leaving and nothing is left."""
        pause_s = _FIRST_PAUSE_S
        while self._is_due() or not self._leaving.is_set():
            if not self._leaving.is_set():
                self._wake.clear()
            try:
                await self._send()
            except (ModelRegistryUnavailable, ModelRegistryRefused) as error:
                self._say_out(error)
                await self._pause(random.uniform(0.5, 1.0) * pause_s)
                pause_s = min(2 * pause_s, longest_pause_s)
                continue
            self._say_back()
            pause_s = _FIRST_PAUSE_S
            if not self._batch and len(self._kept) < POINTS_PER_BATCH:
                await _passes(self._leaving, interval_s)
                await self._wake.wait()

    async def _pause(self, pause_s: float) -> None:
        """Wait before the next try, which comes at once when it is time to leave, and then in due time."""
        if self._leaving.is_set():
            await asyncio.sleep(pause_s)
        else:
            await _passes(self._leaving, pause_s)

    def _is_registered(self) -> bool:
        return self._run is not None and self._run.is_registered

    def _is_due(self) -> bool:
        return bool(self._kept or self._batch) or (
            self._written_status != self._status and not self._is_registered()
        )

    async def _send(self) -> None:
        """One batch of points; once none is left, the status."""
        if self._run is None:
            self._run = await self._registry.training_run(*self._training)
            self._written_status = self._run.status
        if self._run.is_registered:
            self._kept.clear()
            self._batch.clear()
            return
        if not self._batch:
            self._batch = [self._kept.popleft() for _ in range(min(len(self._kept), POINTS_PER_BATCH))]
        if self._batch:
            await self._send_batch(self._run)
        if not self._kept and not self._batch and self._written_status != self._status:
            status = self._status
            await self._registry.set_status(self._run.run_id, status)
            self._written_status = status

    async def _send_batch(self, run: TrainingRun) -> None:
        """Send the batch; when it is refused, the run was deleted by hand, or a point is bad."""
        try:
            await self._registry.log_points(run.run_id, self._batch)
        except RequestRejected:
            self._run = await self._registry.training_run(*self._training)
            self._written_status = self._run.status
            if self._run.run_id != run.run_id:
                return
            await self._send_all_but_refused(run, self._batch)
        self._batch = []

    async def _send_all_but_refused(self, run: TrainingRun, points: Sequence[Point]) -> None:
        """Find the points that are refused, by halves, and leave their metrics out from now on."""
        points = [point for point in points if point.name not in self._refused_names]
        try:
            if points:
                await self._registry.log_points(run.run_id, points)
        except RequestRejected as error:
            if len(points) == 1:
                self._refused_names.add(points[0].name)
                log.warning("The metric %r is not shown in the model registry: %s", points[0].name, error)
                return
            half = len(points) // 2
            await self._send_all_but_refused(run, points[:half])
            await self._send_all_but_refused(run, points[half:])

    def _say_out(self, error: EdgeError) -> None:
        """Once per outage; a run that was refused is looked up anew."""
        if isinstance(error, ModelRegistryRefused):
            self._run = None
        if not self._is_out:
            log.warning("%s The training goes on; its metrics are sent later.", error)
        self._is_out = True

    def _say_back(self) -> None:
        if self._is_out:
            log.info("The model registry answers again.")
        self._is_out = False


async def _passes(event: asyncio.Event, limit_s: float) -> None:
    """Wait for an event, but no longer than that."""
    with suppress(TimeoutError):
        # asyncio.wait_for of Python 3.11 forgets a cancellation that comes together with the event.
        async with asyncio.timeout(limit_s):
            await event.wait()
