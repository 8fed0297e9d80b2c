"""decide_rollout, roll_out, promote_champion: the deploy DAG follows the image Asset of a training."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
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
from edge_training.deployments import Place
from edge_training.errors import BadRequest
from edge_training.stages import rollout

HIGHEST_PORT = 65535
EVENT_FIELDS = {"model_name", "model_version", "image", "partition", "deploy"}
"""What push_image writes into the event of the image's Asset."""


class DecideRolloutOperator(DocumentedOperator):
    """Reads the event that a training left, and skips the rest unless it asks for a deployment that makes
    sense.

    Args:
        image: The Asset whose event started this run.
        model_registry_conn_id: The model registry.
    """

    ui_color: str = "#fdf1d6"

    def __init__(
        self, *, image: Asset, model_registry_conn_id: str = DEFAULT_MODEL_REGISTRY, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.image = image
        self.model_registry_conn_id = model_registry_conn_id

    @ends_with_a_sentence
    def execute(self, context: Context) -> dict[str, Any]:
        """Hand on what is to be rolled out, or skip with the reason."""
        event = latest_event(context, self.image)
        champion = ModelRegistryHook(self.model_registry_conn_id).client().champion(event["model_name"])
        if reason := rollout.reason_to_skip(event["deploy"], event["partition"], champion):
            raise AirflowSkipException(reason)
        return event


def latest_event(context: Context, image: Asset) -> dict[str, Any]:
    """What the newest of the events that started this run says.

    Raises:
        BadRequest: Nothing started this run but a hand.
    """
    events = context["triggering_asset_events"].get(image, [])
    if not events or not (events[-1].extra or {}).keys() >= EVENT_FIELDS:
        raise BadRequest(
            "This run was started without an image; run the training DAG with deploy=always instead."
        )
    return dict(events[-1].extra)


class RollOutOperator(DocumentedOperator):
    """Lets the site serve the version; what served before serves on if it does not get healthy.

    Args:
        decision: What decide_rollout handed on.
        host_port: Port on the VM's loopback address where the service is published.
        site: Where it is served.
        registry_conn_id: Who pulls images on the site.
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
        **kwargs: Any,
    ) -> None:
        kwargs.setdefault("pool", site)
        super().__init__(**kwargs)
        self.decision = decision
        self.host_port = host_port
        self.site = site
        self.registry_conn_id = registry_conn_id

    @ends_with_a_sentence
    def execute(self, context: Context) -> dict[str, Any]:
        """Roll out."""
        self.check_inputs()
        return asyncio.run(self._roll_out(self.decision))

    async def _roll_out(self, decision: Mapping[str, Any]) -> dict[str, Any]:
        port = service_port(decision["model_name"], self.host_port)
        spec = rollout.service(decision["model_name"], decision["model_version"], decision["image"], port)
        async with SiteHook(self.site).connect() as host:
            changed = await rollout.roll_out(host, spec, ImageRegistryHook(self.registry_conn_id).login())
        self.log.info(
            "%s %s on port %d of %s.",
            spec.image,
            "now serves" if changed else "serves already",
            spec.host_port,
            self.site,
        )
        return {
            **decision,
            "site": self.site,
            "service": spec.name,
            "host_port": spec.host_port,
            "changed": changed,
        }


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
        """Move the alias."""
        self.check_inputs()
        registry = ModelRegistryHook(self.model_registry_conn_id).client()
        served = self.service
        place = Place(served.get("site", DEFAULT_SITE), served["service"], served["host_port"])
        rollout.promote(registry, served["model_name"], served["model_version"], place, datetime.now(UTC))
