"""One suite for the port `EdgeHost` and the jobs that stand on it: in memory, and Docker behind SSH."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
import uuid
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from tests.bundles import FILES, stored
from tests.edge_world import FAILS, GOES_ON, HUNGRY, RESUMES, RUNS, SUCCEEDS, World
from tests.fakes.edge_host import InMemoryEdgeHost
from tests.jobs import NEXT_TRY, OTHER_RUN, OWNER, Said
from tests.real_host import engine, real_host

from edge_runner.protocol import (
    EXIT_NOT_DELIVERED,
    INPUTS_DIR,
    JOB_DIR,
    JOB_VOLUME_DIR,
    PAYLOAD_NAME,
    RESULT_NAME,
    WORK_NAME,
)
from edge_training import errors, leases
from edge_training.identity import lease_name, set_aside_name
from edge_training.jobs import EdgeJob, announced
from edge_training.lifecycle import ensure_started, give_up
from edge_training.outcomes import as_text, collect
from edge_training.ownership import Owner
from edge_training.ports.edge_host import Mount, ServiceSpec
from edge_training.renewal import COMMAND
from edge_training.watching import START, follow, watch

STOP_GRACE_S = 10


@pytest.fixture(params=["fake", pytest.param("docker", marks=pytest.mark.integration)])
async def world(request) -> AsyncIterator[World]:
    """The port in memory, or the real adapter on the local site."""
    if request.param == "fake":
        fake = InMemoryEdgeHost({"runtime@sha256:1"}, pullable={"registry/other@sha256:2"})
        yield World(fake, "runtime@sha256:1", fake)
        return
    site = request.getfixturevalue("site")
    behind = engine(site)
    try:
        async with real_host(site) as host:
            yield World(host, site.training_image, behind)
    finally:
        behind.clean_up()


async def finished(world: World, job: EdgeJob, owner: Owner = OWNER) -> list[str]:
    """Run a job to its end; gives its lines."""
    said = Said()
    await ensure_started(world.host, job, owner)
    async for _ in follow(world.host, job.name, START, said):
        pass
    return said.lines


async def running(world: World, job: EdgeJob, owner: Owner = OWNER) -> None:
    """Start a job and wait for its script's first line."""
    await ensure_started(world.host, job, owner)
    async for line in world.host.logs(job.name, ""):
        if as_text(line.text) == "started":
            return


async def test_a_job_runs_to_its_end_and_hands_on_its_value(world):
    job = world.job(SUCCEEDS)
    lines = await finished(world, job)
    assert "trained" in lines
    assert (await collect(world.host, job.name))["metrics"] == {}


async def test_a_second_container_of_the_same_name_is_not_created(world):
    job = world.job(SUCCEEDS)
    await world.host.ensure_image(job.image, None)
    assert await world.host.create(job.container()) is True
    assert await world.host.create(job.container()) is False
    assert world.containers(job.name) == [job.name]


async def test_a_created_container_that_was_never_started_is_started(world):
    """The worker died between the two calls."""
    job = world.job(SUCCEEDS)
    await world.host.ensure_image(job.image, None)
    await world.host.create(job.container())
    await finished(world, job)
    assert world.containers(job.name) == [job.name]
    await collect(world.host, job.name)


async def test_a_running_container_is_adopted(world):
    job = world.job(RUNS)
    await running(world, job)
    state = await ensure_started(world.host, job, OTHER_RUN)
    assert state.status == "running"
    assert world.containers(job.name) == [job.name]


async def test_a_container_that_ended_well_is_adopted_and_not_run_again(world):
    job = world.job(SUCCEEDS)
    first = await finished(world, job)
    second = await finished(world, job)
    assert second == first
    assert world.containers(job.name) == [job.name]


