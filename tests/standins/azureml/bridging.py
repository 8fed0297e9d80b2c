"""Our own client of the stand-in: azureml-core in its interpreter, at the other end of the bridge."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tests.standins.azureml.interpreter import azureml_python
from tests.standins.azureml.server import AzureMl

from edge_training.adapters.bridge.client import INCLUDE_DIR, SERVER_MODULE, Bridge
from edge_training.adapters.bridge.ports import BridgedRegistry
from local_site.settings import Settings

MLFLOW = "azureml-mlflow"
"""The kind of registry that speaks to the workspace by MLflow's protocol."""


@dataclass(frozen=True)
class Way:
    """What a bridge to a stand-in is made of; it travels to other processes.

    Attributes:
        python: The interpreter with the real clients.
        registry: What is opened there.
        environment: All that its processes know.
        module: What serves there.
    """

    python: Path
    registry: Mapping[str, Any]
    environment: Mapping[str, str]
    module: str = SERVER_MODULE

    def bridge(self) -> Bridge:
        """A bridge, whose process starts at the first call."""
        return Bridge(self.python, self.registry, self.module, self.environment)

    def served_by(self, program: Path) -> Way:
        """The same way, with a program of a test's own at the other end."""
        path = f"{self.environment['PYTHONPATH']}:{program.parent}"
        return replace(self, module=program.stem, environment={**self.environment, "PYTHONPATH": path})


def options(standin: AzureMl, **others: Any) -> dict[str, Any]:
    """What `open_azureml` is told of the stand-in."""
    workspace = standin.workspace
    return {
        "kind": "azureml",
        "subscription_id": workspace.subscription,
        "resource_group": workspace.group,
        "workspace": workspace.name,
        "tenant_id": workspace.tenant,
        "client_id": standin.principal.client_id,
        "client_secret": standin.principal.secret,
        "ca_file": str(standin.ca_file),
        **others,
    }


def way_to(standin: AzureMl, settings: Settings, folder: Path, **others: Any) -> Way:
    """The way to a stand-in.

    Args:
        standin: The workspace.
        settings: Where the other interpreter is cached.
        folder: Home of the other process.
        others: Further options of the registry, or another kind of it.
    """
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(INCLUDE_DIR),
        "HOME": str(folder),
        "HTTPS_PROXY": f"http://{standin.proxy}",
    }
    python = azureml_python(settings, folder / "install.log")
    return Way(python, options(standin, **others), environment)


@contextmanager
def bridge_to(standin: AzureMl, settings: Settings, folder: Path, **others: Any) -> Iterator[Bridge]:
    """A bridge for the length of a block; the arguments are those of `way_to`."""
    bridge = way_to(standin, settings, folder, **others).bridge()
    try:
        yield bridge
    finally:
        bridge.close()


@contextmanager
def bridged(standin: AzureMl, settings: Settings, folder: Path, **others: Any) -> Iterator[BridgedRegistry]:
    """The registry for the length of a block; the arguments are those of `way_to`."""
    with bridge_to(standin, settings, folder, **others) as bridge:
        yield BridgedRegistry(bridge)
