"""What a workspace refuses has a name and a remedy, whichever client asks; what can be known is said before
anything is written.
"""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.standins.azureml import faults
from tests.standins.azureml.bridging import MLFLOW
from tests.standins.azureml.faults import Fault

from edge_training.bundle import Metric
from edge_training.errors import ModelRegistryRefused, ModelRegistryUnavailable

ASKED = {"azureml": ("GET", "/modelmanagement/"), MLFLOW: ("POST", "/mlflow/")}
REFUSED, UNAVAILABLE = ModelRegistryRefused, ModelRegistryUnavailable


@pytest.mark.parametrize(
    ("kind", "refusal", "error", "said"),
    [
        ("azureml", faults.EXPIRED_TOKEN, REFUSED, "ExpiredAuthenticationToken.*renew its secret"),
        ("azureml", faults.NO_WORKSPACE, REFUSED, "ResourceNotFound.*correct subscription"),
        ("azureml", faults.QUOTA_EXCEEDED, REFUSED, "A quota of .*have the quota raised"),
        ("azureml", faults.CONFLICT, REFUSED, "refuses the request"),
        ("azureml", faults.INTERNAL_ERROR, UNAVAILABLE, "too busy or out of order"),
        ("azureml", faults.too_many_requests(30), UNAVAILABLE, "429 TooManyRequests"),
        (MLFLOW, faults.EXPIRED_TOKEN, REFUSED, "ExpiredAuthenticationToken.*renew its secret"),
        (MLFLOW, faults.QUOTA_EXCEEDED, REFUSED, "A quota of .*have the quota raised"),
        (MLFLOW, faults.CONFLICT, REFUSED, "refuses the request"),
        (MLFLOW, faults.INTERNAL_ERROR, UNAVAILABLE, "500 error responses"),
        (MLFLOW, faults.too_many_requests(30), UNAVAILABLE, "429 error responses"),
    ],
    indirect=["kind"],
    ids=lambda value: value if value in ASKED else getattr(value, "code", ""),
)
def test_what_goes_wrong_has_a_name_and_a_remedy(
    azureml, kind, impatient, registration, refusal, error, said
):
    azureml.faults.add(Fault(*ASKED[kind], refusal=refusal))

    with pytest.raises(error, match=said):
        impatient.register(registration)
    assert len(azureml.faults.asked(*ASKED[kind])) == 1


BY_ANY = [
    ({"name": "flight.delay"}, "no name for a model in Azure Machine Learning"),
    ({"metrics": [Metric(f"m{number}", 1.0) for number in range(51)]}, "51 names of metrics"),
    ({"run_tags": {"k" * 101: "x"}}, "takes 1 to 100; shorten it"),
]
BY_MLFLOW = [
    ({"run_tags": {f"t{number}": "x" for number in range(39)}}, "41 tags, .* room for 40; log fewer"),
    ({"params": {f"p{number}": "x" for number in range(199)}}, "199 parameters, .* room for 198"),
    ({"params": {"depth?": "1"}}, "has a name that MLflow does not take"),
]


@pytest.mark.parametrize(
    ("kind", "changes", "said"),
    [
        *(("azureml", *one) for one in BY_ANY),
        *((MLFLOW, *one) for one in BY_ANY + BY_MLFLOW),
    ],
    indirect=["kind"],
    ids=lambda value: ",".join(value) if isinstance(value, dict) else "",
)
def test_what_the_workspace_would_refuse_is_said_before_anything_is_written(
    azureml, impatient, registration, changes, said
):
    impatient.search(registration.name)
    azureml.faults.clear()

    with pytest.raises(ModelRegistryRefused, match=said):
        impatient.register(replace(registration, **changes))
    assert azureml.faults.calls == []
