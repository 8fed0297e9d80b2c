"""azureml-core registers models with the stand-in, finds, changes, downloads and deletes them."""

from __future__ import annotations

from typing import Any

import pytest
from tests.integration.standins.azureml.conftest import contents
from tests.standins.azureml.interpreter import ProgramFailed, Step

NAME = "flight-delay"
SEEN = ("seen_models", {"name": NAME})
MORE_THAN_ONE_REQUEST = 65 * 2**20
"""A blob of more than 64 MiB is sent in blocks."""


def register(**described: Any) -> Step:
    """Register the bundle."""
    return "register", {"name": NAME, "folder": "bundle", **described}


def on_version(action: str, number: int = 1, **options: Any) -> Step:
    """Do something with a version."""
    return action, {"name": NAME, "version": number, **options}


@pytest.mark.usefixtures("bundle")
def test_a_registered_model_keeps_what_is_said_of_it(core):
    described = {"tags": {"state": "half"}, "properties": {"data_digest": "abc"}, "description": "A model."}
    made, seen = core.each(register(model_framework="Custom", **described), SEEN)
    assert made == f"{NAME}:1"
    assert seen == [{"version": 1, "framework": "Custom", **described}]


@pytest.mark.usefixtures("bundle")
def test_models_are_found_by_all_of_the_tags_asked_for(core):
    tags = [{"key": "a", "state": "half"}, {"key": "a", "state": "full"}, {"key": "b", "state": "full"}]
    asked = ("seen_models", {"name": NAME, "tags": [["key", "a"], ["state", "full"]]})
    *_, found = core.each(*(register(tags=each) for each in tags), asked)
    assert [model["version"] for model in found] == [2]


@pytest.mark.usefixtures("bundle")
def test_each_registration_makes_a_version(core):
    *_, seen = core.each(register(), register(), SEEN)
    assert [model["version"] for model in seen] == [2, 1]


@pytest.mark.usefixtures("bundle")
def test_a_version_gets_further_tags_and_properties_and_another_description(core):
    changes = {"tags": {"c": "3"}, "properties": {"d": "4"}, "description": "Changed."}
    made = register(tags={"a": "1"}, properties={"b": "2"})
    *_, (seen,) = core.each(made, on_version("change", **changes), SEEN)
    assert seen["tags"] == {"a": "1", "c": "3"}
    assert seen["properties"] == {"b": "2", "d": "4"}
    assert seen["description"] == "Changed."


def test_a_downloaded_model_has_the_bytes_that_were_registered(core, bundle):
    (bundle / "large.bin").write_bytes(bytes(range(256)) * (MORE_THAN_ONE_REQUEST // 256))
    core.each(register(), on_version("download", folder="back"))
    assert contents(bundle.parent / "back" / bundle.name) == contents(bundle)


def test_a_file_whose_name_has_to_be_escaped_in_an_address_is_not_uploaded(core, bundle):
    """azureml-core escapes the name in a signed address once more, and asks for another blob."""
    (bundle / "a b").touch()
    with pytest.raises(ProgramFailed, match="AuthenticationFailed"):
        core.each(register())


@pytest.mark.usefixtures("bundle")
def test_the_number_of_a_deleted_version_is_not_given_again(core):
    *_, made = core.each(register(), on_version("delete"), register())
    assert made == f"{NAME}:2"
    with pytest.raises(ProgramFailed, match="ModelNotFound"):
        core.each(on_version("download", folder="back"))
