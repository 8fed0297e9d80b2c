"""The ports to a training's run in the model registry while it trains: its curves, its status, its raw log.

A training has one run, known by the model's name and the training key; whoever needs it first makes it, and
`ModelRegistry.register` completes the same one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, Protocol

from edge_runner.frames import Point

POINTS_PER_BATCH: Final = 1000
"""Written in one call; MLflow refuses more in one request."""
RunStatus = Literal["RUNNING", "FAILED", "KILLED"]
"""`KILLED` is a training that was stopped; whichever it was, the next watch takes the same run up again."""


class LiveRun(Protocol):
    """A training's run, for the length of a watch. Both calls return at once and never fail: what they hand
    over is sent in the background, and kept while the registry does not answer.
    """

    def log(self, points: Iterable[Point]) -> None:
        """Hand over points in the order they were seen; a point that the run has already counts once."""

    def end(self, status: RunStatus) -> None:
        """Say how the run stands once its points are sent; it is `RUNNING` unless told otherwise."""


class RunTracker(Protocol):
    """Forwards what a training shows of itself; neither fails nor slows the training, and speaks by log lines
    only.
    """

    def run(
        self,
        model_name: str,
        training_key: str,
        tags: Mapping[str, str] | None = None,
        farewell_s: float = 5.0,
    ) -> AbstractAsyncContextManager[LiveRun]:
        """The training's run for the length of an `async with`.

        A run that is registered stays as it is.

        Args:
            model_name: The model's name.
            training_key: The identity of the training.
            tags: What a run that has to be made is marked with.
            farewell_s: How long leaving the block waits for what has not been sent yet.
        """


@dataclass(frozen=True)
class TrainingRun:
    """A training's run, as a tracker needs to know it.

    Attributes:
        run_id: The registry's id of it.
        status: The registry's word, such as `RUNNING`.
        is_registered: Whether a version was completed from it; nobody writes to it any more.
    """

    run_id: str
    status: str
    is_registered: bool = False


class TrainingRuns(Protocol):
    """The runs of trainings while they train; synchronous, safe to repeat.

    Every call may raise `ModelRegistryUnavailable` (try again) or `ModelRegistryRefused` (do not).
    """

    def training_run(self, model_name: str, training_key: str, tags: Mapping[str, str]) -> TrainingRun:
        """The one run of a training, found or made; one that has to be made is marked with the tags."""

    def log_points(self, run_id: str, points: Sequence[Point]) -> None:
        """Write up to `POINTS_PER_BATCH` points; those that the run has already change nothing.

        Raises:
            RequestRejected: The run was deleted, or one of the points is bad.
        """

    def set_status(self, run_id: str, status: RunStatus) -> None:
        """Say how a run stands."""


class AsyncTrainingRuns(Protocol):
    """`TrainingRuns` for an event loop, which no call holds up; each may be cancelled."""

    async def training_run(self, model_name: str, training_key: str, tags: Mapping[str, str]) -> TrainingRun:
        """See `TrainingRuns.training_run`."""

    async def log_points(self, run_id: str, points: Sequence[Point]) -> None:
        """See `TrainingRuns.log_points`."""

    async def set_status(self, run_id: str, status: RunStatus) -> None:
        """See `TrainingRuns.set_status`."""

    async def aclose(self) -> None:
        """Give back what only this one needs."""


class LogArchive(Protocol):
    """Keeps the raw logs of trainings; synchronous, safe to repeat.

    Every call may raise `ModelRegistryUnavailable` (try again) or `ModelRegistryRefused` (do not).
    """

    def attach(self, model_name: str, training_key: str, log_file: Path) -> str:
        """Make a finished log an artifact of the training's run, `logs/<name of the file>`.

        What the run holds already is not sent again. A shorter log never replaces a longer one.

        Args:
            model_name: The model's name.
            training_key: The identity of the training.
            log_file: The log on the worker.

        Returns:
            SHA-256 of the log that the run holds, read back from the registry: the file's, or that of a
            longer log of this name.
        """
