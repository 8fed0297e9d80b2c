"""The room of the resource manager: the workspace, and its compute targets attached, watched and detached.

Sources: the clients' `azureml/_base_sdk_common/workspace`, `azureml/core/compute/compute.py` and
`remote.py`, and the REST reference of `Microsoft.MachineLearningServices`, "Machine Learning Compute": a
PUT overwrites, DELETE needs `underlyingResourceAction`, both are watched through `Azure-AsyncOperation`,
and only `listKeys` shows credentials. A compute target is read from the data plane (`/rp/workspaces`), as
the client does, and from here.
"""

from __future__ import annotations

import re
import time
import uuid
from typing import Annotated, Any

from fastapi import APIRouter, Body, Depends, Query, Response
from tests.standins.azureml.moments import now
from tests.standins.azureml.persistence import Documents
from tests.standins.azureml.refusals import Refused
from tests.standins.azureml.tokens import AUDIENCES
from tests.standins.azureml.workspace import LOGIN, RESOURCE_MANAGER, SCOPE_PATH, Workspace

METADATA_VERSION = "2019-05-01"
SUBSCRIPTIONS_VERSION = "2022-12-01"
WORKSPACES_VERSION = "2022-05-01"
COMPUTES_VERSION = "2020-02-02"
"""The versions that the clients ask for; the real service has others too."""
COMPUTE_NAME = re.compile(r"[a-zA-Z](?![a-zA-Z0-9-]*-\d+$)[a-zA-Z0-9\-]{2,23}")
"""`computeName` in the service's OpenAPI document."""
NO_ADDRESSES = ("eastus", "westus2", "southcentralus")
"""Regions that attach a machine by its resource id only, by the reference of `RemoteCompute`."""
COMPUTE = "compute"
OPERATION = "operation"


def api_version(served: str) -> Any:
    """Refuse a request that names no version, or another."""

    def require(version: Annotated[str | None, Query(alias="api-version")] = None) -> None:
        if version is None:
            sentence = "The api-version query parameter (?api-version=) is required for all requests."
            raise Refused(400, "MissingApiVersionParameter", sentence)
        if version != served:
            sentence = (
                f"No registered resource provider found for API version '{version}'."
                f" The supported api-versions are '{served}'."
            )
            raise Refused(400, "NoRegisteredProviderFound", sentence)

    return Depends(require)


def reading(documents: Documents) -> APIRouter:
    """Looking at compute targets, as both hosts answer it."""
    router = APIRouter(prefix=SCOPE_PATH, dependencies=[api_version(COMPUTES_VERSION)])

    @router.get("/computes/{name}")
    def compute(name: str) -> dict[str, Any]:
        return shown(found(documents, name))

    @router.get("/computes")
    def computes() -> dict[str, Any]:
        return {"value": [shown(found(documents, each["name"])) for each in documents.all(COMPUTE)]}

    return router


def clouds() -> APIRouter:
    """What the cloud's hosts are, told to anybody; `azureml/mlflow/_common/_cloud/cloud.py` asks."""
    router = APIRouter(dependencies=[api_version(METADATA_VERSION)])

    @router.get("/metadata/endpoints")
    def endpoints() -> list[dict[str, Any]]:
        public = {
            "name": "AzureCloud",
            "resourceManager": f"https://{RESOURCE_MANAGER}/",
            "authentication": {"loginEndpoint": f"https://{LOGIN}", "audiences": list(AUDIENCES[:2])},
            "suffixes": {"storage": "core.windows.net"},
        }
        return [public]

    return router


def workspaces(workspace: Workspace) -> APIRouter:
    """Looking at the subscription and at the workspace."""
    router = APIRouter()

    @router.get("/subscriptions", dependencies=[api_version(SUBSCRIPTIONS_VERSION)])
    def subscriptions() -> dict[str, Any]:
        subscription = {
            "id": f"/subscriptions/{workspace.subscription}",
            "subscriptionId": workspace.subscription,
            "tenantId": workspace.tenant,
            "displayName": "Edge",
            "state": "Enabled",
        }
        return {"value": [subscription]}

    @router.get(SCOPE_PATH, dependencies=[api_version(WORKSPACES_VERSION)])
    def get_workspace() -> dict[str, Any]:
        return described(workspace)

    return router


def changing(documents: Documents, workspace: Workspace, operation_s: float) -> APIRouter:
    """Changing compute targets, which only the resource manager does.

    Args:
        documents: Where everything is kept.
        workspace: The workspace.
        operation_s: How long attaching and detaching take.
    """
    router = APIRouter(dependencies=[api_version(COMPUTES_VERSION)])

    @router.put(f"{SCOPE_PATH}/computes/{{name}}")
    def attach(name: str, payload: Annotated[dict[str, Any], Body()], response: Response) -> dict[str, Any]:
        require_attachable(workspace, name, payload)
        with documents.transaction():
            before = documents.get(COMPUTE, name)
            require_idle(documents, before)
            operation = begun(documents, "attach", name, operation_s)
            kept = documents.put(COMPUTE, name, attached(workspace, name, payload, before, operation))
        response.status_code = 200 if before else 201
        response.headers["Azure-AsyncOperation"] = operation_url(workspace, operation)
        return shown(kept)

    @router.delete(f"{SCOPE_PATH}/computes/{{name}}", status_code=202)
    def detach(
        name: str,
        response: Response,
        action: Annotated[str | None, Query(alias="underlyingResourceAction")] = None,
    ) -> None:
        if action is None or action.lower() not in ("detach", "delete"):
            raise Refused(400, "InvalidParameter", "underlyingResourceAction must be Detach or Delete.")
        with documents.transaction():
            require_idle(documents, found(documents, name))
            operation = begun(documents, "detach", name, operation_s)
            documents.delete(COMPUTE, name)
        response.headers["Azure-AsyncOperation"] = operation_url(workspace, operation)

    @router.post(f"{SCOPE_PATH}/computes/{{name}}/listKeys")
    def list_keys(name: str) -> dict[str, Any]:
        account = found(documents, name)["properties"]["properties"]["administratorAccount"]
        return {"computeType": "VirtualMachine", "administratorAccount": account}

    @router.get(
        "/subscriptions/{subscription}/providers/Microsoft.MachineLearningServices"
        "/locations/{location}/computeOperationsStatus/{operation}"
    )
    def status(operation: str) -> dict[str, Any]:
        kept = documents.get(OPERATION, operation)
        if kept is None:
            raise Refused(404, "OperationNotFound", f"There is no operation '{operation}'.")
        return {"id": operation, "status": "Succeeded" if ended(kept) else "InProgress"}

    return router


