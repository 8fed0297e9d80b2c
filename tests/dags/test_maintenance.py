"""The site is looked after all the time: one run after the other, whoever forgets to start it."""

from __future__ import annotations

import pytest
from airflow.sdk import DAG
from airflow.serialization.serialized_objects import DagSerialization

from edge_training.stages.retention import RetentionPolicy


@pytest.fixture(scope="module")
def maintenance(dag_bag) -> DAG:
    """The maintenance DAG."""
    return dag_bag.dags["maintain_site"]


@pytest.fixture(scope="module")
def scheduled(maintenance) -> DAG:
    """The same, as the scheduler has it."""
    return DagSerialization.from_dict(DagSerialization.to_dict(maintenance))


def test_the_next_run_follows_at_once_and_never_runs_beside_the_last(scheduled):
    assert scheduled.timetable.summary == "@continuous"
    assert scheduled.max_active_runs == 1


def test_nobody_has_to_start_it(scheduled):
    assert scheduled.is_paused_upon_creation is False


def test_a_run_that_hangs_gives_way_to_the_next(maintenance):
    stop = maintenance.task_dict["stop_orphans"]
    assert stop.watch < stop.execution_timeout < maintenance.dagrun_timeout


def test_cleaning_up_never_delays_the_next_watch(maintenance):
    remove, stop = maintenance.task_dict["remove_leftovers"], maintenance.task_dict["stop_orphans"]
    tries = remove.retries + 1
    assert tries * remove.execution_timeout + remove.retries * remove.retry_delay < stop.watch
    assert not stop.downstream_task_ids | stop.upstream_task_ids


def test_an_orphan_is_found_within_two_minutes_with_time_to_stop_it(maintenance):
    assert maintenance.task_dict["stop_orphans"].pause_s <= 45


def test_looking_after_the_site_takes_no_slot_from_its_work(maintenance):
    assert {task.pool for task in maintenance.tasks} == {"default_pool"}


def test_the_tasks_are_limited_retried_and_explained(maintenance):
    for task in maintenance.tasks:
        assert task.retries >= 2, task.task_id
        assert task.execution_timeout, task.task_id
        assert task.doc_md.endswith("."), task.task_id


def test_the_form_shows_the_policy_and_the_task_takes_it(maintenance):
    policy = vars(RetentionPolicy())
    assert maintenance.params.validate() == policy
    remove = maintenance.task_dict["remove_leftovers"]
    assert {name: getattr(remove, name) for name in policy} == {
        name: f"{{{{ params.{name} }}}}" for name in policy
    }


def test_a_log_that_could_not_be_kept_goes_where_its_training_wanted_it(maintenance, training):
    trained, remove = training.task_dict["train_model"], maintenance.task_dict["remove_leftovers"]
    assert remove.model_registry_conn_id == trained.model_registry_conn_id
