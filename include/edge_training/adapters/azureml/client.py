"""What is asked of an Azure Machine Learning workspace, by the operations of azureml-core: each method is one
request (a listing: one per page), which is never repeated here.

The classes that azureml-core's documentation shows (`Model.register`, `Run.complete`) make several requests
each and repeat them, so that nothing could be said of what a crash between two of them leaves. What they send
is sent here, too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, quote, urlparse

from edge_training.adapters.azureml.faults import is_status
from edge_training.errors import RequestRejected

if TYPE_CHECKING:
    from azureml.core import Workspace

ORIGIN = "ExperimentRun"
"""The kind of artifacts that belong to a run."""
VERSIONS_PER_PAGE = 100


class AzureMlClient:
    """The operations on one workspace."""

    def __init__(self, workspace: Workspace, request_timeout_s: float) -> None:
        """Use a workspace that was entered."""
        context = workspace.service_context
        self.workspace = workspace
        self._scope = (context.subscription_id, context.resource_group_name, context.workspace_name)
        self._history = _unrepeated(context._get_run_history_restclient(), request_timeout_s)
        self._metrics = _unrepeated(context._get_metrics_restclient(), request_timeout_s)
        self._artifacts = _unrepeated(context._get_artifacts_restclient(), request_timeout_s)
        self._assets = _unrepeated(context._get_assets_restclient(), request_timeout_s)
        self._models = _unrepeated(context._get_modelmanagement_restclient(), request_timeout_s)

    def versions(
        self,
        name: str = "",
        tags: Mapping[str, str] | None = None,
        properties: Mapping[str, str] | None = None,
    ) -> Iterator[Any]:
        """The versions of a model, or of all models, with these tags and properties.

        Names and values must have neither commas nor equals signs, which the query is joined by.
        """
        token = None
        while True:
            page = self._models.ml_models.list_query(
                *self._scope,
                name=name or None,
                tags=_joined(tags),
                properties=_joined(properties),
                count=VERSIONS_PER_PAGE,
                skip_token=token,
            )
            yield from page.value
            token = page.continuation_token or _skip_token(page.next_link)
            if not token:
                return

    def version(self, name: str, number: str) -> Any | None:
        """A version, or None."""
        return _unless_absent(self._models.ml_models.query_by_id, *self._scope, f"{name}:{number}")

    def create_version(self, **described: Any) -> Any:
        """Make a version; the service gives it the next number."""
        from azureml._restclient.models import Model

        return self._models.ml_models.register(*self._scope, Model(mime_type="application/json", **described))

    def replace_tags(self, version: Any, tags: Mapping[str, str]) -> None:
        """Give a version these tags and no others."""
        change = [{"op": "replace", "path": "/kvTags", "value": dict(tags)}]
        self._models.ml_models.patch(*self._scope, version.id, change)

    def describe(self, version: Any, description: str) -> None:
        """Give a version this description."""
        change = [{"op": "replace", "path": "/description", "value": description}]
        self._models.ml_models.patch(*self._scope, version.id, change)

    def delete_version(self, version: Any) -> None:
        """Delete a version, if it is still there."""
        _unless_absent(self._models.ml_models.delete, *self._scope, version.id)

    def create_asset(self, name: str, prefix: str) -> str:
        """Make an asset of all artifacts whose id begins so; gives its id."""
        from azureml._restclient.models import Asset

        asset = Asset(name=name, artifacts=[{"prefix": prefix}])
        return str(self._assets.assets.create(*self._scope, asset).id)

    def experiment(self, name: str) -> Any | None:
        """An experiment, or None."""
        return _unless_absent(self._history.experiment.get, *self._scope, name)

    def experiment_by_id(self, experiment_id: str) -> Any:
        """An experiment."""
        return self._history.experiment.get_by_id(*self._scope, experiment_id)

    def create_experiment(self, name: str) -> None:
        """Make an experiment, unless there is one."""
        try:
            self._history.experiment.create(*self._scope, name)
        except _http_errors() as error:
            if not is_status(error, 409):
                raise

    def tag_experiment(self, experiment_id: str, tags: Mapping[str, str]) -> None:
        """Write tags of an experiment; the others stay."""
        from azureml._restclient.models import ModifyExperimentDto

        self._history.experiment.update(*self._scope, experiment_id, ModifyExperimentDto(tags=dict(tags)))

    def run(self, run_id: str) -> Any | None:
        """A run, whatever its experiment, or None."""
        return _unless_absent(self._history.run.get_workspace_run, *self._scope, run_id)

    def write_run(self, experiment: str, run_id: str, **described: Any) -> Any:
        """Make a run or change it; tags and properties are added to those that it has. Gives it as it is."""
        from azureml._restclient.models import CreateRunDto

        wanted = CreateRunDto(run_id=run_id, **described)
        return self._history.run.patch(*self._scope, experiment, run_id, create_run_dto=wanted)

    def post_event(self, experiment: str, run_id: str, event: Any) -> None:
        """Move a run to another state."""
        self._history.events.post(*self._scope, experiment, run_id, event_message=event)

    def post_metrics(self, run_id: str, metrics: Sequence[Any]) -> None:
        """Write points of metrics; one that has the id of a point of the run is that point.

        Raises:
            RequestRejected: The service refuses one of them.
        """
        from azureml._restclient.models import BatchMetricV2Dto

        batch = BatchMetricV2Dto(values=list(metrics), report_errors=True)
        answer = self._metrics.metric.post_run_metrics(*self._scope, run_id, batch)
        for failed in getattr(answer, "errors", None) or ():
            raise RequestRejected(
                f"Azure Machine Learning refuses the metric {failed.metric.name!r} of run {run_id} "
                f"({failed.error_response.error.message}); log it under another name, or less of it."
            )

    def metric_names(self, run_id: str) -> set[str]:
        """The names of the metrics that a run has."""
        from azureml._restclient.models import ListMetricsDto

        names: set[str] = set()
        asked = ListMetricsDto()
        while True:
            page = self._metrics.metric.list_metrics(*self._scope, run_id, asked)
            names.update(metric.metric_key.name for metric in page.value)
            if not page.continuation_token:
                return names
            asked.continuation_token = page.continuation_token

    def metric_rows(self, run_id: str, name: str) -> Iterator[Any]:
        """The points of one metric of a run."""
        from azureml._restclient.models import RetrieveFullFidelityMetricRequestDto

        asked = RetrieveFullFidelityMetricRequestDto(metric_name=name)
        while True:
            page = self._metrics.metric.get_full_fidelity(*self._scope, run_id, asked)
            yield from page.value
            if not page.continuation_token:
                return
            asked.continuation_token = page.continuation_token

    def delete_run_tag(self, experiment: str, run_id: str, tag: str) -> None:
        """Take a tag from a run."""
        self._history.run.delete_tags(*self._scope, experiment, run_id, [tag])

    def writable(self, container: str, path: str) -> str:
        """The signed address to write an artifact at, which is made unless it exists."""
        from azureml._restclient.models import ArtifactPathDto, BatchArtifactCreateCommand

        command = BatchArtifactCreateCommand([ArtifactPathDto(path)])
        made = self._artifacts.artifact.batch_create_empty_artifacts(
            *self._scope, ORIGIN, container, command=command
        )
        if path in (made.artifact_content_information or {}):
            return str(made.artifact_content_information[path].content_uri)
        found = self._artifacts.artifact.get_write_sas(*self._scope, ORIGIN, container, quote(path))
        return str(found.content_uri)

    def readable(self, container: str, path: str) -> str | None:
        """The signed address to read an artifact at, or None when there is none."""
        get = self._artifacts.artifact.get_content_information
        found = _unless_absent(get, *self._scope, ORIGIN, container, quote(path))
        return None if found is None else str(found.content_uri)


def _unrepeated(client: Any, request_timeout_s: float) -> Any:
    """One of azureml-core's clients, without retries of its own and with the answer kept in its errors."""
    client.config.retry_policy.retries = 0
    client.config.retry_policy.policy.raise_on_status = False
    client.config.connection.timeout = request_timeout_s
    return client


def _joined(entries: Mapping[str, str] | None) -> str | None:
    return ",".join(f"{name}={value}" for name, value in entries.items()) if entries else None


def _skip_token(next_link: str | None) -> str | None:
    found = parse_qs(urlparse(next_link or "").query).get("$skipToken")
    return found[0] if found else None


def _http_errors() -> type[Exception]:
    from msrest.exceptions import HttpOperationError

    return HttpOperationError


def _unless_absent(call: Callable[..., Any], *arguments: Any) -> Any | None:
    """What a call gives, or None when there is no such thing."""
    try:
        return call(*arguments)
    except _http_errors() as error:
        if not is_status(error, 404):
            raise
    return None


def unless_written(write: Callable[..., Any], *arguments: Any, **options: Any) -> Any | None:
    """What a call gives, or None when what it writes once has another value already."""
    from msrest.exceptions import HttpOperationError

    try:
        return write(*arguments, **options)
    except HttpOperationError as error:
        if not is_status(error, 400, 409):
            raise
    return None