@pytest.mark.integration
async def test_a_finished_container_that_is_started_again_does_nothing(site):
    """By somebody who had not heard of its end."""
    behind = engine(site)
    async with real_host(site) as host:
        world = World(host, site.training_image, behind)
        job = world.job(SUCCEEDS)
        first = await finished(world, job)
        result = await host.read_file(job.name, f"{JOB_DIR}/{RESULT_NAME}")
        await host.start(job.name)
        assert (await host.wait(job.name)).exit_code == 0
        assert await host.read_file(job.name, f"{JOB_DIR}/{RESULT_NAME}") == result
        assert await finished(world, job) == first
    behind.clean_up()


async def test_a_failed_container_is_set_aside_and_its_volume_serves_the_next_try(world):
    job = world.job(RESUMES)
    await finished(world, job)
    with pytest.raises(errors.TrainingFailed):
        await collect(world.host, job.name)
    await finished(world, job)
    await collect(world.host, job.name)
    aside = await world.host.inspect(set_aside_name(job.name, 1))
    assert aside is not None
    assert aside.exit_code == 1
    assert await world.host.read_file(job.name, f"{JOB_DIR}/checkpoints/mark") == b"half way"


async def test_every_failed_container_keeps_a_name_of_its_own(world):
    job = world.job(replace(FAILS, outcomes=FAILS.outcomes * 3))
    for _ in range(3):
        await finished(world, job)
    assert world.containers(job.name) == [job.name, f"{job.name}.failed-1", f"{job.name}.failed-2"]


async def test_a_failed_script_ends_in_one_sentence_with_exit_code_and_last_lines(world):
    job = world.job(FAILS)
    lines = await finished(world, job)
    assert "no luck" in lines
    with pytest.raises(errors.TrainingFailed, match="exit code 3") as caught:
        await collect(world.host, job.name)
    assert caught.value.details["exit_code"] == 3


async def test_a_large_payload_arrives_intact(world):
    content = hashlib.shake_256(b"seed").digest(20 * 2**20)
    check = f"""
import hashlib
with open("weights.bin", "rb") as file:
    assert hashlib.file_digest(file, "sha256").hexdigest() == "{hashlib.sha256(content).hexdigest()}"
"""
    job = world.job(replace(SUCCEEDS, script=check + SUCCEEDS.script, extra={"weights.bin": content}))
    await finished(world, job)
    await collect(world.host, job.name)


async def created(world: World, job: EdgeJob, payload: bytes) -> None:
    """What a worker does before it starts a container."""
    await world.host.ensure_image(job.image, None)
    await world.host.create(job.container())
    await world.host.prepare(job.container())
    await world.host.write_file(job.name, JOB_VOLUME_DIR, PAYLOAD_NAME, payload)


async def test_a_damaged_payload_runs_nothing_and_the_next_try_delivers_it_again(world):
    job = world.job(SUCCEEDS)
    await created(world, job, job.payload()[:-1] + b"x")
    await world.host.start(job.name)
    assert (await world.host.wait(job.name)).exit_code == EXIT_NOT_DELIVERED
    with pytest.raises(errors.JobInterrupted, match="did not arrive whole"):
        await collect(world.host, job.name)
    assert "trained" in await finished(world, job)
    assert world.containers(job.name) == [job.name]


async def test_secrets_arrive_on_standard_input(world):
    job = world.job(SUCCEEDS, secrets={"sas": "top-secret"})
    assert "trained" in await finished(world, job)
    await collect(world.host, job.name)


async def test_damaged_secrets_run_nothing_and_the_next_try_delivers_them_again(world):
    job = world.job(SUCCEEDS, secrets={"sas": "top-secret"})
    await created(world, job, job.payload())
    message = job.message()
    with pytest.raises(errors.SecretsNeeded):
        await world.host.start(job.name, message[:-1] + b"x")
    assert (await world.host.wait(job.name)).exit_code == EXIT_NOT_DELIVERED
    assert "trained" in await finished(world, job)


