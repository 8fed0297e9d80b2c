"""What a fault is: a small declaration, and what breaks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.chaos.scene import Scene

COMPLETES = ""
GIB = 2**30
STEP_LIMIT_S = 600
TRAINING = "train_model"
NO_STEP = ("all", "-")
"""Not the name of a task: the training is looked at then."""
DEPLOYING = ("decide_rollout", "roll_out", "promote_champion")
ONE_TRY = (1, 1)
"""Nothing that happens to the line or the site may use up a retry."""
NEXT_TRY = (2, 2)
"""What kills a try needs one more, and proves by it that it has hit."""


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
        tries: How many tries the task that is hit may take, at least and at most.
        retries: Tries after the first.
        retry_delay_s: Between two tries.
        training_timeout_s: The training task's timeout.
        limit_s: How long the run may take after the injection has ended.
        partition: The partition; by default that of the undisturbed run.
        checks: Further things that must be true at the end; each gives what is wrong.
        service: On which port its model is deployed, counted from the site's own one; 0 for no deployment.
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
    tries: tuple[int, int] = ONE_TRY
    retries: int = 3
    retry_delay_s: float = 20
    training_timeout_s: float = 3600
    limit_s: float = STEP_LIMIT_S
    partition: str | None = None
    checks: tuple[Callable[[Scene], Iterable[str]], ...] = ()
    service: int = 0
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
    def deploy_dag_id(self) -> str:
        """The DAG that deploys its model, if one does."""
        return f"deploy_{self.model}"

    @property
    def dag_ids(self) -> set[str]:
        """All its DAGs."""
        return {self.dag_id, self.deploy_dag_id} if self.service else {self.dag_id}

    @property
    def task(self) -> str:
        """The task that is hit."""
        return TRAINING if self.step in NO_STEP else self.step

    @property
    def completes(self) -> bool:
        """Whether its run must end well."""
        return self.fails_with == COMPLETES

    @property
    def site(self) -> str:
        """Its site in Airflow: connections and a pool."""
        return self.model
