"""A champion is brought to the site and measured there, in the sandbox, by the run's own script."""

from __future__ import annotations

import io
import tarfile
import uuid
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from tests.bundles import stored
from tests.jobs import OWNER, TRAINING_REQUEST
from tests.unit.edge_runner.contracts.documents import column, contract

from edge_runner.protocol import DELIVERED_NAME, JOB_DIR, JOB_VOLUME_DIR
from edge_training import errors
from edge_training.adapters.docker.over_ssh import DockerOverSsh
from edge_training.jobs import EdgeJob
from edge_training.lifecycle import ensure_started
from edge_training.outcomes import collect
from edge_training.ports.edge_host import Limits

LIMITS = Limits(memory_bytes=512 * 2**20)
WRITES = """
import json, os, pathlib
model = pathlib.Path(os.environ["EDGE_MODEL_DIR"], "MLmodel").read_text()
value = float(model.partition("mae: ")[2])
with open(os.environ["EDGE_METRICS_FILE"], "a") as file:
    file.write(json.dumps({"step": 0, "name": "mae", "value": value}) + chr(10))
"""
TAMPERS = """
import os, pathlib
for folder in (os.environ["EDGE_MODEL_DIR"], os.environ["EDGE_MODEL_DIR"] + "/.."):
    try:
        pathlib.Path(folder, "added").write_text("")
        print("WROTE", folder)
    except OSError:
        pass
"""
TRAINS = """
import mlflow.pyfunc, os
from mlflow.models import ModelSignature
from mlflow.types import ColSpec, Schema
class Constant(mlflow.pyfunc.PythonModel):
    def predict(self, context, model_input):
        return (model_input["distance"] * 0 + {value}).to_numpy()
mlflow.pyfunc.save_model(
    os.environ["EDGE_MODEL_DIR"],
    python_model=Constant(),
    signature=ModelSignature(inputs=Schema([ColSpec("double", "distance")])),
    pip_requirements=[],
)
"""
EVALUATES = """
import json, os
import mlflow.pyfunc, pandas as pd
data = {"columns": ["distance"], "data": [[1.0], [2.0]]}
value = float(mlflow.pyfunc.load_model(os.environ["EDGE_MODEL_DIR"]).predict(pd.DataFrame(**data))[0])
lines = [{"step": 0, "name": "mae", "value": value}]
for carrier, rows, more in (("UA", 120, 0.5), ("DL", 110, 0.0), ("OO", 5, 90.0), ("B6", 6, 90.0)):
    group = {"step": 0, "name": "mae", "value": value + more, "slice": {"carrier": carrier}, "rows": rows}
    lines.append(group)
with open(os.environ["EDGE_METRICS_FILE"], "a") as file:
    file.writelines(json.dumps(line) + chr(10) for line in lines)
json.dump({"dataframe_split": data}, open(os.environ["EDGE_PROBE_FILE"], "w"))
"""
CONTRACT = contract(column("carrier", "string"))


@pytest.fixture
def job(site, behind) -> Callable[..., EdgeJob]:
    """Make a job that runs one script."""

    def made(step: str, script: str, asked: dict, **changes: object) -> EdgeJob:
        found = EdgeJob(
            step,
            uuid.uuid4().hex * 2,
            site.training_image,
            {**TRAINING_REQUEST, "script": "script.py", **asked},
            code={"script.py": script.encode()},
            limits=LIMITS,
            **changes,
        )
        behind.names.append(found.name)
        return found

    return made


@pytest.fixture
def champion(job, tmp_path) -> EdgeJob:
    """The evaluation of a champion whose error is 3."""
    bundle = stored(tmp_path, {"model/MLmodel": b"mae: 3.0", "model/data/weights.bin": bytes(3 * 2**20)})
    return job("evaluate", TAMPERS + WRITES, measuring(bundle), bundle=bundle)


def measuring(bundle: Path) -> dict:
    """What the champion's evaluation is asked."""
    return {"champion": {"version": "3", "bundle_digest": bundle.stem}}


async def measured(host: DockerOverSsh, job: EdgeJob) -> dict:
    await ensure_started(host, job, OWNER)
    await host.wait(job.name)
    return await collect(host, job.name)


async def test_a_champion_is_measured_by_the_runs_script_which_cannot_change_it(host, champion):
    assert await measured(host, champion) == {"metrics": {"mae": 3.0}}
    lines = [line.text async for line in host.logs(champion.name, "")]
    assert not [line for line in lines if "WROTE" in line]


@pytest.mark.parametrize(("error", "passed"), [(3.5, True), (4.5, False)])
async def test_a_model_is_held_against_the_champion_as_a_whole_and_in_every_large_group(
    host, job, tmp_path, error, passed
):
    """From one site's training to another day's comparison, with the files that MLflow writes."""
    former, trained = (job("train", TRAINS.replace("{value}", str(value)), {}) for value in (3.0, error))
    await measured(host, former)
    await measured(host, trained)
    bundle = stored(tmp_path, await files_of(host, former.name, f"{JOB_DIR}/model"))
    champion = job("evaluate", EVALUATES, measuring(bundle), bundle=bundle)
    assert await measured(host, champion) == {"metrics": {"mae": 3.0}}

    beside = {"metric": "mae", "above_champion_by": 1.0}
    asked = {
        "gates": [beside, beside | {"slice": "carrier", "min_rows": 100}],
        "champion": {"version": "3", "note": ""},
        "contract": CONTRACT,
    }
    inputs = {"train": trained.name, "champion": champion.name}
    value = await measured(host, job("evaluate", EVALUATES, asked, inputs=inputs))

    whole, groups = value["gates"]
    assert (whole["passed"], whole["value"], whole["champion_value"]) == (passed, error, 3.0)
    assert (groups["passed"], groups["groups"], groups["rows"]) == (passed, 2, 120)
    assert (groups["group"], groups["value"], groups["champion_value"]) == ("UA", error + 0.5, 3.5)
    assert [told["group"] for told in value["slices"][0]["groups"]] == ["UA", "DL"]
    assert "OO" not in str(value)


async def files_of(host: DockerOverSsh, name: str, path: str) -> dict[str, bytes]:
    """The files of a directory of a job, as a bundle has them."""
    content = b"".join([chunk async for chunk in host.stream_directory(name, path)])
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        return {member.name: archive.extractfile(member).read() for member in archive if member.isfile()}


async def test_a_champion_that_was_measured_before_needs_no_bundle_any_more(host, champion):
    first = await measured(host, champion)
    champion.bundle.unlink()
    assert await measured(host, champion) == first


async def test_a_bundle_that_a_crash_left_half_is_delivered_again(host, champion, behind):
    await host.ensure_image(champion.image, None)
    await host.create(champion.container())
    half = f"{DELIVERED_NAME}/model/MLmodel"
    await host.write_file(champion.name, JOB_VOLUME_DIR, half, b"mae")
    assert await measured(host, champion) == {"metrics": {"mae": 3.0}}


async def test_a_bundle_of_other_bytes_is_not_measured(host, champion, tmp_path):
    other = stored(tmp_path / "other", {"model/MLmodel": b"mae: 1.0"})
    with pytest.raises(errors.JobInterrupted, match="did not arrive whole"):
        await measured(host, replace(champion, bundle=other))


async def test_a_champion_that_the_script_cannot_read_ends_with_the_remedy(host, champion):
    unreadable = {"script.py": b"import sys; print('no such flavor'); sys.exit(1)"}
    with pytest.raises(errors.EvaluationFailed, match="Version 3, the champion, cannot be measured"):
        await measured(host, replace(champion, code=unreadable))
