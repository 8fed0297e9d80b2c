"""The deploy DAG's form: nothing to fill in for a training's image; for a hand, which version is to serve."""

from __future__ import annotations

import copy

import pytest
from airflow.sdk.exceptions import AirflowException


def test_a_run_that_an_image_started_asks_for_no_version(deployment):
    assert deployment.params.validate() == {"version": ""}


def test_the_form_is_what_decides(deployment):
    decide = deployment.task_dict["decide_rollout"]
    assert decide.version == "{{ params.version }}"
    assert "version" in decide.template_fields


@pytest.mark.parametrize("version", ["previous", "1", "12"])
def test_the_form_takes_the_version_before_or_a_number(deployment, version):
    form = copy.deepcopy(deployment.params)
    form.update({"version": version})
    assert form.validate() == {"version": version}


@pytest.mark.parametrize("version", ["latest", "Previous", "0", "-1", "1.0", "v1", " 1", 3, None, True])
def test_the_form_refuses_what_names_no_version(deployment, version):
    form = copy.deepcopy(deployment.params)
    with pytest.raises(AirflowException, match="Invalid input for param version"):
        form.update({"version": version})


def test_what_is_deployed_is_the_model_whose_image_is_followed(deployment):
    decide = deployment.task_dict["decide_rollout"]
    assert deployment.timetable.asset_condition.name == f"{decide.model_name}_image"