def require_attachable(workspace: Workspace, name: str, payload: dict[str, Any]) -> None:
    """Refuse what no virtual machine can be attached with."""
    if COMPUTE_NAME.fullmatch(name) is None:
        sentence = (
            f"Compute name '{name}' is invalid: it has 3 to 24 letters, digits and hyphens, begins with a"
            " letter and does not end with a hyphen and a number."
        )
        raise Refused(400, "BadArgument", sentence)
    properties = payload.get("properties", {})
    if payload.get("location") != workspace.location or properties.get("computeType") != "VirtualMachine":
        raise Refused(400, "BadArgument", "A virtual machine in the workspace's location is needed.")
    machine = properties.get("properties") or {}
    account = machine.get("administratorAccount") or {}
    if not account.get("username") or not (account.get("password") or account.get("privateKeyData")):
        raise Refused(400, "BadArgument", "administratorAccount needs a user name and a password or key.")
    if bool(machine.get("address")) == bool(properties.get("resourceId")):
        raise Refused(400, "BadArgument", "Either an address or a resource id is needed.")
    if machine.get("address") and workspace.location in NO_ADDRESSES:
        raise Refused(400, "BadArgument", f"{workspace.location} attaches no machine by its address.")


def require_idle(documents: Documents, compute: dict[str, Any] | None) -> None:
    """Refuse to change what is being changed."""
    if compute is not None and not ended(documents.get(OPERATION, compute["operation"])):
        raise Refused(409, "Conflict", f"An operation on compute '{compute['name']}' is under way.")


def found(documents: Documents, name: str) -> dict[str, Any]:
    """A compute target, as far as its operation is."""
    compute = documents.get(COMPUTE, name)
    if compute is None:
        raise Refused(404, "ResourceNotFound", f"Compute with name '{name}' was not found.")
    ready = ended(documents.get(OPERATION, compute["operation"]))
    state = {"provisioningState": "Succeeded" if ready else "Creating"}
    return compute | {"properties": compute["properties"] | state}


def begun(documents: Documents, action: str, name: str, takes_s: float) -> str:
    """Note an operation; gives its id."""
    operation = str(uuid.uuid4())
    documents.put(OPERATION, operation, {"action": action, "compute": name, "ends": time.time() + takes_s})
    return operation


def ended(operation: dict[str, Any] | None) -> bool:
    """Whether an operation is over."""
    return operation is None or time.time() >= operation["ends"]


def attached(
    workspace: Workspace, name: str, payload: dict[str, Any], before: dict[str, Any] | None, operation: str
) -> dict[str, Any]:
    """The compute target that a payload makes."""
    moment = now()
    created = moment if before is None else before["properties"]["createdOn"]
    added = {
        "isAttachedCompute": True,
        "createdOn": created,
        "modifiedOn": moment,
        "provisioningState": "Creating",
        "provisioningErrors": None,
        "computeLocation": workspace.location,
    }
    return {
        "id": f"{workspace.scope}/computes/{name}",
        "name": name,
        "location": workspace.location,
        "type": "Microsoft.MachineLearningServices/workspaces/computes",
        "tags": payload.get("tags"),
        "operation": operation,
        "properties": {"description": None, **payload["properties"], **added},
    }


def shown(compute: dict[str, Any]) -> dict[str, Any]:
    """What may be seen of a compute target: all but its credentials."""
    machine = {**compute["properties"]["properties"]}
    machine.pop("administratorAccount")
    seen = {key: value for key, value in compute.items() if key != "operation"}
    return seen | {"properties": compute["properties"] | {"properties": machine}}


def operation_url(workspace: Workspace, operation: str) -> str:
    """Where an operation is watched."""
    return (
        f"https://{RESOURCE_MANAGER}/subscriptions/{workspace.subscription}"
        f"/providers/Microsoft.MachineLearningServices/locations/{workspace.location}"
        f"/computeOperationsStatus/{operation}?api-version={COMPUTES_VERSION}"
    )


def described(workspace: Workspace) -> dict[str, Any]:
    """The workspace as a resource."""
    group = f"/subscriptions/{workspace.subscription}/resourceGroups/{workspace.group}/providers"
    return {
        "id": workspace.scope,
        "name": workspace.name,
        "type": "Microsoft.MachineLearningServices/workspaces",
        "location": workspace.location,
        "tags": {},
        "sku": {"name": "Basic", "tier": "Basic"},
        "identity": {"type": "SystemAssigned", "tenantId": workspace.tenant},
        "properties": {
            "friendlyName": workspace.name,
            "workspaceId": workspace.id,
            "provisioningState": "Succeeded",
            "discoveryUrl": f"https://{workspace.services}/discovery",
            "mlFlowTrackingUri": workspace.tracking_uri,
            "storageAccount": f"{group}/Microsoft.Storage/storageAccounts/{workspace.account}",
        },
    }
