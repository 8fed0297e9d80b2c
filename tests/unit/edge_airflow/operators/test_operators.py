"""Operators without a site: runs that cannot be right end before anything is connected to."""

from __future__ import annotations

import asyncio
import json
from contextlib import nullcontext
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
from airflow.sdk.exceptions import AirflowException, AirflowFailException
from tests.fakes.edge_host import InMemoryEdgeHost, Outcome
from tests.jobs import PLAIN

from edge_airflow.hooks.site import SiteHook
from edge_airflow.operators.attempt import OutOfTime
from edge_airflow.operators.base import EdgeJobOperator
from edge_airflow.operators.data import SnapshotDataOperator, StageDataOperator, WaitForPartitionOperator
from edge_airflow.operators.model import TrainModelOperator
from edge_training.errors import TimeLimit
from edge_training.lifecycle import ensure_started
from edge_training.project import ModelProject

IMAGE = f"host/edge/training@sha256:{'1' * 64}"


@pytest.fixture
def model(tmp_path) -> ModelProject:
    """A project with a training script."""
    (tmp_path / "train.py").write_text("pass")
    (tmp_path / "contract.yaml").write_text("kind: DataContract")
    return ModelProject(name="delay", folder=tmp_path, container="data", prefix="date={partition}/")


@pytest.fixture(autouse=True)
def connections(monkeypatch):
    """A site at addresses that nobody may connect to."""
    blob = {"conn_type": "wasb", "host": "https://store.invalid", "login": "a", "password": "a2V5"}
    registry = {"conn_type": "http", "host": "registry.invalid", "login": "edge", "password": "pw"}
    vm = {"conn_type": "ssh", "host": "vm.invalid", "login": "edge", "extra": {"deployment": "airflow-1"}}
    monkeypatch.setenv("AIRFLOW_CONN_EDGE_SITE_VM", json.dumps(vm))
    monkeypatch.setenv("AIRFLOW_CONN_EDGE_SITE_BLOB", json.dumps(blob))
    monkeypatch.setenv("AIRFLOW_CONN_EDGE_REGISTRY", json.dumps(registry))


def context(partition_key: str | None, try_number: int = 1, day: int = 1) -> dict:
    task = SimpleNamespace(
        dag_id="train_delay",
        run_id="manual__1",
        task_id="step",
        map_index=-1,
        try_number=try_number,
        id=f"day-{day}-try-{try_number}",
    )
    run = SimpleNamespace(
        run_id="manual__1", run_after=datetime(2013, 2, day, tzinfo=UTC), partition_key=partition_key
    )
    return {"ti": task, "dag_run": run}


def same_name_twice() -> list[dict]:
    """The first try of a run, and that of another one by its name."""
    return [context("2013-02-01", day=day) for day in (1, 2)]


@pytest.mark.parametrize(
    ("key", "sentence"),
    [
        (None, "BadRequest: This run has no partition key; trigger it again with one, e.g. 2013-02-01 "),
        ("yesterday", "BadRequest: The partition key 'yesterday' is no day; trigger the run again with one"),
    ],
)
@pytest.mark.parametrize("deferrable", [True, False])
def test_a_run_without_a_day_ends_at_once_with_its_sentence(model, key, sentence, deferrable):
    task = WaitForPartitionOperator(task_id="step", model=model, window_days=14, deferrable=deferrable)
    with pytest.raises(AirflowFailException) as caught:
        task.execute(context(key))
    assert str(caught.value).startswith(sentence)


def test_a_window_that_makes_no_sense_ends_at_once(model):
    task = SnapshotDataOperator(task_id="step", model=model, window_days=0, training_image=IMAGE)
    with pytest.raises(AirflowFailException, match="BadRequest: A window of 0 days"):
        task.execute(context("2013-02-01"))


def test_a_connection_without_a_host_key_ends_at_once(model, monkeypatch):
    extra = {"private_key": "x", "deployment": "airflow-1"}
    vm = {"conn_type": "ssh", "host": "vm.invalid", "login": "edge", "extra": extra}
    monkeypatch.setenv("AIRFLOW_CONN_EDGE_SITE_VM", json.dumps(vm))
    task = SnapshotDataOperator(task_id="step", model=model, window_days=2, training_image=IMAGE)
    with pytest.raises(AirflowFailException, match="BadRequest: The connection edge_site_vm lacks host_key"):
        task.execute(context("2013-02-01"))


def test_an_airflow_without_a_name_is_asked_for_one(model, monkeypatch):
    """Jobs that belong to nobody in particular could be stopped by anybody."""
    vm = {"conn_type": "ssh", "host": "vm.invalid", "login": "edge"}
    monkeypatch.setenv("AIRFLOW_CONN_EDGE_SITE_VM", json.dumps(vm))
    task = SnapshotDataOperator(task_id="step", model=model, window_days=2, training_image=IMAGE)
    with pytest.raises(AirflowFailException, match="add the extra `deployment` to edge_site_vm"):
        task.execute(context("2013-02-01"))


def test_a_trigger_that_lost_the_site_lets_the_task_try_again(model):
    task = StageDataOperator(task_id="step", model=model, snapshot={})
    event = {"error": {"kind": "SiteUnreachable", "message": "The site was out of reach."}}
    with pytest.raises(AirflowException, match="SiteUnreachable: The site was out of reach") as caught:
        task.resume(context("2013-02-01"), event, "edge-stage-1", {})
    assert not isinstance(caught.value, AirflowFailException)


