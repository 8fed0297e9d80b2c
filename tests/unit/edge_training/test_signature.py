"""A model asks for what its contract has, or for what its project says that callers compute."""

from __future__ import annotations

import json

import pytest
import yaml
from tests.bundles import FILES, stored

from edge_training.errors import NoModel
from edge_training.signature import require_fit

CONTRACT = yaml.safe_dump(
    {
        "schema": [
            {
                "name": "flights",
                "physicalType": "parquet",
                "properties": [
                    {"name": "distance", "logicalType": "integer"},
                    {"name": "speed", "logicalType": "number", "physicalName": "SPEED"},
                    {"name": "origin", "logicalType": "string"},
                    {"name": "left", "logicalType": "timestamp"},
                    {"name": "late", "logicalType": "boolean"},
                    {"name": "shape", "logicalType": "object"},
                    {"name": "untyped"},
                ],
            }
        ]
    }
)


@pytest.fixture
def checked(tmp_path):
    """Hold a signature with these inputs against the contract."""

    def check(inputs, contract: str = CONTRACT, derived=()) -> None:
        written = {"flavors": {}, "signature": {"inputs": json.dumps(inputs), "outputs": None}}
        bundle = stored(tmp_path, {**FILES, "model/MLmodel": yaml.safe_dump(written).encode()})
        require_fit(bundle, contract, derived)

    return check


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("distance", "long"),
        ("distance", "double"),
        ("SPEED", "float"),
        ("origin", "string"),
        ("left", "datetime"),
        ("late", "boolean"),
        ("shape", "object"),
        ("untyped", "anything"),
    ],
)
def test_columns_of_the_contract_fit(checked, name, kind):
    checked([{"type": kind, "name": name}])


def test_an_input_that_the_contract_does_not_have_is_named_with_the_remedy(checked):
    inputs = [{"type": "long", "name": name} for name in ("weekday", "distance", "age")]
    with pytest.raises(
        NoModel, match=r"asks for 'age', 'weekday', which.*`derived_inputs` of the ModelProject"
    ):
        checked(inputs)
    checked(inputs, derived=("age", "weekday"))


@pytest.mark.parametrize(("name", "kind"), [("distance", "string"), ("origin", "long"), ("left", "boolean")])
def test_a_column_of_another_type_is_named_with_the_remedy(checked, name, kind):
    with pytest.raises(NoModel, match=f"signature has '{name}' as {kind}, the contract as .*; give the"):
        checked([{"type": kind, "name": name}])


@pytest.mark.parametrize(
    "inputs", [[], [{"type": "tensor", "tensor-spec": {"dtype": "float64", "shape": [-1, 3]}}]]
)
def test_a_signature_without_names_asks_for_nothing(checked, inputs):
    checked(inputs)


def test_a_model_without_a_signature_asks_for_nothing(tmp_path):
    require_fit(stored(tmp_path), CONTRACT, ())


def test_a_contract_about_files_has_no_columns(checked):
    of_files = yaml.safe_load(CONTRACT)
    of_files["schema"][0]["physicalType"] = "files"
    checked([{"type": "string", "name": "image"}], yaml.safe_dump(of_files))


def test_a_bundle_without_a_model_is_told(tmp_path):
    files = {path: content for path, content in FILES.items() if path != "model/MLmodel"}
    with pytest.raises(NoModel, match="no file MLmodel"):
        require_fit(stored(tmp_path, files), CONTRACT, ())
