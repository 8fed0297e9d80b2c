"""One suite for the port `SiteInventory`: in memory, and Docker behind SSH."""

from __future__ import annotations

import io
import tarfile
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta

import docker
import pytest
from tests.edge_world import SMALL
from tests.fakes.edge_host import InMemoryEdgeHost, Outcome
from tests.fakes.site_inventory import InMemorySiteInventory
from tests.real_host import engine, real_host, target

from edge_runner.protocol import JOB_VOLUME_DIR, PAYLOAD_NAME, WORK_NAME
from edge_training.adapters.docker import inventory as docker_inventory
from edge_training.identity import container_name, labels, lease_name
from edge_training.jobs import announced
from edge_training.leases import HOLDER_LABEL, LEASE_ROLE
from edge_training.ports.edge_host import ContainerSpec, EdgeHost, Mount
from edge_training.ports.site_inventory import SiteContainer, SiteImage, SiteInventory, SiteVolume
from local_site.info import SiteInfo

RUNTIME = "runtime@sha256:1"
ENDS = ("python3", "-c", "raise SystemExit(3)")
RUNS = ("python3", "-c", "import time; time.sleep(100)")


@dataclass
class World:
    """A site to look at, and how to make something there."""

    host: EdgeHost
    inventory: SiteInventory
    image: str
    ours: SiteImage
    names: list[str]

    def spec(self, command: tuple[str, ...] = ENDS, *mounts: Mount, **more: str) -> ContainerSpec:
        """A job of its own."""
        key = uuid.uuid4().hex * 2
        name = container_name("train", key)
        self.names.append(name)
        own = Mount(name, JOB_VOLUME_DIR, read_only=False)
        return ContainerSpec(
            name=name,
            image=self.image,
            command=command,
            mounts=(own, *mounts),
            limits=SMALL,
            labels=labels(step="train", key=key, **more),
        )

    async def start(self, spec: ContainerSpec) -> None:
        """Create the job and let it do what its command says."""
        await self.host.create(spec)
        await self.host.prepare(spec)
        await self.host.write_file(spec.name, JOB_VOLUME_DIR, PAYLOAD_NAME, announced(b""))
        if isinstance(self.host, InMemoryEdgeHost):
            self.host.outcomes[spec.name] = [
                Outcome(exit_code=3, files={"model": b""}, runs=spec.command == RUNS)
            ]
        await self.host.start(spec.name)
        if spec.command == ENDS:
            await self.host.wait(spec.name)

    async def container(self, name: str) -> SiteContainer | None:
        """What the inventory says of a container."""
        return next((found for found in await self.inventory.containers() if found.name == name), None)

    async def volume(self, name: str) -> SiteVolume | None:
        """What the inventory says of a volume."""
        return next((found for found in await self.inventory.volumes() if found.name == name), None)

    async def shown_image(self) -> SiteImage | None:
        """What the inventory says of our image."""
        return next((found for found in await self.inventory.images() if found.id == self.ours.id), None)


@pytest.fixture(params=["fake", pytest.param("docker", marks=pytest.mark.integration)])
async def world(request) -> AsyncIterator[World]:
    """The port in memory, or the real adapter on the local site; one image of ours is there."""
    if request.param == "fake":
        ours = SiteImage("sha256:2", {"model": "m"}, ("registry/m@sha256:2",), False, False, None)
        host = InMemoryEdgeHost({RUNTIME, ours.references[0]})
        inventory = InMemorySiteInventory(host)
        inventory.stored[ours.id] = ours
        yield World(host, inventory, RUNTIME, ours, [])
        return
    site = request.getfixturevalue("site")
    behind = engine(site)
    try:
        with pulled_image(site, behind.client) as ours:
            async with real_host(site) as host, docker_inventory.connect(target(site)) as inventory:
                yield World(host, inventory, site.training_image, ours, behind.names)
            behind.remove_containers()
    finally:
        behind.clean_up()


