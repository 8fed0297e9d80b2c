"""A plain job, a request and tries of a task, for tests that care for none of them."""

from __future__ import annotations

from dataclasses import replace

from edge_training.jobs import EdgeJob
from edge_training.ownership import Owner

IMAGE = f"registry.example/edge/training@sha256:{'1' * 64}"
PLAIN = EdgeJob(step="train", key="cd" * 32, image=IMAGE, request={})
TRAINING_REQUEST = {
    "script": "train.py",
    "partition": "2013-02-01",
    "seed": 1,
    "params": {},
    "threads": 1,
    "time_limit_s": 100,
}
"""What the step train is asked."""
OWNER = Owner("https://airflow.example", "train_delay", "manual__1", "train_model", -1, 1, "try-1")
NEXT_TRY = replace(OWNER, try_number=2, attempt="try-2")
OTHER_RUN = replace(OWNER, run_id="manual__2")


class Said:
    """A sink that remembers.

    Attributes:
        lines: What the job said.
        points: Its metrics.
    """

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.points = []

    def line(self, text: str) -> None:
        """See `watching.Sink`."""
        self.lines.append(text)

    def point(self, point) -> None:
        """See `watching.Sink`."""
        self.points.append(point)
