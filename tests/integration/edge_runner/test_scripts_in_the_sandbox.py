"""User scripts on the real site: whatever they try ends in one sentence that names the remedy."""

from __future__ import annotations

import asyncio
import hashlib
import json
import uuid
from collections.abc import Callable

import pytest
from tests.jobs import OWNER, Said
from tests.real_host import Engine

from edge_runner.protocol import ENDING_NAME, JOB_DIR, LOG_NAME
from edge_training import errors
from edge_training.adapters.docker.over_ssh import DockerOverSsh
from edge_training.identity import set_aside_name
from edge_training.jobs import EdgeJob
from edge_training.lifecycle import ensure_started, go_on
from edge_training.outcomes import collect
from edge_training.ports.edge_host import Limits
from edge_training.watching import START, follow

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


async def watched(host: DockerOverSsh, job: EdgeJob) -> Said:
    """All that a started job says until it ends."""
    said = Said()
    async for _ in follow(host, job.name, START, said):
        pass
    return said


async def run(host: DockerOverSsh, job: EdgeJob) -> dict:
    await ensure_started(host, job, OWNER)
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
        ("open('train.pkl', 'wb').write(bytes(2**27))", errors.DiskFull, "no space left on device"),
        (
            "open('/tmp/scratch', 'wb').write(bytes(2**22))",
            errors.DiskFull,
            "0 MiB left in /tmp.*raise scratch",
        ),
        ("import a_library_nobody_has", errors.TrainingFailed, "add the missing package"),
        ("x = bytearray(2**31)", errors.OutOfMemory, r"limit of 512 MiB was reached \(peak 51\d MiB\)"),
        (
            "import multiprocessing as m; m.Pool(1).apply_async(bytearray, (2**31,)).get(3)",
            errors.OutOfMemory,
            "memory limit of 512 MiB was reached",
        ),
        ("import os; os.kill(os.getpid(), 9)", errors.JobInterrupted, "ended with signal 9"),
        ("import os; os.kill(os.getppid(), 9)", errors.JobInterrupted, "ended from outside by SIGKILL"),
        ("import os; os.kill(os.getppid(), 11)", errors.StepCrashed, "ended by signal 11"),
        ("import ctypes; ctypes.string_at(0)", errors.TrainingFailed, "ended with signal 11"),
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
    await ensure_started(host, made, OWNER)
    async for line in host.logs(made.name, ""):
        if line.text.endswith(" training"):
            break
    await host.stop(made.name, 20)
    with pytest.raises(errors.JobInterrupted, match="the next try resumes from its last checkpoint"):
        await collect(host, made.name)
    assert await host.read_file(made.name, f"{JOB_DIR}/checkpoints/epoch") == b"7"
    await ensure_started(host, made, OWNER)
    assert "resumed from 7" in (await watched(host, made)).lines
    assert "metrics" in await collect(host, made.name)


async def test_a_killed_container_counts_as_interrupted(host, job, behind):
    """As when the VM loses power."""
    made = job("print('training', flush=True); import time; time.sleep(100)")
    await ensure_started(host, made, OWNER)
    behind.client.containers.get(made.name).kill()
    await host.wait(made.name)
    with pytest.raises(errors.JobInterrupted, match="ended from outside by SIGKILL"):
        await collect(host, made.name)
    await ensure_started(host, made, OWNER)
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


LOUD = """
import os, sys
out = sys.stdout.buffer
out.write(b"\\xff is no text\\n" + "é✓🛰".encode() * 30_000 + b"\\n" + b"10%\\r20%\\r\\n\\n" + b"x\\x00y\\n")
for n in range(200_000): out.write(b"%099d\\n" % n)
out.write(b"the end")
"""


