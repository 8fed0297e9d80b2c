"""What the check of a partition leaves for people: its report, one click away, whether data pass or not."""

from __future__ import annotations

import re
from typing import Any

import httpx
import pytest
from tests.e2e.conftest import EVER, Airflow, Ended

from edge_training.ports.validations import PROFILE_PATH
from local_site import SiteInfo

LINK = "Validation report"
PLACE = re.compile(r"/#/experiments/\d+/runs/([0-9a-f]{32})/artifacts/(validation/report\.html)$")


def linked_page(run: Ended, site: SiteInfo) -> tuple[dict[str, Any], str]:
    """The run in MLflow that the task's button leads to, and the page it shows."""
    link = run.link("validate_data", LINK)
    assert link is not None
    assert link.startswith(site.mlflow_url)
    place = PLACE.search(link)
    assert place is not None, link
    with httpx.Client(base_url=site.mlflow_url, trust_env=False) as client:
        found = client.get("/api/2.0/mlflow/runs/get", params={"run_id": place[1]})
        page = client.get("/get-artifact", params={"run_uuid": place[1], "path": place[2]})
    assert found.status_code == page.status_code == httpx.codes.OK
    return found.json()["run"], page.text


@pytest.mark.parametrize(
    ("dag_id", "partition", "status"),
    [("train_flight_delay", "2013-02-01", "FINISHED"), ("train_strict_model", "2013-02-02", "FAILED")],
    ids=["accepted", "rejected"],
)
def test_the_button_of_the_task_leads_to_the_report(
    dag_id: str, partition: str, status: str, airflow: Airflow, site: SiteInfo
) -> None:
    check, page = linked_page(airflow.ended(dag_id, EVER, partition_key=partition), site)
    assert check["info"]["status"] == status
    assert "rows of a whole day" in page


def test_the_profile_that_the_next_data_is_compared_with_stands_beside_the_model(
    airflow: Airflow, site: SiteInfo
) -> None:
    run = airflow.ended("train_flight_delay", EVER, partition_key="2013-02-01")
    registered = run.handed_on("register_model")["registry_run_id"]
    profile = httpx.get(
        f"{site.mlflow_url}/get-artifact",
        params={"run_uuid": registered, "path": PROFILE_PATH},
        trust_env=False,
    ).json()
    assert profile["data_digest"] == run.handed_on("snapshot_data")["data_digest"]
