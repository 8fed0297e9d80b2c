"""What a workspace of Azure Machine Learning takes is asked before anything is written."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from edge_training.adapters.azureml.limits import cut, require_writable
from edge_training.bundle import Metric
from edge_training.errors import ModelRegistryRefused
from edge_training.ports.model_registry import Registration

GOOD = Registration("flight-delay_2", "5" * 64, Path("bundle.tar"), description="for a test")


def test_what_the_workspace_takes_passes():
    require_writable(
        replace(
            GOOD,
            tags={f"tag{number}": "v" * 5000 for number in range(40)},
            run_tags={"mlflow.source": "train.py"},
            params={"p" * 94: "1", **{f"param {number}": "1" for number in range(200)}},
            metrics=[Metric(f"metric{number}", 1.0) for number in range(50)] * 2,
        )
    )


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"name": "flight delay"}, "'flight delay' is no name for a model"),
        ({"name": "flight.delay"}, "letters, digits, '_' and '-'"),
        ({"name": "-flight"}, "begin with a letter or digit"),
        ({"name": "f" * 256}, "at most 255"),
        ({"name": "fl\u00fcge"}, "is no name"),
        ({"tags": {"t" * 101: "v"}}, "name of 101 characters"),
        ({"tags": {"": "v"}}, "name of 0 characters"),
        ({"run_tags": {"t" * 101: "v"}}, "tag of the training script's run"),
        ({"params": {"p" * 95: "v"}}, "The parameter 'ppp.* takes 1 to 94"),
        ({"tags": {f"t{number}": "" for number in range(45)}}, "45 tags, .*has room for 44"),
        ({"metrics": [Metric(f"m{number}", 1.0) for number in range(51)]}, "51 names of metrics.*50"),
        ({"metrics": [Metric("m" * 256, 1.0)]}, "name of 256 characters"),
        ({"description": "d" * 4501}, "4501 characters.*room for 4500"),
    ],
)
def test_what_the_workspace_would_refuse_is_named_with_the_remedy(change, said):
    with pytest.raises(ModelRegistryRefused, match=said):
        require_writable(replace(GOOD, **change))


def test_a_value_that_is_too_long_for_a_run_shows_that_its_end_is_missing():
    values = cut({"fits": "v" * 1000, "long": "v" * 1001})
    assert values == {"fits": "v" * 1000, "long": "v" * 997 + "..."}
