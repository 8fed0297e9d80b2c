"""What only the real engine can prove: no network, no secret in sight, lost connections, long lines."""

from __future__ import annotations

import asyncio
import gzip
import json
import os
import uuid
from dataclasses import replace
from pathlib import Path

import pytest
from tests.jobs import OTHER_RUN, OWNER, TRAINING_REQUEST, Said
from tests.real_host import Door, Engine, real_host

from edge_training import errors
from edge_training.adapters.docker.over_ssh import DockerOverSsh
from edge_training.jobs import EdgeJob
from edge_training.lifecycle import ensure_started
from edge_training.outcomes import as_text, collect
from edge_training.ownership import watchers
from edge_training.ports.edge_host import Limits
from edge_training.watching import START, follow

SECRET = "s3cret-s1gnature"
SAVE_MODEL = """
import os, pathlib
model = pathlib.Path(os.environ["EDGE_MODEL_DIR"])
model.mkdir()
(model / "MLmodel").touch()
"""


@pytest.fixture
def job(site, behind: Engine):
    """Make a training from its script."""

    def made(script: str, **code: bytes) -> EdgeJob:
        found = EdgeJob(
            "train",
            uuid.uuid4().hex * 2,
            site.training_image,
            TRAINING_REQUEST,
            secrets={"sas": SECRET},
            code={"train.py": (SAVE_MODEL + script).encode(), **code},
        )
        behind.names.append(found.name)
        return found

    return made


async def finished(host: DockerOverSsh, job: EdgeJob) -> list[str]:
    said = Said()
    await ensure_started(host, job, OWNER)
    async for _ in follow(host, job.name, START, said):
        pass
    return said.lines


async def test_a_job_has_no_network_at_all(host, job):
    made = job('import os; print("interfaces:", sorted(os.listdir("/sys/class/net")))')
    assert "interfaces: ['lo']" in await finished(host, made)


async def test_the_secret_is_in_nothing_that_can_be_looked_at(host, job, behind):
    made = job("import time; print('started', flush=True); time.sleep(100)")
    await ensure_started(host, made, OWNER)
    async for line in host.logs(made.name, ""):
        if as_text(line.text) == "started":
            break
    assert SECRET not in behind.inspect(made.name)
    assert SECRET not in json.dumps(behind.client.api.inspect_image(made.image))
    assert SECRET.encode() not in behind.client.api.logs(made.name)
    processes = {int(row[0]) for row in behind.client.api.top(made.name, ps_args="-eo pid,args")["Processes"]}
    assert processes
    for process in processes:
        for seen in ("cmdline", "environ"):
            assert SECRET.encode() not in Path(f"/proc/{process}/{seen}").read_bytes()
    volume = Path(behind.client.volumes.get(made.name).attrs["Mountpoint"])
    files = {str(path.relative_to(volume)): path.read_bytes() for path in volume.rglob("*") if path.is_file()}
    header, _, work = files.pop("payload").partition(b"\n")
    assert b"train.py" in (opened := gzip.decompress(work))
    assert not [content for content in (header, opened, *files.values()) if SECRET.encode() in content]


async def test_a_script_cannot_read_the_secrets_or_forge_what_is_known_of_its_job(host, job):
    made = job(
        """
import pathlib
assert not list(pathlib.Path("/edge/code").rglob("secrets.json"))
for name in ("payload", "starts.json", "owners/me.json", "new.json"):
    try:
        pathlib.Path("/edge/job", name).write_text("{}")
    except PermissionError:
        print("not mine:", name)
"""
    )
    lines = await finished(host, made)
    assert [line for line in lines if line.startswith("not mine")] == [
        "not mine: payload",
        "not mine: starts.json",
        "not mine: owners/me.json",
        "not mine: new.json",
    ]


async def test_a_connection_lost_while_the_work_is_delivered_runs_nothing(site, host, job):
    made = job("print('whole')", **{"weights.bin": os.urandom(40 * 2**20)})
    await host.create(made.container())
    async with Door(site.ssh_host, site.ssh_port) as door, real_host(site, port=door.port) as far:
        delivery = asyncio.create_task(ensure_started(far, made, OWNER))
        while not await watchers(host, made.name):
            await asyncio.sleep(0.01)
        door.slam()
        with pytest.raises(errors.Transient):
            await delivery
    assert (await host.inspect(made.name)).status == "created"
    assert "whole" in await finished(host, made)