@contextmanager
def pulled_image(site: SiteInfo, client: docker.DockerClient) -> Iterator[SiteImage]:
    """A small image with our labels, known by its digest only, as a site has it after a pull."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        archive.addfile(tarfile.TarInfo(uuid.uuid4().hex))
    repository, login = (
        f"{site.registry}/edge/inventory",
        {
            "username": site.registry_user,
            "password": site.registry_password,
        },
    )
    client.api.import_image_from_data(
        buffer.getvalue(), repository, "made", changes=["LABEL edge-training.model=m", 'CMD ["true"]']
    )
    client.images.push(repository, tag="made", auth_config=login)
    image = client.images.get(f"{repository}:made")
    (reference,) = image.attrs["RepoDigests"]
    client.images.remove(f"{repository}:made")
    client.images.pull(reference, auth_config=login)
    try:
        yield SiteImage(image.id, {"model": "m"}, (reference,), False, False, None)
    finally:
        left = {found.id for found in client.images.list(all=True)}
        if image.id in left:
            client.images.remove(image.id, force=True)


async def test_a_running_job_is_listed_with_its_labels(world):
    spec = world.spec(RUNS, model="m", deployment="here")
    await world.start(spec)
    (found,) = [job for job in await world.inventory.busy_jobs() if job.name == spec.name]
    assert found.status == "running"
    assert (found.labels["step"], found.labels["model"], found.labels["deployment"]) == ("train", "m", "here")
    assert await world.inventory.now() - found.created < timedelta(minutes=5)
    state = await world.host.inspect(spec.name)
    assert state is not None
    assert state.id == found.id


async def test_a_job_that_does_not_run_is_not_among_those_that_do(world):
    ended, created = world.spec(), world.spec()
    await world.start(ended)
    await world.host.create(created)
    names = {job.name for job in await world.inventory.busy_jobs()}
    assert not names & {ended.name, created.name}


async def test_a_job_that_has_leased_a_gpu_is_busy_although_it_does_not_run(world):
    holder, other = world.spec(), world.spec()
    for spec in (holder, other):
        await world.start(spec)
    lease = replace(world.spec(), name=lease_name(f"GPU-{uuid.uuid4()}"), mounts=())
    world.names.append(lease.name)
    await world.host.create(replace(lease, labels=labels(role=LEASE_ROLE, **{HOLDER_LABEL: holder.name})))
    found = {job.name: job for job in await world.inventory.busy_jobs()}
    assert other.name not in found
    assert (found[holder.name].status, found[holder.name].labels["step"]) == ("exited", "train")


async def test_a_job_that_has_ended_is_shown_with_its_end(world):
    spec = world.spec()
    await world.start(spec)
    found = await world.container(spec.name)
    assert (found.status, found.exit_code, found.volumes) == ("exited", 3, {spec.name})
    assert found.created <= found.finished <= await world.inventory.now()


async def test_a_job_that_never_started_has_no_end(world):
    spec = world.spec()
    await world.host.create(spec)
    found = await world.container(spec.name)
    assert (found.status, found.finished) == ("created", None)


async def test_a_part_of_a_volume_counts_as_the_volume(world):
    made = world.spec()
    await world.start(made)
    user = world.spec(ENDS, Mount(made.name, "/edge/inputs/train", subpath=WORK_NAME))
    await world.host.create(user)
    assert (await world.container(user.name)).volumes == {made.name, user.name}
    await world.inventory.remove_container((await world.container(made.name)).id)
    assert (await world.volume(made.name)).in_use


async def test_what_has_no_label_of_ours_is_not_shown(world):
    stranger = ContainerSpec(f"edge-train-{uuid.uuid4().hex}", world.image, ENDS, limits=SMALL)
    world.names.append(stranger.name)
    await world.host.create(stranger)
    assert await world.container(stranger.name) is None


async def test_a_running_container_is_not_removed(world):
    spec = world.spec(RUNS)
    await world.start(spec)
    found = await world.container(spec.name)
    assert await world.inventory.remove_container(found.id) is False
    assert (await world.container(spec.name)).status == "running"


async def test_a_container_that_has_ended_is_removed_and_its_volume_stays(world):
    spec = world.spec()
    await world.start(spec)
    found = await world.container(spec.name)
    assert await world.inventory.remove_container(found.id) is True
    assert await world.container(spec.name) is None
    assert await world.volume(spec.name) is not None


async def test_removing_what_is_gone_is_fine(world):
    spec = world.spec()
    await world.start(spec)
    found = await world.container(spec.name)
    for _ in range(2):
        assert await world.inventory.remove_container(found.id) is True
    for _ in range(2):
        assert await world.inventory.remove_volume(spec.name) is True
    assert await world.volume(spec.name) is None


async def test_a_jobs_volume_says_what_it_is_and_is_not_removed_while_it_is_mounted(world):
    spec = world.spec()
    await world.host.create(spec)
    found = await world.volume(spec.name)
    assert (found.labels, found.in_use) == ({"role": "job-volume"}, True)
    assert await world.inventory.remove_volume(spec.name) is False
    assert await world.volume(spec.name) is not None


async def test_an_image_of_ours_is_shown_by_its_digest(world):
    found = await world.shown_image()
    assert found == world.ours


async def test_images_of_others_are_not_shown(world):
    assert all(image.labels for image in await world.inventory.images())


async def test_a_mark_is_kept_on_the_site_and_taken_away_again_without_harm(world):
    since = (await world.inventory.now()).replace(microsecond=0)
    await world.inventory.mark_unused(world.ours, since - timedelta(hours=1))
    await world.inventory.mark_unused(world.ours, since)
    marked = await world.shown_image()
    assert (marked.unused_since, marked.named) == (since, False)
    await world.inventory.mark_used(marked)
    assert await world.shown_image() == world.ours


async def test_an_unused_image_is_removed(world):
    await world.inventory.mark_unused(world.ours, await world.inventory.now())
    assert await world.inventory.remove_image(await world.shown_image()) is True
    assert await world.shown_image() is None


async def test_an_image_that_a_container_was_made_of_is_not_removed(world):
    name = f"edge-verify-{uuid.uuid4().hex}"
    world.names.append(name)
    spec = ContainerSpec(name, world.ours.references[0], ("true",), limits=SMALL)
    await world.host.create(spec)
    assert (await world.shown_image()).in_use
    assert await world.inventory.remove_image(world.ours) is False
    assert (await world.shown_image()).references == world.ours.references
