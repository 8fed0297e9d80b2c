"""decide_rollout, roll_out, promote_champion: the deploy DAG follows the image Asset of a training, or what
somebody asks for.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any, ClassVar

from airflow.sdk import Asset, Context
from airflow.sdk.exceptions import AirflowSkipException

from edge_airflow.failures import ends_with_a_sentence
from edge_airflow.hooks.lookups import no_variable
from edge_airflow.hooks.registries import ImageRegistryHook, ModelRegistryHook
from edge_airflow.hooks.site import SiteHook
from edge_airflow.operators.defaults import DEFAULT_MODEL_REGISTRY, DEFAULT_REGISTRY, DEFAULT_SITE
from edge_airflow.operators.documented import DocumentedOperator
from edge_training.deployments import Place, Request
from edge_training.errors import BadRequest
from edge_training.stages import decide, rollout
from edge_training.stages.decide import Decision
from edge_training.stages.promote import promote

HIGHEST_PORT = 65535
EVENT_FIELDS = {"model_name", "model_version", "image", "partition", "deploy"}
"""What push_image writes into the event of the image's Asset."""


class DecideRolloutOperator(DocumentedOperator):
    """Reads the event that a training left, or which version somebody asks for, and goes on if that fits.

    Args:
        model_name: The model that is deployed.
        image: The Asset whose event started this run.
        version: What a run that was started by hand asks for: a version's number, or `previous` for the one
            that served before the champion.
        model_registry_conn_id: The model registry.
    """

    template_fields: Sequence[str] = ("version",)
    ui_color: str = "#fdf1d6"

    def __init__(
        self,
        *,
        model_name: str,
        image: Asset,
        version: str = "",
        model_registry_conn_id: str = DEFAULT_MODEL_REGISTRY,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.model_name = model_name
        self.image = image
        self.version = version
        self.model_registry_conn_id = model_registry_conn_id

    @ends_with_a_sentence
    def execute(self, context: Context) -> dict[str, Any]:
        """Hand on what is to be rolled out, or skip with the reason."""
        registry, request = ModelRegistryHook(self.model_registry_conn_id).client(), request_of(context)
        decision: Decision | str
        if self.version:
            decision = decide.by_hand(registry, self.model_name, self.version, request, self.log.info)
        else:
            decision = decide.of_event(registry, latest_event(context, self.image, self.model_name), request)
        if isinstance(decision, str):
            raise AirflowSkipException(decision)
        self.log.info("Version %s of %s is to serve.", decision.model_version, decision.model_name)
        return asdict(decision)


def request_of(context: Context) -> Request:
    """Which run wants another version to serve, since when, and who has started it."""
    run = context["dag_run"]
    return Request.of(run.dag_id, run.run_id, run.run_after, run.triggering_user_name)


def latest_event(context: Context, image: Asset, model_name: str) -> dict[str, Any]:
    """What the newest of the events that started this run says.

    Raises:
        BadRequest: Nothing started this run but a hand, or the image is that of another model.
    """
    events = context["triggering_asset_events"].get(image, [])
    if not events or not (events[-1].extra or {}).keys() >= EVENT_FIELDS:
        raise BadRequest(
            "This run was started without an image or a version; start it with version=previous to put back "
            "what served before the champion, with a version's number to let that one serve, or run the "
            "training DAG with deploy=always for a new one."
        )
    event = dict(events[-1].extra)
    if event["model_name"] != model_name:
        raise BadRequest(
            f"{image.name} is an image of {event['model_name']}, and this DAG deploys {model_name}; correct "
            "the Asset or `model_name` in the DAG file."
        )
    return event


class RollOutOperator(DocumentedOperator):
    """Lets the site serve the version; what served before serves on if it does not get healthy.

    Args:
        decision: What decide_rollout handed on.
        host_port: Port on the VM's loopback address where the service is published.
        site: Where it is served.
        registry_conn_id: Who pulls images on the site.
        model_registry_conn_id: The model registry.
    """

    template_fields: Sequence[str] = ("decision", "host_port")
    handed_on: ClassVar[tuple[str, ...]] = ("decision",)
    ui_color: str = "#fdf1d6"

    def __init__(
        self,
        *,
        decision: Any,
        host_port: int | str,
        site: str = DEFAULT_SITE,
        registry_conn_id: str = DEFAULT_REGISTRY,
        model_registry_conn_id: str = DEFAULT_MODEL_REGISTRY,
        **kwargs: Any,
    ) -> None:
        kwargs.setdefault("pool", site)
        super().__init__(**kwargs)
        self.decision = decision
        self.host_port = host_port
        self.site = site
        self.registry_conn_id = registry_conn_id
        self.model_registry_conn_id = model_registry_conn_id

    @ends_with_a_sentence
    def execute(self, context: Context) -> dict[str, Any]:
        """Roll out, unless another version was asked for since."""
        self.check_inputs()
        decision = Decision(**self.decision)
        port = service_port(decision.model_name, self.host_port)
        registry = ModelRegistryHook(self.model_registry_conn_id).client()
        decide.current(registry, decision.model_name, decision.model_version, request_of(context))
        return asyncio.run(self._roll_out(decision, port))

    async def _roll_out(self, decision: Decision, port: int) -> dict[str, Any]:
        spec = rollout.service(decision.model_name, decision.model_version, decision.image, port)
        login = ImageRegistryHook(self.registry_conn_id).login()
        async with SiteHook(self.site).connect() as host:
            await rollout.require_serving(host, spec, decision.instead_of)
            changed = await rollout.roll_out(host, spec, login, trained_by=decision.trained_by)
        self.log.info(
            "%s %s on port %d of %s.",
            spec.image,
            "now serves" if changed else "serves already",
            spec.host_port,
            self.site,
        )
        place = Place(self.site, spec.name, spec.host_port)
        return {"decision": asdict(decision), "place": asdict(place), "changed": changed}


def service_port(model_name: str, value: int | str) -> int:
    """The port that a model is served on.

    Raises:
        BadRequest: The model's variable is not set, or is no port.
        AirflowException: A secrets backend did not answer.
    """
    variable = f"edge_service_port_{model_name}"
    if value in ("", None):
        raise no_variable(variable, "host_port")
    try:
        port = int(value)
    except (TypeError, ValueError):
        port = 0
    if not 0 < port <= HIGHEST_PORT:
        raise BadRequest(
            f"The service of {model_name} cannot be published on port {value!r}; set the variable {variable} "
            f"to a number from 1 to {HIGHEST_PORT}."
        )
    return port


class PromoteChampionOperator(DocumentedOperator):
    """Makes the version that serves the champion.

    Args:
        service: What roll_out handed on.
        model_registry_conn_id: The model registry.
    """

    template_fields: Sequence[str] = ("service",)
    handed_on: ClassVar[tuple[str, ...]] = ("service",)
    ui_color: str = "#fdf1d6"

    def __init__(
        self, *, service: Any, model_registry_conn_id: str = DEFAULT_MODEL_REGISTRY, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.service = service
        self.model_registry_conn_id = model_registry_conn_id

    @ends_with_a_sentence
    def execute(self, context: Context) -> None:
        """Write the history and move the alias."""
        self.check_inputs()
        registry = ModelRegistryHook(self.model_registry_conn_id).client()
        decision, place = Decision(**self.service["decision"]), Place(**self.service["place"])
        change = decision.change(request_of(context))
        promote(registry, decision.model_name, place, self.now(), change)
        self.log.info("Version %s of %s is the champion.", decision.model_version, decision.model_name)

    def now(self) -> datetime:
        """The time at which the version begins to serve."""
        return datetime.now(UTC)
