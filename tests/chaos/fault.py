"""What a fault is: a small declaration, and what breaks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.chaos.scene import Scene

COMPLETES = ""
GIB = 2**30
STEP_LIMIT_S = 600


@dataclass(frozen=True)
class Fault:
    """One way to break a run.

    Attributes:
        name: What `make chaos FAULT=...` takes.
        step: The task that is hit.
        point: When it is hit, in words.
        inject: Breaks something of a scene, whose run has been triggered, and mends it again.
        fails_with: Pattern of the one sentence with which the run must fail; `COMPLETES` when it must not.
        links: Parts of the site that this fault's run reaches through a link: ssh, blob, mlflow, registry.
        alone: Whether it disturbs everybody on the site.
        long: Whether only `make chaos-long` runs it.
        params: Parameters of the training script.
        memory_bytes: Limit of the training's container.
        retries: Tries after the first.
        retry_delay_s: Between two tries.
        training_timeout_s: The training task's timeout.
        limit_s: How long the run may take after the injection has ended.
        partition: The partition; by default that of the undisturbed run.
        check: Further things that must be true at the end; gives what is wrong.
        side: Whose DAG is hit: `chaos` for ours, `peer` for that of Airflow's own operator.
    """

    name: str
    step: str
    point: str
    inject: Callable[[Scene], None] = field(repr=False)
    fails_with: str = COMPLETES
    links: frozenset[str] = frozenset()
    alone: bool = False
    long: bool = False
    params: Mapping[str, Any] = field(default_factory=dict)
    memory_bytes: int = GIB
    retries: int = 3
    retry_delay_s: float = 20
    training_timeout_s: float = 3600
    limit_s: float = STEP_LIMIT_S
    partition: str | None = None
    check: Callable[[Scene], list[str]] | None = None
    side: str = "chaos"

    @property
    def model(self) -> str:
        """Name of its model, and of its images' repository."""
        return f"{self.side}_{self.name.replace('-', '_')}"

    @property
    def dag_id(self) -> str:
        """Its DAG."""
        return f"train_{self.model}"

    @property
    def site(self) -> str:
        """Its site in Airflow: connections and a pool."""
        return self.model