async def test_a_loud_scripts_log_is_whole_on_the_site_and_its_end_is_shown(host, job):
    made = job(LOUD)
    await ensure_started(host, made, OWNER)
    said = await watched(host, made)
    raw = await host.read_file(made.name, f"{JOB_DIR}/{LOG_NAME}")
    ending = json.loads(await host.read_file(made.name, f"{JOB_DIR}/{ENDING_NAME}"))
    script_said, _, verdict = raw.partition(b"the end")
    assert script_said.endswith(b"".join(b"%099d\n" % n for n in range(200_000)))
    assert ending["log"] == {"sha256": hashlib.sha256(raw).hexdigest(), "size_bytes": len(raw)}
    assert said.lines[:4] == ["\\xff is no text", "é✓🛰" * 30_000, "10%", "20%"]
    assert said.lines[4:6] == ["", "x\x00y"]
    assert any("bytes are not shown: they came faster than" in line for line in said.lines)
    numbers = [int(line) for line in said.lines if line.isdigit() and len(line) == 99]
    assert numbers == sorted(set(numbers))
    assert numbers[-40:] == list(range(199_960, 200_000))
    assert said.lines[-1] == f"the end{verdict.decode().splitlines()[0]}"


async def test_metrics_are_shown_while_the_script_runs(host, job):
    made = job(
        "import json, os, time\n"
        "with open(os.environ['EDGE_METRICS_FILE'], 'a') as file:\n"
        "    file.write(json.dumps({'step': 1, 'name': 'mae', 'value': 4.0}) + chr(10))\n"
        "time.sleep(100)"
    )
    await ensure_started(host, made, OWNER)
    said = Said()
    async for _ in follow(host, made.name, START, said):
        if said.points:
            break
    assert [(point.step, point.name, point.value) for point in said.points] == [(1, "mae", 4.0)]
    await host.stop(made.name, 0)


USES_MLFLOW = """
import mlflow, time
import numpy as np
from sklearn.linear_model import Ridge
mlflow.autolog()
x = np.arange(30.0).reshape(10, 3)
with mlflow.start_run():
    mlflow.log_metric("loss", 2.0, step=1)
    time.sleep(3)
    mlflow.log_metric("loss", 1.0, step=2)
    Ridge(alpha=0.25).fit(x, x @ [1.0, 2.0, 3.0])
"""


async def test_an_unchanged_mlflow_script_trains_without_a_network_and_shows_its_metrics(host, job):
    made = job(USES_MLFLOW)
    await ensure_started(host, made, OWNER)
    said = await watched(host, made)
    assert [(point.step, point.value) for point in said.points if point.name == "loss"] == [
        (1, 2.0),
        (2, 1.0),
    ]
    value = await collect(host, made.name)
    assert value["metrics"]["loss"] == 1.0
    assert value["metrics"]["training_r2_score"] == pytest.approx(1.0, abs=1e-3)
    assert await host.read_file(made.name, f"{JOB_DIR}/model/MLmodel")


COUNTS_ITS_STARTS = """
import os, pathlib, time
checkpoints = pathlib.Path(os.environ["EDGE_CHECKPOINT_DIR"])
print("found", sorted(path.name for path in checkpoints.iterdir()), flush=True)
if not (checkpoints / "step-3").exists():
    for n in range(1, 4): (checkpoints / f"step-{n}").mkdir()
    (checkpoints / "step-4.partial").mkdir()
    while (checkpoints / "step-1").exists(): time.sleep(0.1)
    print("ready", flush=True)
    time.sleep(100)
"""


async def test_a_container_that_is_started_again_goes_on_with_work_log_and_checkpoints(host, job, behind):
    """As after a power cut: the same container, without anybody to deliver anything."""
    made = job(COUNTS_ITS_STARTS)
    await ensure_started(host, made, OWNER)
    said, cursor = Said(), START
    async for reached in follow(host, made.name, cursor, said):
        cursor = reached
        if "ready" in said.lines:
            break
    behind.client.containers.get(made.name).kill()
    await host.wait(made.name)
    await go_on(host, await host.inspect(made.name), 1)
    async for _ in follow(host, made.name, cursor, said):
        pass
    assert said.lines[:3] == ["found []", "ready", "found ['step-2', 'step-3']"]
    raw = await host.read_file(made.name, f"{JOB_DIR}/{LOG_NAME}")
    assert [line for line in said.lines if line] == raw.decode().splitlines()
