"""User scripts on the real site: whatever they try ends in one sentence that names the remedy."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable, Iterator

import pytest
from tests.real_host import Engine, engine, real_host

from edge_runner.protocol import JOB_DIR
from edge_training import errors
from edge_training.adapters.docker_over_ssh import DockerOverSsh
from edge_training.identity import set_aside_name
from edge_training.jobs import EdgeJob, collect, ensure_started, follow
from edge_training.ports.edge_host import Limits

LIMITS = Limits(cpus=2.0, pids=128, memory_bytes=512 * 2**20, scratch_bytes=2**20)
SAVE_MODEL = """
import mlflow.pyfunc, os
from mlflow.models import ModelSignature
from mlflow.types import ColSpec, Schema
class TenTimes(mlflow.pyfunc.PythonModel):
    def predict(self, context, model_input):
        return (model_input["distance"] * 10).to_numpy()
signature = ModelSignature(inputs=Schema([ColSpec("double", "distance")]))
mlflow.pyfunc.save_model(
    os.environ["EDGE_MODEL_DIR"], python_model=TenTimes(), signature=signature, pip_requirements=[]
)
"""
EVALUATE = """
import json, os
with open(os.environ["EDGE_METRICS_FILE"], "a") as file:
    file.write(json.dumps({"step": 0, "name": "mae", "value": 4.0}) + "\\n")
probe = {"dataframe_split": {"columns": ["distance"], "data": [[1.0], [2.0]]}}
json.dump(probe, open(os.environ["EDGE_PROBE_FILE"], "w"))
"""


@pytest.fixture
def behind(site) -> Iterator[Engine]:
    """The site's daemon, cleaned up afterwards."""
    found = engine(site)
    yield found
    found.clean_up()


@pytest.fixture
async def host(site) -> AsyncIterator[DockerOverSsh]:
    """The real adapter."""
    async with real_host(site) as host:
        yield host


@pytest.fixture
def job(site, behind: Engine) -> Callable[..., EdgeJob]:
    """Make a job that runs one script."""

    def made(script: str, step: str = "train", time_limit_s: int = 100, **changes) -> EdgeJob:
        request = {
            "script": "script.py",
            "partition": "2013-02-01",
            "seed": 1,
            "params": {},
            "threads": 1,
            "time_limit_s": time_limit_s,
            "gates": changes.pop("gates", []),
        }
        found = EdgeJob(
            step,
            uuid.uuid4().hex * 2,
            site.training_image,
            request,
            code={"script.py": script.encode()},
            limits=LIMITS,
            **changes,
        )
        behind.names.append(found.name)
        return found

    return made


async def run(host: DockerOverSsh, job: EdgeJob) -> dict:
    await ensure_started(host, job, "owner")
    await host.wait(job.name)
    return await collect(host, job.name)


@pytest.mark.parametrize(
    ("script", "kind", "sentence"),
    [
        ("import sys; sys.exit(3)", errors.TrainingFailed, r"script\.py ended with exit code 3"),
        ("print('done')", errors.NoModel, "left no MLmodel in EDGE_MODEL_DIR; save the model there"),
        (
            "import urllib.request as u; u.urlopen('http://192.0.2.1/data')",
            errors.TrainingFailed,
            "edge jobs have no network",
        ),
        ("import socket; socket.getaddrinfo('example.com', 443)", errors.TrainingFailed, "no network"),
        ("open('/etc/passwd', 'a')", errors.TrainingFailed, "may write only under EDGE_MODEL_DIR"),
        ("open('/edge/job/owner.json', 'w')", errors.TrainingFailed, "may write only under"),
        ("open('train.pkl', 'wb').write(bytes(2**27))", errors.TrainingFailed, "No space|free disk"),
        ("open('/tmp/scratch', 'wb').write(bytes(2**22))", errors.TrainingFailed, "scratch space"),
        ("import a_library_nobody_has", errors.TrainingFailed, "add the missing package"),
        ("x = bytearray(2**31)", errors.OutOfMemory, "memory limit of 512 MiB"),
        (
            "import subprocess\nfor _ in range(300): subprocess.Popen(['sleep', '1'])",
            errors.TrainingFailed,
            "Resource temporarily unavailable",
        ),
    ],
)
async def test_a_script_that_cannot_go_well_ends_in_one_sentence(host, job, script, kind, sentence):
    with pytest.raises(kind, match=sentence) as caught:
        await run(host, job(script))
    assert "Traceback" not in str(caught.value)


