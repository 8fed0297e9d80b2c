"""All tries of a task compare with one champion; who clears the task compares with that day's champion."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from tests.bundles import stored
from tests.fakes.model_registry import InMemoryModelRegistry

from edge_airflow.validated import champion_to_compare_with
from edge_training.ports.model_registry import Registration


@pytest.fixture
def registry(tmp_path) -> InMemoryModelRegistry:
    """A registry with two versions of which none is champion."""
    found, bundle = InMemoryModelRegistry(), stored(tmp_path)
    for key in ("5", "6"):
        found.register(Registration("delay", key * 64, bundle))
    return found


class Store(dict):
    """Airflow's store of a task, which outlives its tries."""

    def set(self, key, value):
        self[key] = value


def compared_with(store, registry, max_tries=5):
    context = {"task_state_store": store, "ti": SimpleNamespace(max_tries=max_tries)}
    version = champion_to_compare_with(context, registry, "delay")
    return version and version.version


@pytest.mark.parametrize("first", [None, "1"])
def test_a_new_champion_does_not_change_what_the_next_try_compares_with(registry, first):
    store = Store()
    if first:
        registry.promote(registry.get("delay", first))
    assert compared_with(store, registry) == first
    registry.promote(registry.get("delay", "2"))
    assert compared_with(store, registry) == first


def test_a_task_that_is_cleared_compares_with_the_champion_of_that_day(registry):
    store = Store()
    registry.promote(registry.get("delay", "1"))
    assert compared_with(store, registry) == "1"
    registry.promote(registry.get("delay", "2"))
    assert compared_with(store, registry, max_tries=6) == "2"


def test_a_champion_that_was_deleted_meanwhile_is_none(registry):
    store = Store(compared_with={"max_tries": 5, "version": "9"})
    assert compared_with(store, registry) is None
