"""Airflow is set up before a test imports it."""

from __future__ import annotations

import pytest
from tests.airflow_environment import prepare
from tests.fakes.tracking import InMemoryRuns

prepare()


@pytest.fixture
def runs(monkeypatch) -> InMemoryRuns:
    """The runs of trainings, wherever the connection of the model registry points."""
    from edge_airflow.hooks.registries import ModelRegistryHook

    found = InMemoryRuns()
    monkeypatch.setattr(ModelRegistryHook, "tracker", lambda _: found)
    return found
