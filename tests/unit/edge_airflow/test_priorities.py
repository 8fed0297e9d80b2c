"""Who gets a site's next free slot."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from airflow.sdk import DAG, BaseOperator
from airflow.serialization.serialized_objects import DagSerialization

from edge_airflow.priorities import BackfillsLast

NIGHT = "scheduled__2026-11-23T00:00:00+00:00"
MANUAL = "manual__2026-11-23T07:31:00+00:00"
OWN_NAME = "the one for the board"
BACKFILL = "backfill__2026-11-01T00:00:00+00:00"


@pytest.fixture(scope="module")
def chain() -> DAG:
    """Three tasks, one after the other, as the scheduler has them."""
    with DAG("chain", schedule=None) as dag:
        tasks = [BaseOperator(task_id=f"task_{number}", weight_rule=BackfillsLast()) for number in range(3)]
        tasks[0] >> tasks[1] >> tasks[2]
    return DagSerialization.from_dict(DagSerialization.to_dict(dag))


def weight(chain: DAG, task_id: str, run_id: str) -> int:
    task = chain.task_dict[task_id]
    return task.weight_rule.get_weight(SimpleNamespace(task=task, run_id=run_id))


@pytest.mark.parametrize("run_id", [NIGHT, MANUAL, OWN_NAME])
def test_the_first_task_of_another_run_comes_before_the_last_of_a_backfill(chain, run_id):
    assert weight(chain, "task_0", run_id) > weight(chain, "task_2", BACKFILL)


@pytest.mark.parametrize("run_id", [NIGHT, BACKFILL])
def test_a_run_that_has_begun_comes_before_one_that_begins(chain, run_id):
    weights = [weight(chain, f"task_{number}", run_id) for number in range(3)]
    assert weights == sorted(set(weights))


def test_nights_and_manual_runs_are_equals(chain):
    assert weight(chain, "task_1", NIGHT) == weight(chain, "task_1", MANUAL)


def test_the_scheduler_has_the_rule_itself(chain):
    assert isinstance(chain.task_dict["task_0"].weight_rule, BackfillsLast)
