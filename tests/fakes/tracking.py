"""Runs of trainings in memory; obeys tests/contract/test_tracking.py like the real ones."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from edge_runner.frames import Point
from edge_training.ports.tracking import RunStatus


@dataclass
class TrainingRun:
    """A training's run.

    Attributes:
        tags: Its tags.
        status: As MLflow calls it.
        points: All points, each once.
        logs: Raw logs by name.
        is_registered: Whether a version was completed from it.
    """

    tags: dict[str, str]
    status: str = "RUNNING"
    points: set[Point] = field(default_factory=set)
    logs: dict[str, bytes] = field(default_factory=dict)
    is_registered: bool = False
    run_id: str = field(default_factory=lambda: uuid.uuid4().hex)

    def log(self, points: Iterable[Point]) -> None:
        """See `LiveRun.log`."""
        if not self.is_registered:
            self.points.update(points)

    def end(self, status: RunStatus) -> None:
        """See `LiveRun.end`."""
        if not self.is_registered:
            self.status = status


class InMemoryRuns:
    """Implements `RunTracker` and `LogArchive`; `runs` holds them by model and training key."""

    def __init__(self) -> None:
        self.runs: dict[tuple[str, str], TrainingRun] = {}

    def find_or_make(self, model_name: str, training_key: str, tags: Mapping[str, str]) -> TrainingRun:
        """The one run of a training."""
        return self.runs.setdefault((model_name, training_key), TrainingRun(dict(tags)))

    @asynccontextmanager
    async def run(
        self,
        model_name: str,
        training_key: str,
        tags: Mapping[str, str] | None = None,
        farewell_s: float = 5.0,
    ) -> AsyncIterator[TrainingRun]:
        """See `RunTracker.run`."""
        found = self.find_or_make(model_name, training_key, tags or {})
        found.end("RUNNING")
        yield found

    def attach(self, model_name: str, training_key: str, log_file: Path) -> str:
        """See `LogArchive.attach`."""
        logs = self.find_or_make(model_name, training_key, {}).logs
        content = log_file.read_bytes()
        if len(logs.get(log_file.name, b"")) <= len(content):
            logs[log_file.name] = content
        return hashlib.sha256(logs[log_file.name]).hexdigest()
