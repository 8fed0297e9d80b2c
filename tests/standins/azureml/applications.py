"""One application per host: its rooms, who may enter, and how it words a refusal."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Depends, FastAPI, Header, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send
from tests.standins.azureml import (
    arm,
    artifacts,
    blobs,
    entra,
    history,
    metrics,
    mlflow,
    models,
    refusals,
)
from tests.standins.azureml.persistence import Documents
from tests.standins.azureml.refusals import Refused, Wording
from tests.standins.azureml.tokens import Tokens
from tests.standins.azureml.workspace import BLOB_HOSTS, LOGIN, RESOURCE_MANAGER, Workspace

NAMES = {404: "NotFound", 405: "MethodNotAllowed"}


@dataclass(frozen=True)
class Rooms:
    """What the applications share.

    Attributes:
        workspace: The one workspace.
        documents: What is kept.
        blobs: The storage account's blobs.
        tokens: Who may enter.
        principal: Who gets a token.
        mlflow_url: A real MLflow server of the stand-in's own, or None.
        operation_s: How long attaching and detaching take.
    """

    workspace: Workspace
    documents: Documents
    blobs: blobs.Blobs
    tokens: Tokens
    principal: entra.ServicePrincipal
    mlflow_url: str | None
    operation_s: float


def login(rooms: Rooms) -> FastAPI:
    """The directory that gives out tokens."""
    return application([entra.routes(rooms.tokens, rooms.principal)])


def resource_manager(rooms: Rooms) -> ASGIApp:
    """The resource manager; azureml-core asks with two slashes at a path's beginning, and is answered."""
    entered = APIRouter(dependencies=[Depends(admission(rooms))])
    entered.include_router(arm.workspaces(rooms.workspace))
    entered.include_router(arm.changing(rooms.documents, rooms.workspace, rooms.operation_s))
    entered.include_router(arm.reading(rooms.documents))
    made = application([arm.clouds(), entered])

    async def with_one_slash(scope: Scope, receive: Receive, send: Send) -> None:
        await made({**scope, "path": "/" + scope["path"].lstrip("/")}, receive, send)

    return with_one_slash


def services(rooms: Rooms) -> FastAPI:
    """The workspace's data plane."""
    kept = artifacts.Artifacts(rooms.documents, rooms.blobs)
    entered = APIRouter(dependencies=[Depends(admission(rooms))])
    entered.include_router(arm.reading(rooms.documents), prefix="/rp/workspaces")
    entered.include_router(artifacts.routes_of_runs(kept))
    entered.include_router(artifacts.routes(kept))
    entered.include_router(history.routes(rooms.documents))
    entered.include_router(metrics.routes(rooms.documents))
    entered.include_router(metrics.waiting(rooms.documents))
    entered.include_router(models.routes(rooms.documents))
    if rooms.mlflow_url is not None:
        entered.include_router(mlflow.routes(rooms.workspace, rooms.mlflow_url))
    return application([discovery(rooms.workspace), entered])


def storage(rooms: Rooms) -> FastAPI:
    """The storage account's blobs; signatures are asked for instead of tokens."""
    return application([blobs.routes(rooms.blobs)])


def discovery(workspace: Workspace) -> APIRouter:
    """Where the services are; `azureml/_base_sdk_common/service_discovery.py` asks without a token."""
    router = APIRouter()
    names = ("api", "experimentation", "history", "hyperdrive", "modelmanagement", "pipelines", "studio")

    @router.get("/discovery")
    def addresses() -> dict[str, str]:
        return dict.fromkeys(names, f"https://{workspace.services}")

    return router


def admission(rooms: Rooms) -> Any:
    """What every request with a token has to pass: the token, then the workspace."""

    def admit(
        request: Request,
        authorization: Annotated[str | None, Header()] = None,
    ) -> None:
        rooms.tokens.check(authorization)
        asked = request.path_params
        workspace = rooms.workspace
        if "subscription" in asked and asked["subscription"] != workspace.subscription:
            sentence = f"The subscription '{asked['subscription']}' could not be found."
            raise Refused(404, "SubscriptionNotFound", sentence)
        if "group" in asked and asked["group"] != workspace.group:
            sentence = f"Resource group '{asked['group']}' could not be found."
            raise Refused(404, "ResourceGroupNotFound", sentence)
        if "workspace" in asked and asked["workspace"] != workspace.name:
            sentence = (
                f"The Resource 'Microsoft.MachineLearningServices/workspaces/{asked['workspace']}' under"
                f" resource group '{workspace.group}' was not found."
            )
            raise Refused(404, "ResourceNotFound", sentence)

    return admit


def words(host: str, path: str) -> Wording:
    """How the service at a host and a path words a refusal."""
    if host == LOGIN:
        return refusals.login
    if host == RESOURCE_MANAGER or path.startswith("/rp/"):
        return refusals.resource_manager
    if host.endswith(BLOB_HOSTS):
        return refusals.blob_storage
    rooms = {"mlflow": refusals.mlflow, "modelmanagement": refusals.model_management}
    return rooms.get(path.split("/")[1], refusals.data_plane)


def application(routers: list[APIRouter]) -> FastAPI:
    """An application that refuses in the words of its host, whatever the reason."""
    made = FastAPI(openapi_url=None, redirect_slashes=False)
    for router in routers:
        made.include_router(router)

    @made.exception_handler(Refused)
    def refused(request: Request, error: Refused) -> Response:
        return words(request.url.hostname or "", request.url.path)(error)

    @made.exception_handler(HTTPException)
    def unknown(request: Request, error: HTTPException) -> Response:
        sentence = f"{request.method} {request.url.path} is not known."
        return refused(request, Refused(error.status_code, NAMES.get(error.status_code, "Error"), sentence))

    @made.exception_handler(RequestValidationError)
    def invalid(request: Request, error: RequestValidationError) -> Response:
        return refused(request, Refused(400, "BadArgument", f"{error.errors()[0]['msg']}."))

    return made
