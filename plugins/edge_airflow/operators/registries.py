"""register_model, build_image, push_image: what happens to the bundle once it has left the site."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from airflow.sdk import Asset, Context

from edge_airflow.failures import ends_with_a_sentence
from edge_airflow.hooks.registries import ImageRegistryHook, ModelRegistryHook
from edge_airflow.operators.defaults import (
    BUNDLE_STORE,
    DEFAULT_MODEL_REGISTRY,
    DEFAULT_REGISTRY,
    DEFAULT_SITE,
    SERVING_IMAGE,
)
from edge_airflow.operators.documented import DocumentedOperator
from edge_training import partitions
from edge_training.bundle import bundle_path
from edge_training.errors import BadRequest
from edge_training.lineage.tags import Asked, Lineage, lineage_of
from edge_training.ports.model_registry import ModelRegistry, ModelVersion
from edge_training.project import ModelProject
from edge_training.revision import git_commit
from edge_training.signature import require_fit
from edge_training.stages import build, push, register
from edge_training.stages.decide import policy_of


class RegisterModelOperator(DocumentedOperator):
    """Registers the bundle once, with its lineage as tags; a model that has failed a gate as rejected, and
    then the run ends here.

    Args:
        model: The model's project.
        snapshot: What snapshot_data handed on.
        validation: What validate_data handed on.
        training: What train_model handed on.
        evaluation: What evaluate_model handed on.
        bundle: What export_model handed on.
        site: Where it was trained.
        model_registry_conn_id: The model registry.
        bundle_store: The workers' directory of bundles.
    """

    template_fields: Sequence[str] = (
        "snapshot",
        "validation",
        "training",
        "evaluation",
        "bundle",
        "bundle_store",
    )
    handed_on: ClassVar[tuple[str, ...]] = ("snapshot", "validation", "training", "evaluation", "bundle")
    from_variables: ClassVar[Mapping[str, str]] = {"bundle_store": "edge_bundle_store"}
    ui_color: str = "#e6f4e1"

    def __init__(
        self,
        *,
        model: ModelProject,
        snapshot: Any,
        validation: Any,
        training: Any,
        evaluation: Any,
        bundle: Any,
        site: str = DEFAULT_SITE,
        model_registry_conn_id: str = DEFAULT_MODEL_REGISTRY,
        bundle_store: str = BUNDLE_STORE,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.model = model
        self.snapshot = snapshot
        self.validation = validation
        self.training = training
        self.evaluation = evaluation
        self.bundle = bundle
        self.site = site
        self.model_registry_conn_id = model_registry_conn_id
        self.bundle_store = bundle_store

    @ends_with_a_sentence
    def execute(self, context: Context) -> dict[str, Any]:
        """Register, or find what was registered."""
        self.check_inputs()
        key, hook = self.training["training_key"], ModelRegistryHook(self.model_registry_conn_id)
        bundle = stored_bundle(self.bundle_store, self.bundle["bundle_digest"])
        require_fit(bundle, self.model.contract_text(), self.model.derived_inputs)
        registered = register.register(
            hook.client(),
            bundle,
            self.model.name,
            key,
            self._lineage(context),
            register.Evaluation(
                self.evaluation["metrics"],
                self.evaluation["gates"],
                self.evaluation["slices"],
                self.evaluation["champion_version"],
            ),
            self.training["params"],
            register.data_files(hook.validations(), self.validation),
        )
        self.log.info("Training %s is version %s of %s.", key, registered["model_version"], self.model.name)
        return {"training_key": key, **registered}

    def _lineage(self, context: Context) -> Lineage:
        """Where the model comes from."""
        task = context["ti"]
        asked = Asked(
            partition=partitions.parse(context["dag_run"].partition_key).isoformat(),
            site=self.site,
            git_commit=git_commit(self.model.folder),
            dag_id=task.dag_id,
            run_id=task.run_id,
        )
        return lineage_of(asked, self.snapshot, self.validation, self.training, self.model.drift.ignore)


def stored_bundle(store: str, digest: str) -> Path:
    """Where export_model has put the bundle.

    Raises:
        BadRequest: It is not there.
    """
    path = bundle_path(Path(store), digest)
    if not path.is_file():
        raise BadRequest(
            f"The bundle {digest} is not in {store}; let all workers share that directory, or clear the "
            "run from export_model on."
        )
    return path


class BuildImageOperator(DocumentedOperator):
    """Appends the registered model to the serving runtime, straight in the registry; nothing is tagged yet.

    Args:
        model: The model's project.
        registration: What register_model handed on.
        serving_image: The serving runtime, by digest.
        registry_conn_id: The container registry.
        model_registry_conn_id: The model registry.
        bundle_store: The workers' directory of bundles.
    """

    template_fields: Sequence[str] = ("registration", "serving_image", "bundle_store")
    handed_on: ClassVar[tuple[str, ...]] = ("registration",)
    from_variables: ClassVar[Mapping[str, str]] = {
        "serving_image": "edge_serving_image",
        "bundle_store": "edge_bundle_store",
    }
    ui_color: str = "#e6f4e1"

    def __init__(
        self,
        *,
        model: ModelProject,
        registration: Any,
        serving_image: str = SERVING_IMAGE,
        registry_conn_id: str = DEFAULT_REGISTRY,
        model_registry_conn_id: str = DEFAULT_MODEL_REGISTRY,
        bundle_store: str = BUNDLE_STORE,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.model = model
        self.registration = registration
        self.serving_image = serving_image
        self.registry_conn_id = registry_conn_id
        self.model_registry_conn_id = model_registry_conn_id
        self.bundle_store = bundle_store

    @ends_with_a_sentence
    def execute(self, context: Context) -> dict[str, Any]:
        """Build, or find that the registry has the image."""
        self.check_inputs()
        registry = ModelRegistryHook(self.model_registry_conn_id).client()
        version = registered_version(registry, self.registration)
        bundle = registry.fetch(version, Path(self.bundle_store))
        images = ImageRegistryHook(self.registry_conn_id).client()
        return build.build(images, bundle, self.serving_image, f"edge/{self.model.name}", self.model.name)


def registered_version(registry: ModelRegistry, registration: Any) -> ModelVersion:
    """The version that register_model handed on.

    Raises:
        BadRequest: The model registry no longer has it.
    """
    version = registry.get(registration["model_name"], registration["model_version"])
    if version is None:
        raise BadRequest(
            f"The model registry has no version {registration['model_version']} of "
            f"{registration['model_name']}; clear the run from register_model on."
        )
    return version


class PushImageOperator(DocumentedOperator):
    """Tags the verified image, writes it to the model version, and tells those who follow the image's Asset.

    Args:
        model: The model's project.
        registration: What register_model handed on.
        image: What build_image handed on, verified.
        deploy: What the run asks of the deploy DAG: auto, newer, always or never.
        asset: The image's Asset.
        registry_conn_id: The container registry.
        model_registry_conn_id: The model registry.
    """

    template_fields: Sequence[str] = ("registration", "image", "deploy")
    handed_on: ClassVar[tuple[str, ...]] = ("registration", "image")
    ui_color: str = "#e6f4e1"

    def __init__(
        self,
        *,
        model: ModelProject,
        registration: Any,
        image: Any,
        deploy: str,
        asset: Asset,
        registry_conn_id: str = DEFAULT_REGISTRY,
        model_registry_conn_id: str = DEFAULT_MODEL_REGISTRY,
        **kwargs: Any,
    ) -> None:
        super().__init__(outlets=[asset], **kwargs)
        self.model = model
        self.registration = registration
        self.image = image
        self.deploy = deploy
        self.asset = asset
        self.registry_conn_id = registry_conn_id
        self.model_registry_conn_id = model_registry_conn_id

    @ends_with_a_sentence
    def execute(self, context: Context) -> dict[str, Any]:
        """Tag, write back, announce."""
        self.check_inputs()
        run = context["dag_run"]
        policy = policy_of(self.deploy, is_backfill=run.run_type == "backfill")
        partition = partitions.parse(run.partition_key).isoformat()
        registry = ModelRegistryHook(self.model_registry_conn_id).client()
        images = ImageRegistryHook(self.registry_conn_id).client()
        pushed = push.push(
            images, registry, self.image["image"], registered_version(registry, self.registration), partition
        )
        context["outlet_events"][self.asset].extra = {
            "model_name": self.model.name,
            "model_version": self.registration["model_version"],
            "image": self.image["image"],
            "partition": partition,
            "deploy": policy,
        }
        return pushed
