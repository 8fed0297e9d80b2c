"""What Azure Machine Learning calls a model's framework."""

from __future__ import annotations

import pytest
from tests import bundles

from edge_training.adapters.azureml.framework import framework, framework_of

FUNCTION = "flavors:\n  python_function: {loader_module: x}\n"


@pytest.mark.parametrize(
    ("model_file", "expected"),
    [
        (f"{FUNCTION}  sklearn: {{sklearn_version: 1.7.2}}\n", ("ScikitLearn", "1.7.2")),
        (f"{FUNCTION}  pytorch: {{pytorch_version: 2.13.0}}\n", ("PyTorch", "2.13.0")),
        (f"{FUNCTION}  onnx: {{onnx_version: 1.19}}\n", ("Onnx", "1.19")),
        (f"{FUNCTION}  sklearn:\n", ("ScikitLearn", None)),
        (f"{FUNCTION}  xgboost: {{xgb_version: 3.1.1}}\n", ("Custom", None)),
        ("flavors: {}\n", ("Custom", None)),
        ("flavors: [sklearn]\n", ("Custom", None)),
        ("- no\n- model\n", ("Custom", None)),
        ("\tno: [yaml", ("Custom", None)),
        ("", ("Custom", None)),
    ],
)
def test_the_framework_follows_from_the_flavors(model_file, expected):
    assert framework(model_file.encode()) == expected


def test_a_bundle_without_a_model_file_has_a_framework_of_its_own(tmp_path):
    assert framework_of(bundles.stored(tmp_path, {"evaluation.json": b"{}"})) == ("Custom", None)
    described = {"model/MLmodel": b"flavors: {sklearn: {sklearn_version: 1.7.2}}"}
    assert framework_of(bundles.stored(tmp_path / "b", described)) == ("ScikitLearn", "1.7.2")