def test_a_task_that_comes_back_from_its_trigger_needs_nothing_of_what_was_handed_to_it(model):
    """What its job has come to is said although somebody cleared an earlier task meanwhile."""
    task = StageDataOperator(task_id="step", model=model, snapshot=None)
    event = {"error": {"kind": "DiskFull", "message": "The disk is full."}}
    with pytest.raises(AirflowFailException, match="DiskFull: The disk is full"):
        task.resume(context("2013-02-01"), event, "edge-stage-1", {})


def test_a_task_that_begins_again_to_deliver_secrets_looks_at_what_it_was_handed(model):
    task = StageDataOperator(task_id="step", model=model, snapshot=None, training_image=IMAGE)
    event = {"error": {"kind": "SecretsNeeded", "message": "It was interrupted."}}
    with pytest.raises(AirflowFailException, match="BadRequest: step got no snapshot"):
        task.resume(context("2013-02-01"), event, "edge-stage-1", {})


def test_a_failure_stays_final_although_the_model_registry_cannot_be_told(model):
    """A retry would train for hours again, to the same end."""
    task = TrainModelOperator(task_id="step", model=model, snapshot={}, script_params={})
    event = {"error": {"kind": "TimeLimit", "message": "It ran for too long."}}
    with pytest.raises(AirflowFailException, match="TimeLimit: It ran for too long"):
        task.resume(context("2013-02-01"), event, "edge-train-1", {"training_key": "ab" * 32})


def test_a_run_is_known_by_its_try_and_labelled_for_people(model):
    task = SnapshotDataOperator(task_id="step", model=model, window_days=2, training_image=IMAGE)
    first, second = (task.pipeline_run(context("2013-02-01", number)) for number in (1, 2))
    assert (first.owner.dag_id, first.owner.run_id, first.owner.try_number) == ("train_delay", "manual__1", 1)
    assert second.owner != first.owner
    assert second.owner.task_name == first.owner.task_name
    assert first.labels == {
        "site": "edge_site",
        "model": "delay",
        "partition": "2013-02-01",
        "deployment": "airflow-1",
        "dag_id": "train_delay",
        "run_id": "manual__1",
        "task_id": "step",
        "map_index": "-1",
    }
    assert first.login.registry == "registry.invalid"


def test_only_a_forced_training_has_the_run_in_its_key(model):
    keys = {}
    for force in (False, True):
        task = TrainModelOperator(
            task_id="step",
            model=model,
            snapshot={"data_digest": "d" * 64},
            script_params={},
            force=force,
            training_image=IMAGE,
        )
        for try_number, day in ((1, 1), (2, 1), (1, 2)):
            known = context("2013-02-01", try_number, day)
            keys[force, try_number, day] = task.build_job(task.pipeline_run(known), known).key
    assert len({key for (force, *_), key in keys.items() if not force}) == 1
    assert keys[False, 1, 1] != keys[True, 1, 1] == keys[True, 2, 1]
    assert keys[True, 1, 2] not in (keys[False, 1, 1], keys[True, 1, 1])


@pytest.mark.parametrize("looks", [WaitForPartitionOperator, SnapshotDataOperator])
def test_a_run_that_was_deleted_and_made_again_looks_at_the_world_anew(model, looks):
    task = looks(task_id="step", model=model, window_days=2, training_image=IMAGE)
    keys = {task.build_job(task.pipeline_run(known), known).key for known in same_name_twice()}
    assert len(keys) == 2


def test_what_a_training_hands_on_is_fixed_before_it_starts(model):
    task = TrainModelOperator(
        task_id="step",
        model=model,
        snapshot={"data_digest": "d" * 64},
        script_params={"stages": 5},
        training_image=IMAGE,
    )
    known = context("2013-02-01")
    run = task.pipeline_run(known)
    job = task.build_job(run, known)
    lineage = task.lineage(run, job)
    assert lineage["training_key"] == job.key
    assert (lineage["training_image"], lineage["params"]) == (IMAGE, {"stages": 5})
    assert set(lineage) == {"training_key", "training_image", "code_digest", "params", "seed"}


def test_killing_a_task_that_has_no_job_yet_is_nothing(model):
    task = SnapshotDataOperator(task_id="step", model=model, window_days=2)
    task.on_kill()
    assert isinstance(task, EdgeJobOperator)


@pytest.mark.parametrize(("end", "status"), [(OutOfTime, "FAILED"), (None, "KILLED")])
def test_a_training_that_its_worker_stops_is_not_left_running_in_the_model_registry(
    model, runs, monkeypatch, end, status
):
    host = InMemoryEdgeHost({PLAIN.image})
    host.outcomes[PLAIN.name] = [Outcome(runs=True)]
    monkeypatch.setattr(SiteHook, "connect", lambda _: nullcontext(host))
    task = TrainModelOperator(task_id="step", model=model, snapshot={}, script_params={})
    run, training = task.pipeline_run(context("2013-02-01")), {"training_key": "ab" * 32}
    asyncio.run(ensure_started(host, PLAIN, run.owner))
    with pytest.raises(TimeLimit) if end else nullcontext(), task._attempting(run, PLAIN.name, training):
        if end:
            raise end
        task.on_kill()
    assert host.containers[PLAIN.name].status == "exited"
    assert runs.find_or_make("delay", training["training_key"], {}).status == status