async def test_a_connection_lost_while_the_secrets_are_delivered_is_no_fault_of_the_job(site, host, job):
    """So the caller delivers them again, in the same try."""
    made = replace(job("").container(), command=("python3", "-c", "import time; time.sleep(100)"))
    await host.create(made)
    async with Door(site.ssh_host, site.ssh_port) as door, real_host(site, port=door.port) as far:
        delivery = asyncio.create_task(far.start(made.name, b"never taken"))
        while (await host.inspect(made.name)).status != "running":
            await asyncio.sleep(0.01)
        door.slam()
        with pytest.raises(errors.SiteUnreachable, match="does not answer"):
            await delivery


async def test_a_job_that_ends_without_taking_its_secrets_is_told_from_a_lost_connection(host, job):
    made = replace(job("").container(), command=("python3", "-c", "raise SystemExit(3)"))
    await host.create(made)
    with pytest.raises(errors.SecretsNeeded, match="ended before its input arrived"):
        await host.start(made.name, b"never taken")


async def test_a_connection_lost_while_watching_loses_and_repeats_no_line(site, host, job):
    made = job("import time\nfor n in range(30): print('line', n, flush=True); time.sleep(0.1)")
    await ensure_started(host, made, OWNER)
    said, cursor = Said(), START
    async with Door(site.ssh_host, site.ssh_port) as door:
        for cut_after in (5, 15, None):
            try:
                async with real_host(site, port=door.port) as far:
                    async for reached in follow(far, made.name, cursor, said):
                        cursor = reached
                        if len(said.lines) == cut_after:
                            door.slam()
            except errors.SiteUnreachable:
                assert cut_after is not None
    assert said.lines == [f"line {n}" for n in range(30)]


async def test_the_wait_for_a_lost_connection_names_the_site(site, job):
    made = job("import time; time.sleep(100)")
    async with Door(site.ssh_host, site.ssh_port) as door, real_host(site, port=door.port) as far:
        await ensure_started(far, made, OWNER)
        watching = asyncio.create_task(far.wait(made.name))
        await asyncio.sleep(0)
        await far.inspect(made.name)
        door.slam()
        with pytest.raises(errors.SiteUnreachable, match="check that the daemon runs"):
            await watching


async def test_a_line_longer_than_dockers_pieces_arrives_whole(host, job):
    made = job("print('ä' * 50_000); print('after')")
    lines = await finished(host, made)
    assert lines == ["ä" * 50_000, "after"]


async def test_bytes_that_are_no_text_do_not_end_the_log(host, job):
    made = job("import sys; sys.stdout.buffer.write(b'\\xff\\xfe\\n'); print('after')")
    assert (await finished(host, made))[-1] == "after"


async def test_a_job_sees_its_limits(host, job):
    made = job(
        """
import os, pathlib
print("user", os.getuid(), os.getgid())
print("capabilities", [line.split()[1] for line in open("/proc/self/status") if line.startswith("CapEff")][0])
print("privileges", [line.split()[1] for line in open("/proc/self/status") if line.startswith("NoNewPrivs")])
group = pathlib.Path("/sys/fs/cgroup")
if (group / "cgroup.controllers").exists():
    group_files = ("cpu.max", "memory.max", "memory.swap.max", "pids.max")
else:
    group_files = ("cpu/cpu.cfs_quota_us", "memory/memory.limit_in_bytes", "pids/pids.max")
print("group", [(group / file).read_text().split()[0] for file in group_files])
for place in ("/dev/shm", "/tmp"):
    print(place, os.statvfs(place).f_blocks * os.statvfs(place).f_frsize)
"""
    )
    limits = Limits(cpus=0.5, memory_bytes=2**28, pids=99, shared_memory_bytes=2**21, scratch_bytes=2**22)
    lines = await finished(host, replace(made, limits=limits))
    assert "user 65532 65532" in lines
    assert "capabilities 0000000000000000" in lines
    assert "privileges ['1']" in lines
    (group,) = (line for line in lines if line.startswith("group"))
    assert group in (f"group ['50000', '{2**28}', '0', '99']", f"group ['50000', '{2**28}', '99']")
    assert {f"/dev/shm {2**21}", f"/tmp {2**22}"} <= set(lines)


async def test_two_workers_that_start_the_same_job_at_once_make_one_container(site, host, job, behind):
    """At worst their deliveries collide, and the next try delivers again."""
    made = job("print('trained')")
    async with real_host(site) as other:
        ends = await asyncio.gather(
            ensure_started(host, made, OWNER),
            ensure_started(other, made, OTHER_RUN),
            return_exceptions=True,
        )
    assert all(not isinstance(end, BaseException) or isinstance(end, errors.Transient) for end in ends), ends
    assert "trained" in await finished(host, made)
    assert [name for name in behind.containers(made.name) if ".failed" not in name] == [made.name]
    await collect(host, made.name)
