"""The probe as a task: on the real site, with the sites' own connections."""

from __future__ import annotations

import json
import uuid
from types import SimpleNamespace

import pytest
from airflow.sdk.exceptions import AirflowFailException
from tests.real_host import Engine

from edge_airflow.operators.probe import ProbeStorageOperator
from local_site.info import SiteInfo


@pytest.fixture
def behind(behind: Engine) -> Engine:
    """The same, which removes the probes, too."""
    behind.names.append("edge-probe-")
    return behind


@pytest.fixture
def blob(site, behind, connect_through, monkeypatch):
    """Set the site's blob connection, with changes."""
    connect_through()
    registry = {"conn_type": "http", "host": site.registry, "login": "edge", "password": "pw"}
    monkeypatch.setenv("AIRFLOW_CONN_EDGE_REGISTRY", json.dumps(registry))
    monkeypatch.setenv("AIRFLOW__API__BASE_URL", "https://airflow.example")

    def set_to(**changes: str) -> None:
        extra = {"ca_pem": site.ca_file.read_text(), "forward_address": site.blob_forward_address}
        connection = {
            "conn_type": "wasb",
            "host": site.blob_endpoint,
            "login": site.blob_account,
            "password": site.blob_key,
            "extra": extra | changes,
        }
        monkeypatch.setenv("AIRFLOW_CONN_EDGE_SITE_BLOB", json.dumps(connection))

    return set_to


def probed(site: SiteInfo) -> dict:
    """Run the task; it has no partition."""
    task = ProbeStorageOperator(
        task_id="probe_storage", container=site.blob_container, training_image=site.training_image
    )
    ti = SimpleNamespace(
        dag_id="probe_site",
        run_id="manual__1",
        task_id="probe_storage",
        map_index=-1,
        try_number=1,
        id=uuid.uuid4().hex,
    )
    return task.execute({"ti": ti, "dag_run": SimpleNamespace(partition_key=None)})


def test_the_value_has_every_finding_and_both_clocks(site, blob):
    blob()
    value = json.loads(json.dumps(probed(site)))
    found = {finding["what"]: finding for finding in value["findings"]}
    assert value["newest_version"] == "2019-07-07"
    assert [what for what, finding in found.items() if finding["ok"] is False] == []
    assert found["range read"]["ok"]
    assert abs(value["vm_clock_ahead_s"]) < 5


def test_an_authority_that_is_not_the_stores_ends_the_task_with_its_sentence(site, blob):
    blob(ca_pem="")
    with pytest.raises(AirflowFailException, match=r"StoreRefused: The certificate of .* cannot be trusted"):
        probed(site)


def test_a_version_that_the_store_does_not_speak_ends_the_task_with_the_one_to_set(site, blob):
    blob(api_version="2020-02-10")
    with pytest.raises(AirflowFailException, match="It accepts versions up to 2019-07-07"):
        probed(site)
