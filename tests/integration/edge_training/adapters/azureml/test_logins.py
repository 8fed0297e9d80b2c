"""Who may not enter a workspace is told why, whichever client asks."""

from __future__ import annotations

import pytest
from tests.standins.azureml.bridging import MLFLOW, bridged

from edge_training.errors import ModelRegistryRefused


@pytest.mark.parametrize("kind", ["azureml", MLFLOW])
@pytest.mark.parametrize(
    ("option", "said"),
    [
        ({"client_secret": "hunter2"}, "AADSTS7000215.*correct tenant, client id and secret"),
        ({"tenant_id": "other"}, "correct tenant, client id and secret"),
        ({"workspace": "other"}, "not found.*correct subscription, resource group and workspace"),
    ],
    ids=str,
)
def test_a_connection_that_is_wrong_is_told_from_a_service_that_is_silent(
    azureml, site_settings, tmp_path, kind, option, said
):
    with (
        bridged(azureml, site_settings, tmp_path, kind=kind, **option) as registry,
        pytest.raises(ModelRegistryRefused, match=said) as caught,
    ):
        registry.search("flight-delay")
    assert "hunter2" not in str(caught.value)