async def test_a_renewal_reaches_a_running_job_whole_or_not_at_all(world):
    job = world.job(RUNS)
    await running(world, job)
    message = announced(b'{"sas":"renewed"}')
    assert await world.host.deliver(job.name, COMMAND, message)
    assert not await world.host.deliver(job.name, COMMAND, message[:-1] + b"x")
    await world.host.stop(job.name, STOP_GRACE_S)
    assert not await world.host.deliver(job.name, COMMAND, message)
    assert not await world.host.deliver("edge-none", COMMAND, message)


async def test_files_are_written_and_read_in_running_and_ended_containers(world):
    job = world.job(SUCCEEDS)
    await finished(world, job)
    await world.host.write_file(job.name, JOB_VOLUME_DIR, "notes/note.json", b"{}")
    assert await world.host.read_file(job.name, f"{JOB_VOLUME_DIR}/notes/note.json") == b"{}"
    assert await world.host.read_directory(job.name, f"{JOB_VOLUME_DIR}/notes") == {"note.json": b"{}"}
    assert await world.host.read_directory(job.name, f"{JOB_VOLUME_DIR}/none") == {}
    assert await world.host.read_file(job.name, f"{JOB_DIR}/none") is None
    assert await world.host.read_file("edge-train-none", f"{JOB_DIR}/result.json") is None


async def test_a_directory_streams_out_as_a_tar_of_its_files(world):
    job = world.job(SUCCEEDS)
    await finished(world, job)
    stream = b"".join([chunk async for chunk in world.host.stream_directory(job.name, f"{JOB_DIR}/model")])
    with tarfile.open(fileobj=io.BytesIO(stream)) as archive:
        files = {member.name: member for member in archive if member.isfile()}
        assert list(files) == ["model/MLmodel"]
        assert archive.extractfile("model/MLmodel").read() == b"flavors: {}"


async def test_a_directory_that_is_not_there_names_the_remedy(world):
    job = world.job(FAILS)
    await finished(world, job)
    with pytest.raises(errors.JobInterrupted, match="cannot be read"):
        _ = [chunk async for chunk in world.host.stream_directory(job.name, f"{JOB_DIR}/model")]


async def test_the_last_lines_are_the_end_of_the_log(world):
    job = world.job(SUCCEEDS)
    await finished(world, job)
    everything = [line async for line in world.host.logs(job.name, "")]
    assert await world.host.tail(job.name, 1) == everything[-1:]
    assert await world.host.tail(job.name, 1000) == everything


async def test_a_stopped_job_counts_as_interrupted(world):
    job = world.job(RUNS)
    await running(world, job)
    await world.host.stop(job.name, STOP_GRACE_S)
    state = await world.host.wait(job.name)
    assert state.status == "exited"
    with pytest.raises(errors.JobInterrupted):
        await collect(world.host, job.name)


async def test_an_old_owner_cannot_stop_what_a_new_one_has_adopted(world):
    job = world.job(RUNS)
    await running(world, job)
    await ensure_started(world.host, job, NEXT_TRY)
    assert await give_up(world.host, job.name, OWNER, STOP_GRACE_S, "cleared") is False
    assert (await world.host.inspect(job.name)).status == "running"
    assert await give_up(world.host, job.name, NEXT_TRY, STOP_GRACE_S, "killed") is True
    assert (await world.host.inspect(job.name)).status == "exited"


async def test_stopping_or_removing_what_is_not_there_is_nothing(world):
    await world.host.stop("edge-train-none", STOP_GRACE_S)
    await world.host.remove("edge-train-none")
    assert not await world.host.rename("edge-train-none", "edge-train-other")
    assert await world.host.inspect("edge-train-none") is None
    assert await give_up(world.host, "edge-train-none", OWNER, STOP_GRACE_S, "killed") is False


