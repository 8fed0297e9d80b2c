"""A real model, from its directory on the site to a container that answers."""

from __future__ import annotations

import asyncio
import io
import json
import tarfile
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import docker
import numpy as np
import pytest
from docker.models.containers import Container
from tests import bundles

from edge_runner.protocol import Dirs, canonical_json
from edge_runner.steps import evaluate, export
from edge_training import bundle as bundle_module
from edge_training.adapters.oci.registry import OciRegistry
from edge_training.image_reference import ImageReference
from edge_training.jobs import RUNNER_FOLDER
from edge_training.stages.build import build
from edge_training.stages.verify import server_command

ROWS = {"columns": ["distance", "hour"], "data": [[400.0, 7.0], [2475.0, 18.0], [1089.0, 12.0]]}


@dataclass
class Served:
    """A serving image and the probe that its model answered at evaluation."""

    image: str
    command: list[str]
    probe: dict[str, Any]


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> Dirs:
    """What train_model and evaluate_model leave for the export step: a scikit-learn model."""
    import mlflow.sklearn
    import pandas as pd
    from sklearn.linear_model import Ridge

    root = tmp_path_factory.mktemp("site")
    dirs = Dirs(job=root / "job", inputs=root / "inputs")
    (dirs.inputs / "evaluate").mkdir(parents=True)
    dirs.job.mkdir()
    random = np.random.default_rng(7)
    features = pd.DataFrame(random.uniform(0, 100, (400, 2)), columns=ROWS["columns"])
    model = Ridge().fit(features, features.sum(axis=1))
    mlflow.sklearn.save_model(
        model,
        dirs.inputs / "train" / "model",
        signature=mlflow.models.infer_signature(features, model.predict(features)),
        pip_requirements=["scikit-learn"],
    )
    (dirs.inputs / "evaluate" / "evaluation.json").write_text("{}")
    return dirs


@pytest.fixture(scope="module")
def bundle(trained, tmp_path_factory) -> Path:
    """The model's bundle, received from the stream that Docker would send."""
    request = {"allow": list(bundle_module.ALLOWED), "max_bytes": 10_000_000}
    value = export.run(request, {}, trained)
    files = {file["path"]: (trained.job / "bundle" / file["path"]).read_bytes() for file in value["files"]}
    store = tmp_path_factory.mktemp("store")
    stream = bundles.stream_of(bundles.docker_tar(files))
    return asyncio.run(bundle_module.receive(stream, bundle_module.check_listing(value["files"]), store))


@pytest.fixture(scope="module")
def registry(site) -> OciRegistry:
    ca_pem = site.ca_file.read_text()
    return OciRegistry(site.registry, site.registry_user, site.registry_password, ca_pem=ca_pem)


@pytest.fixture(scope="module")
def served(site, registry, trained, bundle) -> Served:
    """The image, built and not tagged."""
    value = build(registry, bundle, site.serving_image, f"test/{uuid.uuid4().hex[:12]}", "flight_delay")
    predictions = evaluate.predict(trained.inputs / "train" / "model", {"dataframe_split": ROWS})
    probe = {"inputs": {"dataframe_split": ROWS}, "predictions": predictions}
    return Served(value["image"], server_command(registry, value["image"]), probe)


@pytest.fixture(scope="module")
def engine(site) -> Iterator[docker.DockerClient]:
    client = docker.DockerClient(base_url=f"unix://{site.docker_socket}", timeout=120)
    yield client
    client.close()


@pytest.fixture
def container(site, engine, served) -> Iterator[Container]:
    """A sandbox in the serving image, pulled by digest, with the verify step laid in."""
    login = {"username": site.registry_user, "password": site.registry_password}
    reference = ImageReference.parse(served.image)
    engine.images.pull(f"{reference.host}/{reference.repository}@{reference.digest}", auth_config=login)
    sandbox = engine.containers.create(
        served.image,
        ["python3", "-m", "edge_runner"],
        environment={"PYTHONPATH": "/edge/code:/opt/edge/python"},
        network_mode="none",
        cap_drop=["ALL"],
        tmpfs={"/tmp": "mode=1777"},
    )
    yield sandbox
    sandbox.remove(force=True, v=True)
    engine.images.remove(served.image)


def lay_in(container: Container, served: Served, predictions: list[float]) -> None:
    """Place code, request and probe as a job has them."""
    request = {"command": served.command, "port": 8080, "tolerance": 1e-9, "start_limit_s": 120}
    files = {
        "code/request.json": canonical_json({"protocol": 1, "step": "verify", "request": request}),
        "code/secrets.json": b"{}",
        "inputs/evaluate/probe.json": canonical_json({**served.probe, "predictions": predictions}),
        **{
            f"code/edge_runner/{path.relative_to(RUNNER_FOLDER)}": path.read_bytes()
            for path in RUNNER_FOLDER.rglob("*.py")
        },
    }
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for directory in ("job/work", "code"):
            member = tarfile.TarInfo(directory)
            member.type, member.mode, member.uid = tarfile.DIRTYPE, 0o755, 65532
            archive.addfile(member)
        for path, content in files.items():
            member = tarfile.TarInfo(path)
            member.size, member.mode, member.uid = len(content), 0o644, 65532
            archive.addfile(member, io.BytesIO(content))
    container.put_archive("/edge", buffer.getvalue())


def run(container: Container) -> dict[str, Any]:
    """The step's result."""
    container.start()
    container.wait(timeout=150)
    chunks, _ = container.get_archive("/edge/job/work/result.json")
    with tarfile.open(fileobj=io.BytesIO(b"".join(chunks))) as archive:
        result = archive.extractfile("result.json")
        assert result is not None
        return json.load(result)


def test_the_image_answers_as_the_evaluated_model_did(container, served):
    lay_in(container, served, served.probe["predictions"])

    result = run(container)

    assert result["outcome"] == "succeeded", result
    assert result["value"]["rows"] == len(ROWS["data"])
    assert result["value"]["max_difference"] <= 1e-9


def test_an_image_that_answers_otherwise_is_refused(container, served):
    first, *rest = served.probe["predictions"]
    lay_in(container, served, [first + 0.5, *rest])

    result = run(container)

    assert result["error"]["kind"] == "VerificationFailed"
    assert "1 of 3 predictions" in result["error"]["message"]


def test_building_again_sends_nothing_and_gives_the_same_digest(site, registry, bundle, served):
    repository = ImageReference.parse(served.image).repository

    again = build(registry, bundle, site.serving_image, repository, "flight_delay")

    assert again["image"] == served.image
    assert again["built"] is False
