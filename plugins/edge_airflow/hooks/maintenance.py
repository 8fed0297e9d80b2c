"""A site as maintenance sees it: its jobs, and what has piled up there, through one connection."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from asgiref.sync import sync_to_async

from edge_airflow.hooks.site import SiteHook, ssh_target
from edge_airflow.hooks.task_states import AirflowTaskStates
from edge_training.ports.bookmarks import Bookmarks
from edge_training.ports.edge_host import EdgeHost
from edge_training.ports.site_inventory import SiteInventory
from edge_training.ports.task_states import TaskStates

if TYPE_CHECKING:
    from edge_training.adapters.ssh.target import SshTarget


@dataclass(frozen=True)
class Premises:
    """What maintenance works on.

    Attributes:
        host: The site.
        inventory: What lies there.
        bookmarks: Where watches have left their places.
        tasks: What this Airflow knows.
    """

    host: EdgeHost
    inventory: SiteInventory
    bookmarks: Bookmarks
    tasks: TaskStates


@asynccontextmanager
async def entered(site: str) -> AsyncIterator[Premises]:
    """A site, from a task or a trigger, for the length of a `with`.

    Raises:
        SiteUnreachable: The VM or its Docker daemon does not answer.
        SiteRefused: The VM refuses us, or is not the one whose host key was pinned.
        BadRequest: The site's connection is missing, or a field of it is or cannot be right.
    """
    from edge_training.adapters.docker import inventory as docker_inventory
    from edge_training.adapters.docker import over_ssh, vm_bookmarks

    # In a thread, where the same call works in a task and in a trigger.
    target = await sync_to_async(vm_of)(site)
    async with (
        over_ssh.connect(target) as host,
        docker_inventory.connect(target) as inventory,
        vm_bookmarks.connect(target) as bookmarks,
    ):
        yield Premises(host, inventory, bookmarks, AirflowTaskStates())


def vm_of(site: str) -> SshTarget:
    """How to reach a site's VM."""
    return ssh_target(SiteHook(site).get_connection(f"{site}_vm"))
