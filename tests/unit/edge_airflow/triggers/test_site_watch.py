"""The watch over a site lives through everything, and speaks only when there is news."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib import import_module

import pytest
from airflow.sdk.exceptions import AirflowNotFoundException
from tests.fakes.bookmarks import InMemoryBookmarks
from tests.fakes.edge_host import InMemoryEdgeHost, Outcome
from tests.fakes.site_inventory import InMemorySiteInventory
from tests.fakes.task_states import InMemoryTaskStates

from edge_airflow.hooks.maintenance import Premises
from edge_airflow.triggers.site_watch import SiteWatchTrigger
from edge_runner.protocol import JOB_VOLUME_DIR, PAYLOAD_NAME
from edge_training import ownership
from edge_training.errors import SiteFailing, SiteRefused, SiteUnreachable
from edge_training.identity import labels
from edge_training.jobs import announced
from edge_training.ownership import Owner
from edge_training.ports.edge_host import ContainerSpec, Mount

IMAGE = "runtime@sha256:1"
NAME = "edge-train-1"


class Site:
    """A site with one orphan, behind a link that breaks as scripted."""

    def __init__(self, *troubles: Exception | None) -> None:
        self.troubles = list(troubles)
        self.host = InMemoryEdgeHost({IMAGE})
        self.visits = 0

    async def add_orphan(self, name: str = NAME) -> None:
        mount = Mount(name, JOB_VOLUME_DIR, read_only=False)
        await self.host.create(
            ContainerSpec(name, IMAGE, ("true",), mounts=(mount,), labels=labels(step="train", key="1"))
        )
        await ownership.claim(self.host, name, Owner("here", "dag", "gone", "task", -1, 1, "try-1"))
        self.host.outcomes[name] = [Outcome(runs=True)]
        await self.host.write_file(name, JOB_VOLUME_DIR, PAYLOAD_NAME, announced(b""))
        await self.host.start(name)

    @asynccontextmanager
    async def entered(self, site: str) -> AsyncIterator[Premises]:
        self.visits += 1
        trouble = self.troubles.pop(0) if self.troubles else None
        if trouble:
            raise trouble
        inventory = InMemorySiteInventory(self.host)
        yield Premises(self.host, inventory, InMemoryBookmarks(), InMemoryTaskStates())


def watching(site: Site, until_s: float) -> SiteWatchTrigger:
    """A watch that looks often."""
    trigger = SiteWatchTrigger("edge_site", "here", until_s, pause_s=0.001, grace_s=1)
    trigger.entrance = site.entered
    return trigger


def end_after(trigger: SiteWatchTrigger, site: Site, count: int) -> None:
    """Let it look that often, and end."""
    visited = site.entered

    @asynccontextmanager
    async def counted(name: str) -> AsyncIterator[Premises]:
        if site.visits + 1 >= count:
            trigger.until_s = 0.0
        async with visited(name) as premises:
            yield premises

    trigger.entrance = counted


async def ended(trigger: SiteWatchTrigger) -> dict[str, object]:
    """Run it to its end; gives what its only event says."""
    (event,) = [event async for event in trigger.run()]
    return event.payload


def said(capsys: pytest.CaptureFixture[str]) -> list[str]:
    """What it has written to its log."""
    return capsys.readouterr().out.splitlines()


def test_a_watch_goes_on_in_another_triggerer_and_ends_when_it_would_have():
    trigger = SiteWatchTrigger("edge_site", "here", 1.5e9, 30.0, 20)
    path, fields = trigger.serialize()
    module, _, name = path.rpartition(".")
    again = getattr(import_module(module), name)(**json.loads(json.dumps(fields)))
    assert again.serialize() == trigger.serialize()
    assert fields["until_s"] == 1.5e9


async def test_an_orphan_is_stopped_named_and_counted(capsys):
    site = Site()
    await site.add_orphan()
    assert await ended(watching(site, until_s=0.0)) == {"stopped": 1}
    assert site.host.containers[NAME].status == "exited"
    assert [NAME in line for line in said(capsys)] == [True]


async def test_nothing_is_said_when_nothing_is_to_be_done(capsys):
    site = Site()
    trigger = watching(site, until_s=time.time() + 100)
    end_after(trigger, site, 5)
    assert await ended(trigger) == {"stopped": 0}
    assert site.visits == 5
    assert said(capsys) == []


@pytest.mark.parametrize(
    "trouble",
    [
        SiteUnreachable("The VM does not answer."),
        SiteRefused("The host key is not the pinned one."),
        AirflowNotFoundException("The conn_id `edge_site_vm` isn't defined"),
    ],
)
async def test_the_watch_outlives_a_broken_site_and_complains_once(capsys, trouble):
    site = Site(trouble, trouble, trouble)
    await site.add_orphan()
    trigger = watching(site, until_s=time.time() + 100)
    end_after(trigger, site, 6)
    assert await ended(trigger) == {"stopped": 1}
    complaint, stopped, relief = said(capsys)
    assert str(trouble).rstrip(".") in complaint
    assert "The site edge_site answers again." in relief
    assert NAME in stopped


async def test_an_orphan_that_docker_cannot_stop_is_complained_of_once_and_others_are_counted(capsys):
    class Stubborn(InMemoryEdgeHost):
        async def stop(self, name, grace_s):
            if name == NAME:
                raise SiteFailing("Docker fails (500): cannot stop the container.")
            await super().stop(name, grace_s)

    site = Site()
    site.host = Stubborn({IMAGE})
    await site.add_orphan()
    await site.add_orphan("edge-train-2")
    trigger = watching(site, until_s=time.time() + 100)
    end_after(trigger, site, 3)
    assert await ended(trigger) == {"stopped": 1}
    stopped, complaint = said(capsys)
    assert "edge-train-2" in stopped
    assert "cannot stop the container" in complaint


async def test_a_fault_of_ours_ends_the_task_which_is_tried_again():
    site = Site(RuntimeError("a fault"))
    with pytest.raises(RuntimeError):
        await ended(watching(site, until_s=0.0))
