"""Where the server does not take artifacts itself, MLflow's client is given one file at a time."""

from __future__ import annotations

import io
from types import SimpleNamespace

import pytest

from edge_training.adapters.mlflow.artifacts import send
from edge_training.bundle import Content


@pytest.mark.parametrize("path", ["bundle.json", "model/data/weights.bin"])
@pytest.mark.parametrize("content", [b"", b"weights" * 100_000])
def test_a_file_is_written_where_the_run_keeps_its_artifacts(tmp_path, path, content):
    run = SimpleNamespace(info=SimpleNamespace(artifact_uri=str(tmp_path)))
    client = SimpleNamespace(tracking_uri="http://127.0.0.1:1")

    send(client, run, Content(path, io.BytesIO(content), len(content)))

    assert (tmp_path / path).read_bytes() == content
