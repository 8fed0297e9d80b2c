"""What MLflow would refuse or cut off is said before anything is written."""

from __future__ import annotations

from dataclasses import replace

import mlflow
import pytest
from tests import bundles
from tests.standins.blob_server import Answer, scripted_server
from tests.standins.certificates import certificates

from edge_training.adapters.mlflow.limits import require_writable
from edge_training.adapters.mlflow.registry import MlflowRegistry
from edge_training.adapters.mlflow.session import MlflowSession
from edge_training.errors import ModelRegistryRefused
from edge_training.ports.model_registry import Registration

DENIED = b'{"error_code": "PERMISSION_DENIED", "message": "no"}'


@pytest.fixture
def registration(tmp_path) -> Registration:
    return Registration("m", "5" * 64, bundles.stored(tmp_path))


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"params": {"a" * 251: "1"}}, "has a name that MLflow does not take; use at most 250"),
        ({"params": {"": "1"}}, "parameter '' has a name"),
        ({"params": {"depth?": "1"}}, r"parameter 'depth\?' has a name"),
        ({"run_tags": {"a\nb": "1"}}, "tag of the training script's run .* has a name"),
        ({"params": {"depth": "1" * 6001}}, "'depth' has 6001 characters, and MLflow takes 6000; shorten"),
        ({"run_tags": {"note": "1" * 8001}}, "'note' has 8001 characters"),
        ({"tags": {"gates": "1" * 100_001}}, "tag 'gates' has 100001 characters"),
    ],
)
def test_names_and_values_that_mlflow_does_not_take_are_named(registration, changes, sentence):
    with pytest.raises(ModelRegistryRefused, match=sentence):
        require_writable(replace(registration, **changes))


def test_what_mlflow_takes_is_let_through(registration):
    names = dict.fromkeys(("größe", "a/b", "a b", "a.b-c_d", "a:b"), "1" * 6000)
    require_writable(replace(registration, params=names, run_tags=names, tags=names))


def asked(registration: Registration, *answers: Answer) -> list[str]:
    """What a registration is told by a server of these answers, and the paths that it asked for."""
    with scripted_server(*answers) as server:
        session = MlflowSession(server.endpoint, ca_file=str(certificates().ca_file), patience_s=0)
        with pytest.raises(ModelRegistryRefused) as caught:
            MlflowRegistry(session).register(registration)
        return [str(caught.value), *(path for path, _ in server.requests)]


def test_a_server_of_another_major_version_is_refused_before_anything_is_written(registration):
    said, *paths = asked(registration, Answer(200, b"2.22.1"))
    assert "runs MLflow 2.22.1, this project speaks to MLflow 3; upgrade the server" in said
    assert [path.rpartition("/")[2] for path in paths] == ["version"]


@pytest.mark.parametrize("answer", [Answer(404, b"not found"), Answer(200, b"<html>"), None])
def test_a_server_that_does_not_tell_its_version_is_believed(registration, answer):
    answer = answer or Answer(200, mlflow.__version__.encode())
    said, *paths = asked(registration, answer, Answer(403, DENIED))
    assert "refuses user" in said
    assert len(paths) == 2