async def test_a_name_is_given_once(world):
    one, other = world.job(SUCCEEDS), world.job(SUCCEEDS)
    for job in (one, other):
        await world.host.ensure_image(job.image, None)
        await world.host.create(job.container())
    state = await world.host.inspect(one.name)
    aside = set_aside_name(one.name, 1)
    assert not await world.host.rename(state.id, other.name)
    assert await world.host.rename(state.id, aside)
    assert await world.host.rename(state.id, aside)
    assert (await world.host.inspect(aside)).id == state.id
    assert await world.host.inspect(one.name) is None


async def test_removing_a_container_keeps_its_volume(world):
    job = world.job(replace(SUCCEEDS, outcomes=SUCCEEDS.outcomes * 2))
    await finished(world, job)
    await world.host.remove(job.name)
    assert await world.host.inspect(job.name) is None
    await world.host.create(job.container())
    assert await world.host.read_file(job.name, f"{JOB_DIR}/model/MLmodel") == b"flavors: {}"


async def test_watching_a_container_that_somebody_removed_is_an_interruption(world):
    with pytest.raises(errors.JobInterrupted):
        await world.host.wait("edge-train-none")
    with pytest.raises(errors.JobInterrupted):
        _ = [line async for line in world.host.logs("edge-train-none", "")]
    with pytest.raises(errors.JobInterrupted):
        await world.host.tail("edge-train-none", 1)
    with pytest.raises(errors.JobInterrupted):
        await world.host.write_file("edge-train-none", JOB_VOLUME_DIR, "note.json", b"{}")
    with pytest.raises(errors.JobInterrupted):
        await collect(world.host, "edge-train-none")


async def test_out_of_memory_is_named_with_its_limit(world):
    job = world.job(HUNGRY)
    await finished(world, job)
    with pytest.raises(errors.OutOfMemory, match="128 MiB"):
        await collect(world.host, job.name)


async def test_a_result_of_another_protocol_is_refused_and_names_both(world):
    job = world.job(SUCCEEDS)
    await finished(world, job)
    other = json.dumps({"protocol": 99, "outcome": "succeeded", "value": {}}).encode()
    await world.host.write_file(job.name, JOB_VOLUME_DIR, f"{WORK_NAME}/{RESULT_NAME}", other)
    with pytest.raises(errors.ProtocolMismatch, match="protocol 99, expected 1"):
        await collect(world.host, job.name)


async def test_an_image_that_nobody_has_is_missing(world):
    registry = world.job(SUCCEEDS).image.partition("/")[0]
    absent = f"{registry}/edge/absent@sha256:{'0' * 64}"
    job = world.job(SUCCEEDS, image=absent)
    with pytest.raises(errors.ImageMissing, match="absent"):
        await ensure_started(world.host, job, OWNER)
    with pytest.raises(errors.ImageMissing, match="absent"):
        await world.host.create(job.container())
    assert world.containers(job.name) == []


async def test_a_later_job_sees_the_work_of_an_earlier_one(world):
    earlier = world.job(SUCCEEDS)
    await finished(world, earlier)
    read = f'assert open("{INPUTS_DIR}/train/model/MLmodel").read() == "flavors: {{}}"\n'
    later = world.job(replace(SUCCEEDS, script=read + SUCCEEDS.script), inputs={"train": earlier.name})
    await finished(world, later)
    await collect(world.host, later.name)


async def test_the_volume_of_an_earlier_job_that_is_gone_names_the_remedy(world):
    earlier = world.job(SUCCEEDS)
    await finished(world, earlier)
    world.remove_volume(earlier.name)
    later = world.job(SUCCEEDS, inputs={"train": earlier.name})
    with pytest.raises(errors.BadRequest, match=f"no longer has .*{earlier.name}"):
        await ensure_started(world.host, later, OWNER)
    assert world.containers(later.name) == []


async def test_a_part_of_a_volume_that_is_gone_names_the_remedy(world):
    earlier = world.job(SUCCEEDS)
    await finished(world, earlier)
    part = Mount(earlier.name, "/edge/data", subpath=f"{WORK_NAME}/views/none")
    later = world.job(SUCCEEDS, mounts=(part,))
    with pytest.raises(errors.BadRequest, match=r"no longer has .*views/none"):
        await ensure_started(world.host, later, OWNER)


