"""The room of model management: assets made of artifacts, and models of numbered versions made of assets.

Sources: `azureml/_restclient/operations/ml_models_operations.py` and `assets_operations.py`, the shapes
`Model`, `Asset`, `ArtifactDetails`, `JsonPatchOperation` and `PaginatedModelList` of
`azureml/_restclient/models`, and `azureml/core/model.py` for what is sent. Registering is not idempotent:
each request makes a version. Tags are replaced whole; properties can be added and not changed.
"""

from __future__ import annotations

import uuid
from typing import Annotated, Any

from fastapi import APIRouter, Body, Query
from tests.standins.azureml import limits
from tests.standins.azureml.moments import now
from tests.standins.azureml.persistence import Documents
from tests.standins.azureml.refusals import Refused
from tests.standins.azureml.workspace import SCOPE_PATH

ASSET = "asset"
ASSET_URL = "aml://asset/"
MODEL = "model"
PAGE = 100
REPLACEABLE = {
    "/kvTags": "kvTags",
    "/description": "description",
    "/resourceRequirements": "resourceRequirements",
}


def routes(documents: Documents) -> APIRouter:
    """The routes of assets and models."""
    router = APIRouter(prefix=f"/modelmanagement/v1.0{SCOPE_PATH}")
    add_assets(router, documents)
    add_models(router, documents)
    return router


def add_assets(router: APIRouter, documents: Documents) -> None:
    """The routes of assets."""

    @router.post("/assets")
    def create(asset: Annotated[dict[str, Any], Body()]) -> dict[str, Any]:
        if not asset.get("artifacts"):
            raise Refused(400, "BadArgument", "An asset has artifacts.")
        made = asset | {"id": uuid.uuid4().hex, "createdTime": now()}
        return documents.put(ASSET, made["id"], made)

    @router.get("/assets/{asset}")
    def get(asset: str) -> dict[str, Any]:
        kept = documents.get(ASSET, asset)
        if kept is None:
            raise Refused(404, "AssetNotFound", f"Asset '{asset}' was not found.")
        return kept


def add_models(router: APIRouter, documents: Documents) -> None:
    """The routes of models."""

    @router.post("/models")
    def register(model: Annotated[dict[str, Any], Body()]) -> dict[str, Any]:
        require_registrable(documents, model)
        with documents.transaction():
            version = documents.next_number(f"versions of {model['name']}")
            return documents.put(MODEL, key_of(model["name"], version), registered(model, version))

    @router.get("/models")
    def query(
        name: str | None = None,
        framework: str | None = None,
        tags: str | None = None,
        properties: str | None = None,
        run: Annotated[str | None, Query(alias="runId")] = None,
        count: int = PAGE,
        token: Annotated[str, Query(alias="$skipToken")] = "0",
        latest: Annotated[bool, Query(alias="latestVersionOnly")] = False,
    ) -> dict[str, Any]:
        asked = {"name": name, "framework": framework, "runId": run}
        found = [
            model
            for model in newest_first(documents, latest=latest)
            if all(value is None or model.get(key) == value for key, value in asked.items())
            and has_entries(model["kvTags"], tags)
            and has_entries(model["properties"], properties)
        ]
        start = int(token)
        more = {"continuationToken": str(start + count)} if start + count < len(found) else {}
        return {"value": found[start : start + count], **more}

    @router.get("/models/{model}")
    def get(model: str) -> dict[str, Any]:
        return found_model(documents, model)

    @router.patch("/models/{model}")
    def patch(model: str, operations: Annotated[list[dict[str, Any]], Body()]) -> dict[str, Any]:
        with documents.transaction():
            kept = found_model(documents, model)
            for operation in operations:
                kept = kept | patched(kept, operation)
            return documents.put(MODEL, key_of_id(model), kept | {"modifiedTime": now()})

    @router.delete("/models/{model}")
    def delete(model: str) -> None:
        found_model(documents, model)
        documents.delete(MODEL, key_of_id(model))


def require_registrable(documents: Documents, model: dict[str, Any]) -> None:
    """Refuse what is no model."""
    limits.require_name(limits.MODEL_NAME, "Model", str(model.get("name")))
    limits.require_length("The description", model.get("description"), limits.DESCRIPTION_LENGTH)
    require_texts("tags", model.get("kvTags") or {})
    require_texts("properties", model.get("properties") or {})
    url = str(model.get("url"))
    if not url.startswith(ASSET_URL) or documents.get(ASSET, url.removeprefix(ASSET_URL)) is None:
        raise Refused(400, "BadArgument", f"There is no asset '{url}'.")


def require_texts(what: str, entries: dict[str, Any]) -> None:
    """Refuse tags or properties that are no texts."""
    if not all(isinstance(value, str | None) for value in entries.values()):
        raise Refused(400, "BadArgument", f"{what} are texts.")


def registered(model: dict[str, Any], version: int) -> dict[str, Any]:
    """A version as it comes into being."""
    moment = now()
    made = {
        "id": f"{model['name']}:{version}",
        "version": version,
        "createdTime": moment,
        "modifiedTime": moment,
        "kvTags": model.get("kvTags") or {},
        "properties": model.get("properties") or {},
        "datasets": model.get("datasets") or [],
        "derivedModelIds": [],
    }
    return model | made


def patched(model: dict[str, Any], operation: dict[str, Any]) -> dict[str, Any]:
    """What an operation of a JSON patch changes."""
    path, value = operation.get("path"), operation.get("value")
    if operation.get("op") == "replace" and path in REPLACEABLE:
        if path == "/kvTags":
            require_texts("tags", value)
        return {REPLACEABLE[path]: value}
    if operation.get("op") == "add" and path == "/properties":
        require_texts("properties", value)
        limits.require_unchanged(model["properties"], value)
        return {"properties": model["properties"] | value}
    raise Refused(400, "BadArgument", f"A model cannot be changed by '{operation.get('op')}' of '{path}'.")


def found_model(documents: Documents, model: str) -> dict[str, Any]:
    """A version by its id, `name:version`."""
    kept = documents.get(MODEL, key_of_id(model))
    if kept is None:
        raise Refused(404, "ModelNotFound", f"Model '{model}' was not found.")
    return kept


def newest_first(documents: Documents, *, latest: bool) -> list[dict[str, Any]]:
    """Every version, or the last of each model."""
    versions = sorted(documents.all(MODEL), key=lambda model: -model["version"])
    if not latest:
        return versions
    return list({model["name"]: model for model in reversed(versions)}.values())


def has_entries(entries: dict[str, Any], asked: str | None) -> bool:
    """Whether there are all of `key=value,key`, as the client joins them."""
    for part in (asked or "").split(",") if asked else []:
        key, equals, value = part.partition("=")
        if key not in entries or (equals and entries[key] != value):
            return False
    return True


def key_of(name: str, version: int) -> str:
    """A version's key."""
    return f"{name}:{version}"


def key_of_id(model: str) -> str:
    """The key of the version that an id names."""
    name, _, version = model.rpartition(":")
    if not version.isdigit():
        raise Refused(404, "ModelNotFound", f"Model '{model}' was not found.")
    return key_of(name, int(version))
