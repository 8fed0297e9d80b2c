"""What the real VM and its engine say of themselves, and what is said when SFTP does not show it."""

from __future__ import annotations

import getpass
import os
import shutil
import subprocess
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.real_host import engine, real_host, target
from tests.standins.vm import Vm, answering, docker_that_says, running_vm

from edge_training.adapters.docker.over_ssh import connect
from edge_training.adapters.docker.site_facts import gpu_ids
from edge_training.adapters.docker.site_link import SiteLink, open_link
from edge_training.errors import SiteRefused
from edge_training.ports.edge_host import Limits
from edge_training.ports.site_facts import SiteFacts
from edge_training.stages.preflight import SiteNeeds, ensure_ready, shortfalls

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
USER = "nobody" if os.geteuid() == 0 else getpass.getuser()
NEEDS = SiteNeeds(Limits(), free_disk_bytes=1)


@pytest.fixture
def vm() -> Iterator[Vm]:
    """A VM whose SSH user has no privileges."""
    with running_vm(USER) as vm:
        yield vm


@pytest.fixture
async def link(site) -> AsyncIterator[SiteLink]:
    """A connection to the site."""
    link = await open_link(target(site))
    yield link
    await link.close()


async def facts_of(vm: Vm, **changes) -> SiteFacts:
    """What a VM says whose Docker is as good as any, except for `changes`."""
    path = vm.folder / "d.sock"
    async with answering(path, docker_that_says(**changes)):
        path.chmod(0o666)
        async with connect(vm.target(path)) as host:
            return await host.facts()


async def test_the_facts_are_those_of_the_engine_and_the_vm(site):
    behind = engine(site)
    info, version = behind.client.info(), behind.client.version()
    behind.client.close()
    async with real_host(site) as host:
        facts = await host.facts()
    assert (facts.docker_version, facts.api_version) == (version["Version"], version["ApiVersion"])
    assert (facts.memory_bytes, facts.cpus) == (info["MemTotal"], info["NCPU"])
    assert (facts.data_root, facts.storage_driver) == (info["DockerRootDir"], info["Driver"])
    assert facts.boot_id == BOOT_ID.read_text().strip()
    assert 0 < facts.free_bytes <= shutil.disk_usage(facts.data_root).total
    assert not facts.read_only
    assert abs(facts.clock_skew_s) < 60
    assert shortfalls(NEEDS, facts) == []


async def test_a_ready_site_passes_the_preflight(site):
    async with real_host(site) as host:
        assert await ensure_ready(host, "north", NEEDS, site.training_image, None) is None


async def test_the_boot_id_is_read_anew_each_time_from_a_path_that_is_a_setting(site, tmp_path):
    path = tmp_path / "boot_id"
    async with real_host(site, boot_id_path=str(path)) as host:
        for boot in ("first\n", "second\n"):
            path.write_text(boot)
            assert await host.boot_id() == boot.strip()


async def test_a_boot_id_that_is_not_there_names_the_setting(site, tmp_path):
    async with real_host(site, boot_id_path=str(tmp_path / "none")) as host:
        with pytest.raises(SiteRefused, match=r"has no .*/none; correct boot_id_path in the site's connect"):
            await host.boot_id()


async def test_a_boot_id_that_is_no_file_is_named(site, tmp_path):
    async with real_host(site, boot_id_path=str(tmp_path)) as host:
        with pytest.raises(SiteRefused, match="correct boot_id_path in the site's connection"):
            await host.boot_id()


async def test_without_sftp_the_facts_name_sshds_setting():
    remedy = "add `Subsystem sftp internal-sftp` to its sshd_config"
    with running_vm(USER, sftp=False) as vm, pytest.raises(SiteRefused, match=remedy):
        await facts_of(vm)


async def test_a_directory_that_the_user_may_not_enter_is_named(vm):
    closed = vm.folder / "closed"
    (closed / "docker").mkdir(parents=True)
    closed.chmod(0)
    with pytest.raises(SiteRefused, match=r"may not see .*/closed/docker; give its SSH user the right"):
        await facts_of(vm, DockerRootDir=str(closed / "docker"))
    closed.chmod(0o700)


@pytest.mark.parametrize(("days", "direction"), [(1, "ahead of"), (-1, "behind")])
async def test_a_clock_that_is_a_day_off_is_named(vm, days, direction):
    shown = (datetime.now(UTC) + timedelta(days=days)).isoformat()
    (sentence,) = shortfalls(NEEDS, await facts_of(vm, SystemTime=shown))
    assert f"s {direction} ours" in sentence
    assert "switch on its time synchronisation" in sentence


async def test_an_engine_older_than_ours_is_asked_all_the_same_and_named(vm):
    facts = await facts_of(vm, Version="19.03.15", ApiVersion="1.40")
    (sentence,) = shortfalls(NEEDS, facts)
    assert "Docker is 19.03.15, at least 20.10 is needed" in sentence


async def test_a_kernel_that_cannot_limit_memory_is_named(vm):
    (sentence,) = shortfalls(NEEDS, await facts_of(vm, MemoryLimit=False))
    assert "cannot limit memory" in sentence


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a file system read-only")
async def test_a_disk_that_is_mounted_read_only_is_named(vm):
    disk = vm.folder / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "ro", "none", disk], check=True)
    try:
        facts = await facts_of(vm, DockerRootDir=str(disk))
    finally:
        subprocess.run(["umount", disk], check=True)
    (sentence,) = shortfalls(NEEDS, facts)
    assert f"The disk at {disk} is read-only" in sentence


async def test_gpus_are_named_by_their_uuid(link, tmp_path):
    for place, uuid in (("0000:02:00.0", "GPU-b"), ("0000:01:00.0", "GPU-a")):
        (tmp_path / place).mkdir()
        (tmp_path / place / "information").write_text(f"Model: \t\t A100\nGPU UUID: \t {uuid}\nIRQ: 1\n")
    assert await gpu_ids(link.files, str(tmp_path)) == {"GPU-a", "GPU-b"}
    assert await gpu_ids(link.files, str(tmp_path / "none")) == frozenset()
