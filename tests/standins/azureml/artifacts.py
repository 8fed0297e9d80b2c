"""The room of artifacts: names that are given out with signatures to write and read their blobs.

Sources: `azureml/_restclient/operations/artifact_operations.py` and `run_artifact_operations.py`
(azureml-core: the path is part of the URL), `azureml/mlflow/_restclient/artifact` and `run_artifact`
(azureml-mlflow: the path is a query parameter), and their shapes `BatchArtifactContentInformationDto`,
`ArtifactDto`, `ArtifactContentInformationDto`. A run's artifacts are those of the origin `ExperimentRun`
and the container `dcid.<run>`. A name is given out once; asked for again, it is an error of its own in the
answer.
"""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Body
from tests.standins.azureml import limits
from tests.standins.azureml.blobs import Blobs
from tests.standins.azureml.moments import now
from tests.standins.azureml.persistence import Documents
from tests.standins.azureml.refusals import Refused
from tests.standins.azureml.workspace import SCOPE_PATH

ARTIFACT = "artifact"
CONTAINER = "azureml"
"""The blob container of a workspace's artifacts."""
RUNS = "ExperimentRun"
PAGE = 500


class Artifacts:
    """The artifacts of the workspace."""

    def __init__(self, documents: Documents, blobs: Blobs) -> None:
        self._documents, self._blobs = documents, blobs

    def create(self, origin: str, container: str, body: dict[str, Any]) -> dict[str, Any]:
        """Give out names, each with a signature to write its blob."""
        made: dict[str, Any] = {}
        errors: dict[str, Any] = {}
        for path in [each["path"] for each in body["paths"]]:
            key = f"{origin}/{container}/{path}"
            if len(path) > limits.ARTIFACT_PATH_LENGTH or not path:
                errors[path] = problem(
                    f"The path of an artifact has 1 to {limits.ARTIFACT_PATH_LENGTH} letters."
                )
                continue
            with self._documents.transaction():
                if self._documents.get(ARTIFACT, key) is not None:
                    errors[path] = problem(f"Resource Conflict: ArtifactId {key} already exists.")
                    continue
                made[path] = self._documents.put(ARTIFACT, key, described(origin, container, path))
        return {
            "artifacts": made,
            "artifactContentInformation": {path: self._content(each, "rcw") for path, each in made.items()},
            "errors": errors,
        }

    def content(self, origin: str, container: str, path: str, permissions: str = "r") -> dict[str, Any]:
        """Where an artifact can be read, or written."""
        kept = self._documents.get(ARTIFACT, f"{origin}/{container}/{path}")
        if kept is None:
            raise Refused(404, "NotFoundError", f"Artifact '{origin}/{container}/{path}' was not found.")
        return self._content(kept, permissions)

    def contents(self, origin: str, container: str, prefix: str, token: str) -> dict[str, Any]:
        """Where the artifacts whose path begins so can be read."""
        found = page(self._documents.all(ARTIFACT, f"{origin}/{container}/{prefix}"), token)
        return found | {"value": [self._content(each, "r") for each in found["value"]]}

    def listed(self, origin: str, container: str, token: str) -> dict[str, Any]:
        """All artifacts of a container."""
        return page(self._documents.all(ARTIFACT, f"{origin}/{container}/"), token)

    def _content(self, artifact: dict[str, Any], permissions: str) -> dict[str, Any]:
        where = {key: artifact[key] for key in ("origin", "container", "path")}
        uri = self._blobs.signed(CONTAINER, artifact["artifactId"], permissions)
        return where | {"contentUri": uri}


def routes(artifacts: Artifacts) -> APIRouter:
    """The routes of artifacts by origin and container, in both clients' ways."""
    router = APIRouter(prefix=f"/artifact/v2.0{SCOPE_PATH}/artifacts")

    @router.post("/batch/metadata/{origin}/{container}")
    @router.post("/{origin}/{container}/batch/metadata")
    def create(origin: str, container: str, body: Annotated[dict[str, Any], Body()]) -> dict[str, Any]:
        return artifacts.create(origin, container, body)

    @router.get("/contentinfo/{origin}/{container}/{path:path}")
    @router.get("/{origin}/{container}/contentinfo")
    def content(origin: str, container: str, path: str) -> dict[str, Any]:
        return artifacts.content(origin, container, path)

    @router.get("/write/{origin}/{container}/{path:path}")
    @router.get("/{origin}/{container}/write")
    def write(origin: str, container: str, path: str) -> dict[str, Any]:
        return artifacts.content(origin, container, path, "rcw")

    @router.get("/prefix/contentinfo/{origin}/{container}/{path:path}")
    @router.get("/{origin}/{container}/prefix/contentinfo")
    def contents(origin: str, container: str, path: str = "", continuationToken: str = "0") -> dict[str, Any]:  # noqa: N803  # the service's name
        return artifacts.contents(origin, container, path, continuationToken)

    @router.get("/{origin}/{container}")
    def listed(origin: str, container: str, continuationToken: str = "0") -> dict[str, Any]:  # noqa: N803  # the service's name
        return artifacts.listed(origin, container, continuationToken)

    return router


def routes_of_runs(artifacts: Artifacts) -> APIRouter:
    """The routes of the artifacts of a run."""
    router = APIRouter(prefix=f"/history/v1.0{SCOPE_PATH}/experiments/{{experiment}}/runs/{{run}}/artifacts")

    @router.post("/batch/metadata")
    def create(run: str, body: Annotated[dict[str, Any], Body()]) -> dict[str, Any]:
        return artifacts.create(RUNS, f"dcid.{run}", body)

    @router.get("/contentinfo")
    @router.get("/contentinfo/{path:path}")
    def content(run: str, path: str) -> dict[str, Any]:
        return artifacts.content(RUNS, f"dcid.{run}", path)

    @router.get("/prefix/contentinfo")
    @router.get("/prefix/contentinfo/{path:path}")
    def contents(run: str, path: str = "", continuationToken: str = "0") -> dict[str, Any]:  # noqa: N803  # the service's name
        return artifacts.contents(RUNS, f"dcid.{run}", path, continuationToken)

    @router.get("")
    def listed(run: str, continuationToken: str = "0") -> dict[str, Any]:  # noqa: N803  # the service's name
        return artifacts.listed(RUNS, f"dcid.{run}", continuationToken)

    return router


def described(origin: str, container: str, path: str) -> dict[str, Any]:
    """An artifact as it comes into being."""
    name = f"{origin}/{container}/{path}"
    return {
        "artifactId": name,
        "origin": origin,
        "container": container,
        "path": path,
        "etag": None,
        "createdTime": now(),
        "dataPath": {"dataStoreName": "workspaceartifactstore", "relativePath": name},
    }


def problem(message: str) -> dict[str, Any]:
    """What is wrong with one of several."""
    return {"error": {"code": "UserError", "message": message}}


def page(found: list[dict[str, Any]], token: str) -> dict[str, Any]:
    """A page of what was found, from a continuation token on."""
    start = int(token)
    following = str(start + PAGE) if start + PAGE < len(found) else None
    return {"value": found[start : start + PAGE], "continuationToken": following, "nextLink": None}
