"""validate_data: what the data is compared with."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.bundles import stored
from tests.fakes.model_registry import InMemoryModelRegistry

from edge_training.errors import ModelRegistryUnavailable
from edge_training.ports.model_registry import ModelVersion, Registration
from edge_training.stages.validate import Reference, reference_of

PROFILE = b'{"version": 1}'


def champion(registry: InMemoryModelRegistry, tmp_path, attachments) -> ModelVersion:
    """A version that was registered with these files beside it."""
    bundle = stored(tmp_path)
    return registry.register(Registration("delay", "5" * 64, bundle, attachments=attachments))


def test_the_data_is_compared_with_what_the_champion_was_trained_on(tmp_path):
    registry, said = InMemoryModelRegistry(), []
    version = champion(registry, tmp_path, {"validation/profile.json": PROFILE})
    assert reference_of(registry, version, said.append) == Reference({"version": 1})
    assert said == ["The data is compared with what version 1, the champion, was trained on."]


@pytest.mark.parametrize(
    ("attachments", "lack"),
    [
        ({}, "has no profile"),
        ({"validation/profile.json": b'{"version": 99}'}, "has no profile of version 1"),
        ({"validation/profile.json": b"<html>"}, "has no profile of version 1"),
        ({"validation/profile.json": b"[1]"}, "has no profile of version 1"),
    ],
)
def test_a_champion_of_another_release_holds_nobody_up_and_is_said(tmp_path, attachments, lack):
    registry, said = InMemoryModelRegistry(), []
    assert reference_of(registry, champion(registry, tmp_path, attachments), said.append) == Reference(
        None, f"version 1, the champion, {lack}"
    )
    assert said == [f"Version 1, the champion, {lack}: no drift is measured."]


def test_the_first_model_is_compared_with_nothing():
    said = []
    assert reference_of(InMemoryModelRegistry(), None, said.append) == Reference(
        None, "there is no champion yet"
    )
    assert said == ["There is no champion yet: no drift is measured."]


def test_a_registry_that_does_not_answer_lets_no_data_slip_through(tmp_path):
    class Silent(InMemoryModelRegistry):
        def attached(self, version, path):
            raise ModelRegistryUnavailable("The model registry does not answer.")

    version = replace(champion(InMemoryModelRegistry(), tmp_path, {}), version="3")
    with pytest.raises(ModelRegistryUnavailable):
        reference_of(Silent(), version, print)
