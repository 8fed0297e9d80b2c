"""What the tests do with our own adapter in azureml-core's interpreter, without the bridge."""

from __future__ import annotations

from dataclasses import astuple
from pathlib import Path
from typing import Any

from calling import main

from edge_runner.frames import Point
from edge_training.adapters.azureml.computes import Machine, SiteCompute
from edge_training.adapters.azureml.logs import AzureMlLogArchive
from edge_training.adapters.azureml.options import WorkspaceOptions
from edge_training.adapters.azureml.registry import AzureMlRegistry
from edge_training.adapters.azureml.runs import AzureMlRuns
from edge_training.adapters.azureml.session import AzureMlSession
from edge_training.ports.model_registry import Registration


def session(options: dict[str, Any], patience_s: float = 10.0) -> AzureMlSession:
    """The stand-in's workspace."""
    return AzureMlSession(WorkspaceOptions(**options, patience_s=patience_s))


def keep(options: dict[str, Any], machine: dict[str, Any]) -> None:
    """Keep a machine attached."""
    SiteCompute(session(options), Machine(**machine)).attach()


def leave(options: dict[str, Any], machine: dict[str, Any]) -> None:
    """Detach a machine."""
    SiteCompute(session(options), Machine(**machine)).detach()


def on(opened: AzureMlSession, machine: dict[str, Any] | None) -> SiteCompute | None:
    """The machine that trainings run on, if there is one."""
    return SiteCompute(opened, Machine(**machine)) if machine else None


def training_run(
    options: dict[str, Any], model: str, key: str, tags: dict[str, str], machine: dict[str, Any] | None = None
) -> tuple[Any, ...]:
    """Find or make a training's run, on an attached machine; gives what the port tells of it."""
    opened = session(options)
    return astuple(AzureMlRuns(opened, on(opened, machine)).training_run(model, key, tags))


def log_points(options: dict[str, Any], run_id: str, points: list[tuple[int, str, float, int]]) -> None:
    """Write points of a run."""
    AzureMlRuns(session(options)).log_points(run_id, [Point(*point) for point in points])


def set_status(options: dict[str, Any], run_id: str, status: str) -> None:
    """Say how a run stands."""
    AzureMlRuns(session(options)).set_status(run_id, status)


def attach_log(
    options: dict[str, Any], model: str, key: str, file: str, machine: dict[str, Any] | None = None
) -> str:
    """Keep a log; gives the digest of what is kept."""
    opened = session(options)
    return AzureMlLogArchive(opened, on(opened, machine)).attach(model, key, Path(file))


def register_by_hand(options: dict[str, Any], name: str, folder: str) -> str:
    """What somebody does without us, in the studio or a notebook; gives the version's number."""
    from azureml.core import Model

    made = session(options).call(lambda client: Model.register(client.workspace, folder, name))
    return str(made.version)


def fetch(options: dict[str, Any], name: str, version: str, store: str) -> None:
    """Look for what goes with a version, then fetch its bundle."""
    registry = AzureMlRegistry(session(options))
    found = registry.get(name, version)
    assert found is not None
    assert registry.attached(found, "card/card.md") is None
    registry.fetch(found, Path(store))


def register(options: dict[str, Any], name: str, key: str, bundle: str, tags: dict[str, str]) -> str:
    """Register a training; gives the version."""
    return AzureMlRegistry(session(options)).register(Registration(name, key, Path(bundle), tags)).version


main(keep, leave, training_run, log_points, set_status, attach_log, register_by_hand, fetch, register)
