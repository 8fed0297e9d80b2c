"""Runs that must not succeed: each stops at its task at once, with one sentence that names the remedy."""

from __future__ import annotations

import re
import ssl

import httpx
import pytest
from tests.e2e.conftest import Airflow, Ended

from local_site import SiteInfo
from local_site.errors import LocalSiteError


def stopped_at(run: Ended, task_id: str, after: tuple[str, ...] = ()) -> str:
    """Check that the run ended at this task without a retry and went no further; gives the task's log."""
    assert run.run["state"] == "failed"
    assert {name for name, state in run.states.items() if state == "success"} == set(after)
    assert run.states[task_id] == "failed"
    # Airflow's scheduler may fail a deferred try of its own accord, once; a retry of ours would use up all.
    assert run.tasks[task_id]["try_number"] <= 2
    return run.log(task_id)


BEFORE_VALIDATION = ("wait_for_partition", "snapshot_data", "stage_data")
BEFORE_TRAINING = (*BEFORE_VALIDATION, "validate_data")
BEFORE_REGISTRATION = (
    *BEFORE_TRAINING,
    "train_model",
    "evaluate_champion",
    "evaluate_model",
    "export_model",
)


def test_a_run_without_a_partition_key_asks_for_one(airflow: Airflow) -> None:
    run = airflow.ended("train_strict_model", partition_key=None)
    assert "no partition key; trigger it again with one, e.g. 2013-02-01" in stopped_at(
        run, "wait_for_partition"
    )


def test_a_partition_key_that_is_no_date_is_named(airflow: Airflow) -> None:
    with pytest.raises(LocalSiteError, match="'yesterday' does not match the timetable's key_format"):
        airflow.api.trigger("train_strict_model", "yesterday", {})
    run = airflow.ended("train_strict_model", partition_key="2013-2-1")
    assert "'2013-2-1' is no day" in stopped_at(run, "wait_for_partition")


def test_a_partition_without_blobs_is_named_when_the_wait_is_over(airflow: Airflow) -> None:
    run = airflow.ended("train_strict_model", partition_key="2015-06-01")
    log = stopped_at(run, "wait_for_partition")
    assert "PartitionEmpty" in log
    assert "date=2015-" in log


def test_data_that_break_the_contract_stop_the_run_before_training(airflow: Airflow) -> None:
    run = airflow.ended("train_strict_model", partition_key="2013-02-02")
    log = stopped_at(run, "validate_data", after=BEFORE_VALIDATION)
    assert "DataRejected" in log
    assert "rows of a whole day" in log


def test_a_script_that_fails_is_not_tried_again_and_nothing_is_registered(
    airflow: Airflow, site: SiteInfo
) -> None:
    run = airflow.ended("train_failing_model", partition_key="2013-02-02")
    log = stopped_at(run, "train_model", after=BEFORE_TRAINING)
    assert "the optimizer diverged" in log
    assert "train.py ended with exit code 3" in log
    answer = httpx.get(
        f"{site.mlflow_url}/api/2.0/mlflow/registered-models/get",
        params={"name": "failing_model"},
        trust_env=False,
    )
    assert answer.status_code == httpx.codes.NOT_FOUND


def test_a_model_that_fails_a_gate_is_registered_as_rejected_and_goes_no_further(
    airflow: Airflow, site: SiteInfo
) -> None:
    run = airflow.ended("train_gated_model", partition_key="2013-02-02")
    log = stopped_at(run, "register_model", after=BEFORE_REGISTRATION)
    (version,) = httpx.get(
        f"{site.mlflow_url}/api/2.0/mlflow/model-versions/search",
        params={"filter": "name='gated_model'"},
        trust_env=False,
    ).json()["model_versions"]
    tags = {tag["key"]: tag["value"] for tag in version["tags"]}
    assert tags["state"] == "rejected"
    assert re.fullmatch(r"mae is [\d.]+, at most 0.1 is allowed", tags["verdict"])
    assert f"{tags['verdict']}. It is kept as version 1 of gated_model, rejected" in log


@pytest.mark.parametrize("dag_id", ["train_strict_model", "train_failing_model", "train_gated_model"])
def test_no_image_is_made_of_a_rejected_run(dag_id: str, airflow: Airflow, site: SiteInfo) -> None:
    airflow.ended(dag_id, partition_key="2013-02-02")
    catalog = httpx.get(
        f"https://{site.registry}/v2/_catalog",
        auth=(site.registry_user, site.registry_password),
        verify=ssl.create_default_context(cafile=site.ca_file),
        trust_env=False,
    ).json()
    assert f"edge/{dag_id.removeprefix('train_')}" not in catalog["repositories"]
