"""The settings of the two maintenance tasks."""

from __future__ import annotations

import pytest

from edge_airflow.operators.maintenance import RemoveLeftoversOperator
from edge_training.errors import BadRequest
from edge_training.stages.retention import RetentionPolicy


def test_without_settings_the_policys_own_hold():
    assert RemoveLeftoversOperator(task_id="remove").policy() == RetentionPolicy()


def test_rendered_text_is_as_good_as_a_number():
    task = RemoveLeftoversOperator(
        task_id="remove", keep_jobs="7", keep_failures_days=8, keep_images="9", min_age_hours="10"
    )
    assert task.policy() == RetentionPolicy(7, 8, 9, 10)


def test_a_setting_that_keeps_too_little_is_refused():
    with pytest.raises(BadRequest, match="min_age_hours"):
        RemoveLeftoversOperator(task_id="remove", min_age_hours=0).policy()


def test_every_setting_is_a_template():
    assert {*RemoveLeftoversOperator.template_fields} == {*vars(RetentionPolicy())}
