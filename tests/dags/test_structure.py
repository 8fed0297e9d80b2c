"""The DAGs are the design's table: these tasks, in this order, each retried, limited and explained."""

from __future__ import annotations

from itertools import pairwise

import pytest
from airflow.serialization.serialized_objects import DagSerialization

PIPELINE = [
    "wait_for_partition",
    "snapshot_data",
    "stage_data",
    "validate_data",
    "train_model",
    "evaluate_champion",
    "evaluate_model",
    "export_model",
    "register_model",
    "build_image",
    "verify_image",
    "push_image",
]
ON_SITE = {*PIPELINE} - {"register_model", "build_image", "push_image"}
OUTAGE_S = 600
"""How long a registry or the blob store may be away."""
DEPLOYMENT = ["decide_rollout", "roll_out", "promote_champion"]


def order(dag) -> list[str]:
    return [task.task_id for task in dag.topological_sort()]


def test_every_dag_file_parses(dag_bag):
    assert dag_bag.import_errors == {}
    assert set(dag_bag.dags) == {"train_flight_delay", "deploy_flight_delay", "maintain_site", "probe_site"}


def test_the_tasks_stand_in_the_order_of_the_table(training, deployment):
    assert order(training) == PIPELINE
    assert order(deployment) == DEPLOYMENT


@pytest.mark.parametrize("dag_id", ["train_flight_delay", "deploy_flight_delay"])
def test_the_tasks_are_one_chain(dag_bag, dag_id):
    """A task that ran beside the chain could register what was not validated."""
    dag = dag_bag.dags[dag_id]
    chain = order(dag)
    for before, after in pairwise(chain):
        assert after in dag.task_dict[before].downstream_task_ids


@pytest.mark.parametrize("dag_id", ["train_flight_delay", "deploy_flight_delay"])
def test_every_task_is_retried_limited_and_explained(dag_bag, dag_id):
    dag = dag_bag.dags[dag_id]
    assert dag.doc_md
    for task in dag.tasks:
        pauses_s = [
            task.retry_delay.total_seconds() * task.retry_exponential_backoff**n for n in range(task.retries)
        ]
        assert sum(pauses_s) >= OUTAGE_S, task.task_id
        assert task.execution_timeout.total_seconds() > 0, task.task_id
        assert task.doc_md.endswith("."), task.task_id
        assert "\n" not in task.doc_md, task.task_id


def test_a_task_may_take_longer_than_its_site_may_be_out_of_reach(training):
    """Else a lost line would end a training that ends well on the site."""
    for task_id in ON_SITE:
        task = training.task_dict[task_id]
        patience_s = task.out_of_reach_limit_s + task.model.training_limit_s
        assert task.execution_timeout.total_seconds() > patience_s, task_id


def test_explanations_are_the_tasks_own(training, deployment):
    documents = [task.doc_md for dag in (training, deployment) for task in dag.tasks]
    assert len(set(documents)) == len(PIPELINE) + len(DEPLOYMENT)


def test_tasks_on_the_site_take_a_slot_of_its_pool(training, deployment):
    waiting = {"wait_for_partition"}  # a few partitions that never come must not block all work
    assert {task.task_id for task in training.tasks if task.pool == "edge_site"} == ON_SITE - waiting
    assert {task.task_id for task in deployment.tasks if task.pool == "edge_site"} == {"roll_out"}


def test_the_two_long_waits_take_no_worker(training):
    deferrable = {task.task_id for task in training.tasks if getattr(task, "deferrable", False)}
    assert deferrable == {"wait_for_partition", "train_model"}


def test_the_check_of_the_data_links_to_its_report_on_airflows_pages(training):
    """They know a task as the scheduler does: by what is stored of it, and what its worker has left."""
    known = DagSerialization.deserialize_dag(DagSerialization.serialize_dag(training))
    links = known.task_dict["validate_data"].operator_extra_links
    assert [(link.name, link.xcom_key) for link in links] == [
        ("Validation report", "_link_ValidationReportLink")
    ]


def test_one_roll_out_at_a_time(deployment):
    assert deployment.max_active_runs == 1


def test_a_pushed_image_starts_the_deployment(training, deployment):
    (outlet,) = training.task_dict["push_image"].outlets
    assert deployment.timetable.asset_condition.name == outlet.name
