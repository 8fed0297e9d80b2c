"""In which order a site starts, and what is told when it stops."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import replace

import pytest

from local_site import airflow, docker_engine
from local_site.errors import BuildFailed
from local_site.processes import ProcessSpec, Supervisor
from local_site.settings import Settings
from local_site.site import WORKSPACE, Site, down, layout_of
from local_site.steps import Step

SETTINGS = Settings.from_environment({})


@pytest.fixture
def steps() -> dict[str, Step]:
    return {step.name: step for step in Site(SETTINGS, with_airflow=True)._steps()}


def before(steps: Mapping[str, Step], name: str) -> set[str]:
    """All that is done before a step begins."""
    return set(steps[name].after).union(*(before(steps, earlier) for earlier in steps[name].after))


@pytest.mark.parametrize("name", airflow.RUN_TASKS)
def test_no_task_of_airflow_runs_before_the_site_it_looks_after_is_known_and_answers(steps, name):
    assert before(steps, name) >= {"Airflow's connections", "SSH server", "Docker engine"}


def test_airflow_does_not_wait_for_what_takes_minutes(steps):
    slow = {"base image", "wheels of the runtimes", "training runtime pushed"}
    assert not any(before(steps, name) & slow for name in steps if name.startswith("airflow-"))


def test_the_images_are_told_when_they_are_pushed(steps):
    assert before(steps, "Airflow's variables") >= {"serving runtime pushed", "training runtime pushed"}


def test_a_workspace_is_there_only_where_it_is_asked_for_and_before_airflow_is_told_of_it(steps):
    assert not any("Azure" in name for name in steps)
    site = Site(replace(SETTINGS, model_registry="azureml"), with_airflow=True)
    asked = {step.name: step for step in site._steps()}
    assert before(asked, "Airflow's connections") >= {WORKSPACE, "Azure Machine Learning's client"}


def test_whoever_stops_a_site_is_told_of_its_engine_too(tmp_path, monkeypatch):
    def stop(layout, settings, supervisor):  # without its bridges, which are the machine's
        for name in docker_engine.ENGINE_PROCESSES:
            supervisor.stop(name)

    monkeypatch.setattr(docker_engine, "stop", stop)
    settings = replace(SETTINGS, state_dir=tmp_path / "state", cache_dir=tmp_path / "cache")
    supervisor = Supervisor(layout_of(settings))
    settings.state_dir.mkdir()
    for name in ("containerd", "dockerd", "mlflow"):
        supervisor.ensure(
            ProcessSpec(name, [sys.executable, "-c", "import time; time.sleep(60)"], lambda: True)
        )
    assert sorted(down(settings)) == ["containerd", "dockerd", "mlflow"]
    assert supervisor.names() == []


def test_an_image_that_nobody_has_described_is_refused_with_the_remedy():
    with pytest.raises(BuildFailed, match=r"no .*my_image with a Dockerfile; copy include/images/frameworks"):
        Site(SETTINGS).build_image("my_image")
