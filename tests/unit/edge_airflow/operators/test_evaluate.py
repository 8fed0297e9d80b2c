"""evaluate_champion measures whom a gate compares with; evaluate_model says what each gate has found."""

from __future__ import annotations

import json
from contextlib import nullcontext
from dataclasses import replace
from types import SimpleNamespace

import pytest
from airflow.sdk.exceptions import AirflowFailException
from tests.bundles import stored
from tests.fakes.edge_host import InMemoryEdgeHost, Outcome, success
from tests.fakes.model_registry import InMemoryModelRegistry
from tests.jobs import IMAGE

from edge_airflow.hooks.registries import ModelRegistryHook
from edge_airflow.hooks.site import SiteHook
from edge_airflow.operators.model import EvaluateChampionOperator, EvaluateModelOperator
from edge_training.errors import BadRequest
from edge_training.identity import CACHE_VOLUME, container_name
from edge_training.ports.model_registry import Registration
from edge_training.project import Gate, ModelProject

DATA, KEY = "d" * 64, "k" * 64
SNAPSHOT = {"data_digest": DATA}
TRAINING = {"training_key": KEY, "params": {}}
VERDICT = {
    "metric": "mae",
    "bound": "above_champion_by",
    "limit": 1.0,
    "value": 9.0,
    "passed": False,
    "champion_version": "1",
    "champion_value": 4.0,
}


class Site(InMemoryEdgeHost):
    """A site on which every job ends well with this value."""

    value: dict

    async def create(self, spec):
        self.outcomes[spec.name] = [Outcome(result=success(self.value), files={"metrics.jsonl": b""})]
        return await super().create(spec)


@pytest.fixture
def site(monkeypatch) -> Site:
    host = Site({IMAGE})
    host.value = {"metrics": {"mae": 4.0}}
    host.volumes[CACHE_VOLUME] = {f"work/views/{DATA}/holdout/a.parquet": b"PAR1"}
    host.volumes[container_name("train", KEY)] = {"work/model/MLmodel": b""}
    monkeypatch.setattr(SiteHook, "connect", lambda _: nullcontext(host))
    return host


@pytest.fixture
def registry(monkeypatch) -> InMemoryModelRegistry:
    found = InMemoryModelRegistry()
    monkeypatch.setattr(ModelRegistryHook, "client", lambda _: found)
    return found


@pytest.fixture
def model(tmp_path, monkeypatch) -> ModelProject:
    """A project with a gate beside the champion, and connections to nobody."""
    vm = {"conn_type": "ssh", "host": "vm.invalid", "login": "e", "extra": {"deployment": "a"}}
    blob = {"conn_type": "wasb", "host": "https://s.invalid", "login": "a", "password": "a2V5"}
    images = {"conn_type": "http", "host": "r.invalid", "login": "edge", "password": "pw"}
    for name, connection in (("SITE_VM", vm), ("SITE_BLOB", blob), ("REGISTRY", images)):
        monkeypatch.setenv(f"AIRFLOW_CONN_EDGE_{name}", json.dumps(connection))
    folder = tmp_path / "delay"
    folder.mkdir()
    (folder / "evaluate.py").write_text("pass")
    gates = (Gate("mae", above_champion_by=1.0),)
    return ModelProject("delay", folder, container="data", prefix="date={partition}/", gates=gates)


@pytest.fixture
def champion_task(model, site, registry, tmp_path) -> EvaluateChampionOperator:
    return EvaluateChampionOperator(
        task_id="evaluate_champion",
        model=model,
        snapshot=SNAPSHOT,
        training=TRAINING,
        training_image=IMAGE,
        bundle_store=str(tmp_path / "worker"),
    )


def promoted(registry: InMemoryModelRegistry, tmp_path, key: str) -> None:
    """Make a version of another training, and champion of it."""
    version = registry.register(Registration("delay", key, stored(tmp_path / key[:1])))
    registry.promote(version)


def context(try_number: int = 1, store: dict | None = None) -> dict:
    try_ = SimpleNamespace(
        dag_id="train_delay",
        run_id="manual__1",
        task_id="evaluate",
        map_index=-1,
        try_number=try_number,
        max_tries=5,
        id=f"try-{try_number}",
    )
    kept = {} if store is None else store
    return {
        "ti": try_,
        "dag_run": SimpleNamespace(partition_key="2013-02-01"),
        "task_state_store": SimpleNamespace(get=kept.get, set=kept.__setitem__),
    }


def test_the_champion_is_fetched_delivered_and_measured_once(champion_task, site, registry, tmp_path):
    promoted(registry, tmp_path, "c" * 64)
    value = champion_task.execute(context())
    (job,) = site.containers
    assert value == {"job": job, "version": "1", "note": "", "metrics": {"mae": 4.0}}
    assert "delivered/model/MLmodel" in site.volumes[job]

    (bundle,) = (tmp_path / "worker").iterdir()
    bundle.unlink()
    assert champion_task.execute(context(2)) == value
    assert not bundle.exists()


def test_all_tries_compare_with_the_champion_that_the_first_one_chose(
    champion_task, registry, site, tmp_path
):
    chosen: dict = {}
    promoted(registry, tmp_path, "c" * 64)
    first = champion_task.execute(context(store=chosen))
    promoted(registry, tmp_path, "e" * 64)
    assert champion_task.execute(context(2, chosen)) == first
    assert champion_task.execute(context(2))["version"] == "2"


@pytest.mark.parametrize(
    ("key", "value"),
    [
        (None, {"version": "", "note": "there is no champion yet", "job": ""}),
        (KEY, {"version": None, "note": "version 1, the champion, is this very training", "job": ""}),
    ],
)
def test_where_nobody_is_to_be_measured_no_job_is_made(champion_task, site, registry, tmp_path, key, value):
    if key:
        promoted(registry, tmp_path, key)
    assert champion_task.execute(context()) == value
    assert not site.containers


def evaluation(model: ModelProject, **fields: object) -> EvaluateModelOperator:
    return EvaluateModelOperator(
        task_id="evaluate_model",
        model=model,
        snapshot=SNAPSHOT,
        training=TRAINING,
        training_image=IMAGE,
        **fields,
    )


def test_a_dag_that_lacks_the_champions_task_does_not_parse(model):
    with pytest.raises(BadRequest, match="put an EvaluateChampionOperator before evaluate_model"):
        evaluation(model)
    evaluation(replace(model, gates=(Gate("mae", at_most=1.0),)))


def test_a_champions_task_that_was_marked_by_hand_is_no_silent_pass(model, site):
    task = evaluation(model, champion={"version": ""})
    task.champion = None  # what a marked task has handed on
    with pytest.raises(AirflowFailException, match="compares with the champion, which nobody has measured"):
        task.execute(context())


def test_every_gate_is_said_in_the_log(model, site, capsys):
    site.value = {"metrics": {"mae": 9.0}, "gates": [VERDICT, VERDICT | {"value": 4.5, "passed": True}]}
    champion = {"version": "", "note": "there is no champion yet", "job": ""}
    task = evaluation(model, champion=champion)
    assert task.execute(context())["gates"] == site.value["gates"]
    log = capsys.readouterr().out
    beside = "that of the champion (version 1) 4, at most 1 above is allowed."
    assert f"FAILED: mae is 9, {beside}" in log
    assert f"passed: mae is 4.5, {beside}" in log
