"""A task that lacks what earlier tasks or variables should give says so at once, and names the remedy."""

from __future__ import annotations

import inspect
from dataclasses import asdict

import jinja2
import pytest
from airflow.sdk import Asset
from airflow.sdk.exceptions import AirflowFailException
from airflow.sdk.execution_time.context import VariableAccessor

from edge_airflow.operators import data, defaults, deploy, model, registries
from edge_airflow.operators.base import EdgeJobOperator
from edge_airflow.operators.deploy import service_port
from edge_airflow.operators.documented import DocumentedOperator
from edge_training.errors import BadRequest
from edge_training.project import ModelProject
from edge_training.stages.decide import Decision

HANDED_ON = {
    "snapshot",
    "validation",
    "training",
    "evaluation",
    "bundle",
    "registration",
    "image",
    "decision",
    "service",
}
FIELDS_OF_THEIR_OWN = {
    "script_params": {},
    "window_days": 2,
    "deploy": "auto",
    "asset": Asset("delay_image"),
    "host_port": 8080,
}


def operators(base: type) -> list[type]:
    """All operators below one."""
    return [found for kind in base.__subclasses__() for found in (kind, *operators(kind))]


TAKERS = [
    kind
    for kind in operators(DocumentedOperator)
    if kind.__module__ in {module.__name__ for module in (data, model, registries, deploy)}
    and kind is not deploy.DecideRolloutOperator
]


def task_of(kind: type, tmp_path, **given: object) -> DocumentedOperator:
    """A task with all its fields, of which some are given otherwise."""
    project = ModelProject(name="delay", folder=tmp_path, container="data", prefix="date={partition}/")
    fields = {"model": project, **FIELDS_OF_THEIR_OWN, **{field: {} for field in kind.handed_on}, **given}
    own = inspect.signature(kind.__init__).parameters
    common = {"model"} if issubclass(kind, EdgeJobOperator) else set()
    return kind(task_id="step", **{name: fields[name] for name in fields if name in own or name in common})


@pytest.mark.parametrize("kind", TAKERS)
def test_an_operator_names_every_field_that_is_handed_on(kind):
    assert set(kind.handed_on) == HANDED_ON & set(kind.template_fields)
    assert {*kind.from_variables} == {"training_image", "serving_image", "bundle_store"} & {
        *kind.template_fields
    }


@pytest.mark.parametrize(("kind", "field"), [(kind, field) for kind in TAKERS for field in kind.handed_on])
def test_a_task_that_was_handed_nothing_ends_at_once(tmp_path, kind, field):
    """A task that was marked success by hand hands on nothing."""
    task = task_of(kind, tmp_path, **{field: None})
    with pytest.raises(AirflowFailException) as caught:
        task.execute({})
    assert str(caught.value) == (
        f"BadRequest: step got no {field}: the task that hands it on was marked by hand or skipped; clear it."
    )


@pytest.mark.parametrize(
    ("kind", "field"), [(kind, field) for kind in TAKERS for field in kind.from_variables]
)
def test_a_task_whose_variable_is_not_set_ends_at_once(tmp_path, kind, field):
    task = task_of(kind, tmp_path)
    setattr(task, field, "")
    with pytest.raises(
        AirflowFailException, match=f"BadRequest: The variable edge_{field} is not set; add it"
    ):
        task.execute({})


@pytest.mark.parametrize("template", [defaults.TRAINING_IMAGE, defaults.SERVING_IMAGE, defaults.BUNDLE_STORE])
def test_a_variable_that_is_not_set_leaves_the_field_empty(monkeypatch, template):
    """Airflow's own error for it would be put up for retry."""
    variables = {"var": {"value": VariableAccessor(deserialize_json=False)}}
    assert jinja2.Template(template).render(variables) == ""
    for name in ("TRAINING_IMAGE", "SERVING_IMAGE", "BUNDLE_STORE"):
        monkeypatch.setenv(f"AIRFLOW_VAR_EDGE_{name}", "set")
    assert jinja2.Template(template).render(variables) == "set"


@pytest.mark.parametrize("port", ["abc", "0", "65536", "80.5", -1])
def test_a_port_that_is_none_is_refused_with_its_variable(port):
    with pytest.raises(BadRequest, match="set the variable edge_service_port_delay to a number from 1 to"):
        service_port("delay", port)


@pytest.mark.parametrize("port", ["", None])
def test_a_port_that_is_not_set_is_asked_for(port):
    with pytest.raises(BadRequest, match="The variable edge_service_port_delay is not set; add it"):
        service_port("delay", port)


def test_a_roll_out_without_a_port_ends_before_it_connects():
    decision = asdict(Decision("delay", "1", "i", "train_delay/night-1"))
    task = deploy.RollOutOperator(task_id="step", decision=decision, host_port="abc")
    with pytest.raises(AirflowFailException, match="BadRequest: The service of delay cannot be published"):
        task.execute({})


def test_text_and_number_are_ports():
    assert service_port("delay", "8080") == service_port("delay", 8080) == 8080