async def test_a_tars_files_lie_in_the_jobs_volume_and_a_second_time_changes_nothing(world, tmp_path):
    job = world.job(SUCCEEDS)
    bundle = stored(tmp_path)
    await world.host.ensure_image(job.image, None)
    await world.host.create(job.container())
    await world.host.prepare(job.container())
    for _ in range(2):  # a worker may die in between
        await world.host.unpack(job.name, JOB_VOLUME_DIR, "delivered", bundle)
    for path, content in FILES.items():
        assert await world.host.read_file(job.name, f"{JOB_VOLUME_DIR}/delivered/{path}") == content


async def test_a_tar_for_a_container_that_is_gone_is_an_interruption(world, tmp_path):
    with pytest.raises(errors.JobInterrupted):
        await world.host.unpack("edge-train-none", JOB_VOLUME_DIR, "delivered", stored(tmp_path))


async def test_a_cursor_says_where_to_go_on(world):
    job = world.job(SUCCEEDS)
    await ensure_started(world.host, job, OWNER)
    everything, again = Said(), Said()
    cursors = [cursor async for cursor in follow(world.host, job.name, START, everything)]
    _ = [cursor async for cursor in follow(world.host, job.name, cursors[-1], again)]
    assert everything.lines[-1] == "trained"
    assert again.lines == []


async def test_an_interrupted_container_is_started_again_where_it_was(world):
    job = world.job(GOES_ON)
    await running(world, job)
    world.kill(job.name)
    before = await world.host.wait(job.name)
    said = Said()
    async for _ in watch(world.host, job.name, OWNER, START, said, most_restarts=1):
        pass
    assert (await collect(world.host, job.name))["metrics"] == {}
    assert (await world.host.inspect(job.name)).id == before.id
    assert [line for line in said.lines if "again" not in line] == ["started", "trained"]
    assert "is started again (1 of at most 1)" in said.lines[1]


async def test_a_gpu_belongs_to_one_job_of_two_airflows(world):
    """A lease is a plain container, so this needs no GPU."""
    gpu = f"GPU-{uuid.uuid4()}"
    first, second = (world.job(RUNS, labels={leases.GPUS_LABEL: gpu}) for _ in range(2))
    elsewhere = replace(OWNER, deployment="https://another.example")
    world.made(lease_name(gpu))
    await running(world, first)
    assert (await ensure_started(world.host, second, elsewhere)).status == "created"
    world.kill(first.name)
    interrupted = await world.host.wait(first.name)
    with pytest.raises(errors.SiteBusy, match=f"waits for {gpu}, which {first.name} uses"):
        await leases.acquire(world.host, await world.host.inspect(second.name))
    await leases.acquire(world.host, interrupted)
    await give_up(world.host, first.name, OWNER, STOP_GRACE_S, "killed")
    await running(world, second, elsewhere)
    with pytest.raises(errors.SiteBusy, match=f"waits for {gpu}, which {second.name} uses"):
        await leases.acquire(world.host, interrupted)


async def test_the_boot_id_stays_the_same(world):
    assert await world.host.boot_id() == await world.host.boot_id() != ""


async def test_a_service_that_exists_is_started_although_another_image_is_not_there(world):
    """What a roll-out puts back serves again before the new image is fetched."""
    service = ServiceSpec(f"edge-service-{uuid.uuid4().hex[:12]}", world.image, 8080, 0)
    absent = replace(service, image=f"absent.invalid/delay@sha256:{'0' * 64}")
    world.made(service.name)
    with pytest.raises(errors.ImageMissing, match="absent"):
        await world.host.run_service(absent)
    first = await world.host.run_service(service)

    again = await world.host.run_service(absent)

    assert (again.id, again.image) == (first.id, world.image)
