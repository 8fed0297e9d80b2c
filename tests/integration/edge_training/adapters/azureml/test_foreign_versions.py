"""A version that somebody else has made is no version of ours."""

from __future__ import annotations

import pytest
from tests.standins.azureml.interpreter import ProgramFailed


def test_a_version_made_by_hand_has_no_bundle_to_fetch(program, tmp_path):
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "MLmodel").write_text("flavors: {}\n")
    number = program("register_by_hand", name="flight-delay", folder=str(folder))

    sentence = f"flight-delay version {number} in Azure Machine Learning are not those registered; delete"
    with pytest.raises(ProgramFailed, match=sentence) as caught:
        program("fetch", name="flight-delay", version=number, store=str(tmp_path / "store"))
    assert caught.value.kind == "ModelRegistryRefused"
