"""A champion is brought to the site and measured there, in the sandbox, by the run's own script."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from tests.bundles import stored
from tests.jobs import OWNER
from tests.real_host import Engine, engine, real_host

from edge_runner.protocol import DELIVERED_NAME, JOB_VOLUME_DIR
from edge_training import errors
from edge_training.adapters.docker_over_ssh import DockerOverSsh
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


@pytest.fixture
async def behind(site) -> AsyncIterator[Engine]:
    """The site's engine, cleaned up at the end."""
    found = engine(site)
    yield found
    found.clean_up()


@pytest.fixture
async def host(site) -> AsyncIterator[DockerOverSsh]:
    """The real adapter."""
    async with real_host(site) as host:
        yield host


@pytest.fixture
def champion(site, behind, tmp_path) -> EdgeJob:
    """The evaluation of a champion whose error is 3."""
    bundle = stored(tmp_path, {"model/MLmodel": b"mae: 3.0", "model/data/weights.bin": bytes(3 * 2**20)})
    request = {
        "script": "script.py",
        "partition": "2013-02-01",
        "seed": 1,
        "params": {},
        "threads": 1,
        "time_limit_s": 100,
        "champion": {"version": "3", "bundle_digest": bundle.stem},
    }
    job = EdgeJob(
        "evaluate",
        uuid.uuid4().hex * 2,
        site.training_image,
        request,
        code={"script.py": (TAMPERS + WRITES).encode()},
        bundle=bundle,
        limits=LIMITS,
    )
    behind.names.append(job.name)
    return job


async def measured(host: DockerOverSsh, job: EdgeJob) -> dict:
    await ensure_started(host, job, OWNER)
    await host.wait(job.name)
    return await collect(host, job.name)


async def test_a_champion_is_measured_by_the_runs_script_which_cannot_change_it(host, champion):
    assert await measured(host, champion) == {"metrics": {"mae": 3.0}}
    lines = [line.text async for line in host.logs(champion.name, "")]
    assert not [line for line in lines if "WROTE" in line]


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
