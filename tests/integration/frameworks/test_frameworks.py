"""A model of each framework goes the whole way: trained in the sandbox, let out, registered, loaded back.

Training and both evaluations are jobs without a network in an image made as docs/training-images.md says.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from tests.jobs import OWNER, TRAINING_REQUEST

from edge_runner.listing import METRICS_PATH, MODEL_FILE_PATH
from edge_runner.protocol import JOB_DIR
from edge_training import bundle as bundles
from edge_training.adapters.docker.over_ssh import DockerOverSsh
from edge_training.adapters.mlflow.registry import MlflowRegistry
from edge_training.adapters.mlflow.session import MlflowSession
from edge_training.bundle import ALLOWED
from edge_training.jobs import EdgeJob
from edge_training.lifecycle import ensure_started
from edge_training.outcomes import collect
from edge_training.ports.edge_host import Limits
from edge_training.ports.model_registry import Registration
from edge_training.stages.export import BUNDLE_DIR
from local_site.site import Site

pytestmark = [pytest.mark.frameworks, pytest.mark.timeout(600)]
LIMITS = Limits(cpus=2.0, memory_bytes=2 * 2**30, scratch_bytes=2**30)
CODE = {path.name: path.read_bytes() for path in (Path(__file__).parent / "scripts").glob("*.py")}
MAY_LEAVE = {
    "xgboost": ("model/model.ubj",),
    "lightgbm": (),
    "pytorch": ("model/data/model.pt2", "model/input_example.json", "model/serving_input_example.json"),
    "onnx": ("model/model.onnx",),
}
"""Beside what may leave anyway: exactly what docs/training-images.md tells users."""


@pytest.fixture(scope="session")
def image(site_settings) -> str:
    """The image with the frameworks."""
    site = Site(site_settings)
    site.up()
    return site.build_image("frameworks")


@pytest.fixture
def job(image, behind) -> Callable[..., EdgeJob]:
    """Make a job in that image."""

    def made(step: str, request: dict, **changes: object) -> EdgeJob:
        found = EdgeJob(step, uuid.uuid4().hex * 2, image, request, code=CODE, limits=LIMITS, **changes)
        behind.names.append(found.name)
        return found

    return made


async def done(host: DockerOverSsh, job: EdgeJob) -> dict:
    """The value of a job."""
    await ensure_started(host, job, OWNER)
    await host.wait(job.name)
    return await collect(host, job.name)


async def points_of(host: DockerOverSsh, job: EdgeJob) -> list[dict]:
    """All that an evaluation has measured."""
    content = await host.read_file(job.name, f"{JOB_DIR}/{METRICS_PATH}")
    return [json.loads(line) for line in content.splitlines()]


@pytest.mark.parametrize("framework", MAY_LEAVE)
async def test_a_model_is_trained_in_the_sandbox_registered_and_loaded_back(
    site, host, job, tmp_path, framework
):
    training = job("train", TRAINING_REQUEST | {"script": f"train_{framework}.py"})
    await done(host, training)
    asked = TRAINING_REQUEST | {"script": "evaluate.py"}
    evaluation = job("evaluate", asked | {"gates": []}, inputs={"train": training.name})
    metrics = (await done(host, evaluation))["metrics"]
    assert metrics["mae"] < metrics["baseline_mae"]

    allow = (*ALLOWED, *MAY_LEAVE[framework])
    inputs = {"train": training.name, "evaluate": evaluation.name}
    export = job("export", {"allow": list(allow), "max_bytes": bundles.MAX_SIZE_BYTES}, inputs=inputs)
    files = bundles.check_listing((await done(host, export))["files"], allow)
    bundle = await bundles.receive(host.stream_directory(export.name, BUNDLE_DIR), files, tmp_path / "store")

    registry = MlflowRegistry(MlflowSession(site.mlflow_url))
    version = registry.register(Registration(f"{framework}-{uuid.uuid4().hex[:8]}", training.key, bundle))
    fetched = registry.fetch(version, tmp_path / "another-worker")
    champion = {"version": version.version, "bundle_digest": version.tags["bundle_digest"]}
    again = job("evaluate", asked | {"champion": champion}, bundle=fetched)
    await done(host, again)

    assert await points_of(host, again) == await points_of(host, evaluation)
    description = described(fetched)
    assert framework in description["flavors"]
    assert description["signature"]["inputs"]
    assert description["signature"]["outputs"]


def described(bundle: Path) -> dict:
    """What the model's MLmodel says."""
    files = {member.name: content.read() for member, content in bundles.read_files(bundle)}
    return yaml.safe_load(files[MODEL_FILE_PATH])
