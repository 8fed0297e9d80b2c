"""validate_data leaves its report in the model registry, well ended or rejected, and its task links to it."""

from __future__ import annotations

import json
from contextlib import nullcontext
from types import SimpleNamespace

import pytest
from airflow.sdk.exceptions import AirflowException, AirflowFailException
from tests.fakes.edge_host import InMemoryEdgeHost, Outcome, refusal, success
from tests.fakes.model_registry import InMemoryModelRegistry
from tests.fakes.validations import InMemoryValidations
from tests.jobs import IMAGE

from edge_airflow.hooks.registries import ModelRegistryHook
from edge_airflow.hooks.site import SiteHook
from edge_airflow.operators.data import ValidateDataOperator
from edge_airflow.validated import ValidationReportLink
from edge_runner.listing import listing_of
from edge_training.errors import ModelRegistryUnavailable
from edge_training.identity import CACHE_VOLUME
from edge_training.project import ModelProject

DATA = "d" * 64
FILES = {"report.html": b"<p>3 rows</p>"}
FOUND = {"rows": 3, "report": listing_of(FILES)}
WELL = Outcome(result=success(FOUND), files=FILES)
REJECTED = Outcome(1, refusal("DataRejected", "The data drifted.", FOUND), files=FILES)


class Site(InMemoryEdgeHost):
    """A site on which every job ends as told."""

    end: Outcome

    async def create(self, spec):
        self.outcomes[spec.name] = [self.end]
        return await super().create(spec)


@pytest.fixture
def site(monkeypatch) -> Site:
    host = Site({IMAGE})
    host.end = WELL
    host.volumes[CACHE_VOLUME] = {f"work/views/{DATA}/train/a.parquet": b"PAR1"}
    monkeypatch.setattr(SiteHook, "connect", lambda _: nullcontext(host))
    return host


@pytest.fixture
def archive(monkeypatch) -> InMemoryValidations:
    found, registry = InMemoryValidations(), InMemoryModelRegistry()
    monkeypatch.setattr(ModelRegistryHook, "validations", lambda _: found)
    monkeypatch.setattr(ModelRegistryHook, "client", lambda _: registry)
    return found


@pytest.fixture
def task(tmp_path, site, archive, monkeypatch) -> ValidateDataOperator:
    """The task, with connections to a site and a registry in memory."""
    connections = {
        "EDGE_SITE_VM": {
            "conn_type": "ssh",
            "host": "vm.invalid",
            "login": "e",
            "extra": {"deployment": "a"},
        },
        "EDGE_SITE_BLOB": {
            "conn_type": "wasb",
            "host": "https://s.invalid",
            "login": "a",
            "password": "a2V5",
        },
        "EDGE_REGISTRY": {"conn_type": "http", "host": "r.invalid", "login": "edge", "password": "pw"},
    }
    for name, connection in connections.items():
        monkeypatch.setenv(f"AIRFLOW_CONN_{name}", json.dumps(connection))
    (tmp_path / "contract.yaml").write_text("kind: DataContract")
    model = ModelProject(name="delay", folder=tmp_path, container="data", prefix="date={partition}/")
    snapshot = {"data_digest": DATA}
    return ValidateDataOperator(task_id="validate_data", model=model, snapshot=snapshot, training_image=IMAGE)


def context() -> dict:
    try_ = SimpleNamespace(
        dag_id="train_delay",
        run_id="manual__1",
        task_id="validate_data",
        map_index=-1,
        try_number=1,
        max_tries=5,
        id="try-1",
    )
    store = SimpleNamespace(get=lambda _: None, set=lambda *_: None)
    return {
        "ti": try_,
        "dag_run": SimpleNamespace(partition_key="2013-02-01"),
        "task_state_store": store,
    }


def link_of(task: ValidateDataOperator) -> str:
    """What Airflow asks for when a try has ended."""
    return ValidationReportLink().get_link(task, ti_key=None)


def test_a_check_that_ends_well_hands_on_where_its_report_is(task, archive):
    value = task.execute(context())

    [(run_id, validation)] = archive.kept.items()
    assert validation.passed
    assert value["validation_run_id"] == run_id
    assert (value["rows"], value["report"]) == (3, listing_of(FILES))
    assert value["champion_version"] == ""
    assert link_of(task) == f"memory:/{run_id}"


def test_data_that_is_rejected_is_not_tried_again_and_its_task_links_to_the_report(task, site, archive):
    site.end = REJECTED

    with pytest.raises(AirflowFailException) as caught:
        task.execute(context())

    [(run_id, validation)] = archive.kept.items()
    assert not validation.passed
    assert str(caught.value) == f"DataRejected: The data drifted. The report is at memory:/{run_id}."
    assert link_of(task) == f"memory:/{run_id}"


def test_a_check_that_could_not_be_made_asks_no_registry(task, site, archive):
    site.end = Outcome(1, refusal("ContractInvalid", "The contract asks for too much."))
    archive.outage = ModelRegistryUnavailable("It does not answer.")

    with pytest.raises(AirflowFailException, match="ContractInvalid: The contract asks for too much"):
        task.execute(context())

    assert link_of(task) == ""


@pytest.mark.parametrize("end", [WELL, REJECTED])
def test_a_report_that_finds_no_registry_is_tried_again(task, site, archive, end):
    site.end = end
    archive.outage = ModelRegistryUnavailable("It does not answer.")

    with pytest.raises(AirflowException, match=r"ModelRegistryUnavailable: .*It does not answer") as caught:
        task.execute(context())

    assert not isinstance(caught.value, AirflowFailException)
    assert link_of(task) == ""


def test_a_resumed_task_attaches_its_report_as_well(task, site, archive):
    task.execute(context())
    [job_name] = site.containers
    value = task.resume(context(), {}, job_name, {})
    assert value["validation_run_id"] in archive.kept
    assert len(archive.kept) == 1


def test_a_trigger_does_not_end_the_task_for_it(tmp_path, task):
    """It would leave the report on the site."""
    deferred = ValidateDataOperator(task_id="v", model=task.model, snapshot={}, deferrable=True)
    assert not deferred.end_from_trigger
