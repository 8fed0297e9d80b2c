"""What the tests do with azureml-core."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path
from typing import Any

from azureml._restclient.models import CreateRunDto
from azureml._restclient.models_client import ModelsClient
from azureml.core import Experiment, Model, Run, Workspace
from azureml.core.authentication import ArmTokenAuthentication, ServicePrincipalAuthentication
from azureml.core.compute import ComputeTarget, RemoteCompute
from calling import main


@cache
def workspace(scope: str, token: str | None = None) -> Workspace:
    """The workspace, entered with the service principal's secret or with a token."""
    _, _, subscription, _, group, *_, name = scope.split("/")
    principal = (os.environ[f"AZURE_{each}"] for each in ("TENANT_ID", "CLIENT_ID", "CLIENT_SECRET"))
    auth = ArmTokenAuthentication(token) if token else ServicePrincipalAuthentication(*principal)
    return Workspace(subscription, group, name, auth=auth)


def attach(scope: str, name: str, address: str, key: str, token: str | None = None) -> dict[str, Any]:
    """Attach a machine by its address, and read it back."""
    entered = workspace(scope, token)
    Path("key").write_text(key)
    wanted = RemoteCompute.attach_configuration(username="edge", address=address, private_key_file="key")
    target = ComputeTarget.attach(entered, name, wanted)
    before = target.provisioning_state
    target.wait_for_completion()
    again = RemoteCompute(entered, name)
    listed = [each.name for each in ComputeTarget.list(entered)]
    seen = {"state": again.provisioning_state, "address": again.address, "port": again.ssh_port}
    return seen | {"before": before, "listed": listed, "serialized": again.serialize()}


def credentials(scope: str, name: str) -> dict[str, Any]:
    """What the service hands out of a machine's credentials."""
    return dict(RemoteCompute(workspace(scope), name).get_credentials())


def detach(scope: str, name: str) -> list[str]:
    """Detach a machine; gives the names of those that are left."""
    entered = workspace(scope)
    RemoteCompute(entered, name).detach()
    return [each.name for each in ComputeTarget.list(entered)]


def run(
    scope: str,
    experiment: str,
    run_id: str,
    end: str,
    target: str = "local",
    tags: dict[str, str] | None = None,
    properties: dict[str, str] | None = None,
    metrics: list[tuple[str, float]] | None = None,
) -> None:
    """A run from its start to its end: completed, failed or cancelled."""
    begun = Experiment(workspace(scope), experiment).start_logging(run_id=run_id, snapshot_directory=None)
    begun._client.run.patch_run(CreateRunDto(run_id=run_id, target=target))
    begun.set_tags(tags or {})
    begun.add_properties(properties or {})
    for name, value in metrics or []:
        begun.log(name, value)
    ends = {
        "completed": begun.complete,
        "failed": lambda: begun.fail("It broke.", error_code="TrainingFailed"),
        "cancelled": begun.cancel,
    }
    ends[end]()


def seen_run(scope: str, experiment: str, run_id: str) -> dict[str, Any]:
    """What there is to know of a run."""
    known = Run(Experiment(workspace(scope), experiment), run_id)
    details = known.get_details()
    return {
        "status": known.get_status(),
        "target": details["target"],
        "error": details.get("error"),
        "tags": known.tags,
        "properties": known.properties,
        "metrics": known.get_metrics(),
    }


def found_runs(scope: str, experiment: str, tags: dict[str, str]) -> list[str]:
    """Ids of the runs with these tags, the newest first."""
    return [each.id for each in Experiment(workspace(scope), experiment).get_runs(tags=tags)]


def register(scope: str, name: str, folder: str, retries: int | None = None, **described: Any) -> str:
    """Register a model from a folder; gives its id."""
    entered = workspace(scope)
    if retries is not None:
        ModelsClient(entered.service_context).retries = retries
    return str(Model.register(entered, folder, name, **described).id)


def change(scope: str, name: str, version: int, **changes: Any) -> None:
    """Add tags and properties to a version, or describe it."""
    model = Model(workspace(scope), name, version=version)
    model.add_tags(changes.get("tags", {}))
    if "properties" in changes:
        model.add_properties(changes["properties"])
    if "description" in changes:
        model.update(description=changes["description"])


def seen_models(scope: str, name: str, tags: list[list[str]] | None = None) -> list[dict[str, Any]]:
    """The versions of a model, the newest first."""
    return [
        {
            "version": model.version,
            "tags": model.tags,
            "properties": model.properties,
            "description": model.description,
            "framework": model.model_framework,
        }
        for model in Model.list(workspace(scope), name=name, tags=tags)
    ]


def download(scope: str, name: str, version: int, folder: str) -> str:
    """Bring a version's files into a folder."""
    return str(Model(workspace(scope), name, version=version).download(folder))


def delete(scope: str, name: str, version: int) -> None:
    """Delete a version."""
    Model(workspace(scope), name, version=version).delete()


main(attach, credentials, detach, run, seen_run, found_runs, register, change, seen_models, download, delete)