async def test_a_script_at_its_time_limit_is_ended(host, job):
    with pytest.raises(errors.TimeLimit, match="longer than its limit of 1 s; raise the limit or train less"):
        await run(host, job("import time; time.sleep(100)", time_limit_s=1))


async def test_a_stopped_training_leaves_a_checkpoint_that_the_next_try_resumes_from(host, job):
    """As when the VM shuts down: Docker sends SIGTERM."""
    made = job(
        """
import os, pathlib, signal, sys, time
mark = pathlib.Path(os.environ["EDGE_CHECKPOINT_DIR"], "epoch")
if mark.exists():
    print("resumed from", mark.read_text())
    model = pathlib.Path(os.environ["EDGE_MODEL_DIR"])
    model.mkdir()
    (model / "MLmodel").touch()
    sys.exit()
signal.signal(signal.SIGTERM, lambda *_: (mark.write_text("7"), sys.exit()))
print("training", flush=True)
time.sleep(100)
"""
    )
    await ensure_started(host, made, "owner")
    async for line in host.logs(made.name, "", follow=True):
        if line.text == "training":
            break
    await host.stop(made.name, 20)
    with pytest.raises(errors.JobInterrupted, match="the next try resumes from its last checkpoint"):
        await collect(host, made.name)
    assert await host.read_file(made.name, f"{JOB_DIR}/checkpoints/epoch") == b"7"
    lines: list[str] = []
    await ensure_started(host, made, "owner")
    async for _ in follow(host, made.name, "", lines.append):
        pass
    assert "resumed from 7" in lines
    assert "metrics" in await collect(host, made.name)


async def test_a_killed_container_counts_as_interrupted(host, job, behind):
    """As when the VM loses power."""
    made = job("print('training', flush=True); import time; time.sleep(100)")
    await ensure_started(host, made, "owner")
    behind.client.containers.get(made.name).kill()
    await host.wait(made.name)
    with pytest.raises(errors.JobInterrupted, match="ended from outside by SIGKILL"):
        await collect(host, made.name)
    await ensure_started(host, made, "owner")
    assert await host.inspect(set_aside_name(made.name, 1)) is not None


async def test_a_trained_model_is_evaluated_and_its_answers_recorded(host, job):
    trained = job(SAVE_MODEL)
    await run(host, trained)
    evaluation = job(
        EVALUATE, step="evaluate", inputs={"train": trained.name}, gates=[{"metric": "mae", "at_most": 5}]
    )
    value = await run(host, evaluation)
    assert value["metrics"] == {"mae": 4.0}
    assert value["probe_rows"] == 2
    probe = await host.read_file(evaluation.name, f"{JOB_DIR}/probe.json")
    assert b'"predictions":[10.0,20.0]' in probe


async def test_an_evaluation_cannot_change_the_model_it_judges(host, job):
    trained = job(
        "import os; folder = os.environ['EDGE_MODEL_DIR']; os.mkdir(folder); open(folder + '/MLmodel', 'w')"
    )
    await run(host, trained)
    script = 'import os; open(os.environ["EDGE_MODEL_DIR"] + "/MLmodel", "a")'
    with pytest.raises(errors.EvaluationFailed, match="may write only under"):
        await run(host, job(script, step="evaluate", inputs={"train": trained.name}))


async def test_many_jobs_at_once_do_not_disturb_each_other(host, job):
    jobs = [job(f"import sys; print('mine {number}'); sys.exit(3)") for number in range(4)]
    ends = await asyncio.gather(*(run(host, made) for made in jobs), return_exceptions=True)
    assert [type(end) for end in ends] == [errors.TrainingFailed] * 4
    assert [end.details["last_lines"] for end in ends] == [[f"mine {number}"] for number in range(4)]
