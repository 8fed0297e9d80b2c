"""train_model, evaluate_champion, evaluate_model, export_model, verify_image: the model's way on the site."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

from airflow.sdk import Context

from edge_airflow.hooks.registries import ImageRegistryHook, ModelRegistryHook
from edge_airflow.operators.base import EdgeJobOperator, Lineage
from edge_airflow.operators.defaults import BUNDLE_STORE, DEFAULT_MODEL_REGISTRY
from edge_airflow.tracked import Tracked
from edge_airflow.validated import champion_to_compare_with
from edge_training import verdict
from edge_training.identity import code_digest
from edge_training.jobs import EdgeJob
from edge_training.ports.edge_host import EdgeHost
from edge_training.run import PipelineRun
from edge_training.stages import champion, evaluate, export, train, verify
from edge_training.stages.preflight import SiteNeeds, ensure_ready


class TrainModelOperator(EdgeJobOperator):
    """Trains in the sandbox; the same data, code, image, parameters and seed are trained once.

    It waits in the triggerer, where its metrics go to the model registry while it trains.

    Args:
        snapshot: What snapshot_data handed on.
        script_params: Parameters of the training script.
        force: Train although this training was done before.
        model_registry_conn_id: Where the training's metrics and its raw log go.
    """

    template_fields: Sequence[str] = (*EdgeJobOperator.template_fields, "snapshot", "script_params", "force")
    handed_on: ClassVar[tuple[str, ...]] = ("snapshot",)

    def __init__(
        self,
        *,
        snapshot: Any,
        script_params: Any,
        force: bool | str = False,
        model_registry_conn_id: str = DEFAULT_MODEL_REGISTRY,
        **kwargs: Any,
    ) -> None:
        kwargs.setdefault("deferrable", True)
        super().__init__(**kwargs)
        self.model_registry_conn_id = model_registry_conn_id
        self.snapshot = snapshot
        self.script_params = script_params
        self.force = force

    def build_job(self, run: PipelineRun, context: Context) -> EdgeJob:
        """The training."""
        forced = str(self.force).lower() == "true"  # a DAG without native rendering hands on text
        asked = context["dag_run"]  # the time as well: a run that was deleted may come again by its name
        nonce = f"{asked.run_id} of {asked.run_after.isoformat()}" if forced else ""
        return train.job(run, self.snapshot["data_digest"], self.script_params, nonce)

    async def before_start(self, host: EdgeHost, run: PipelineRun, job: EdgeJob) -> None:
        """Look whether the site has all that the training needs, before it takes hours; a model registry that
        is not configured is said now as well.
        """
        ModelRegistryHook(self.model_registry_conn_id).tracker()
        needs = SiteNeeds(job.limits, free_disk_bytes=run.project.min_free_disk_bytes)
        await ensure_ready(host, self.site, needs, job.image, job.login)

    def tracked(self, run: PipelineRun, lineage: Lineage) -> Tracked:
        """The training's run in the model registry."""
        tags = {"site": run.site.name, "partition": run.partition}
        return Tracked(self.model_registry_conn_id, self.model.name, lineage["training_key"], tags)

    def lineage(self, run: PipelineRun, job: EdgeJob) -> Lineage:
        """The training's identity, with all that went into it."""
        return {
            "training_key": job.key,
            "training_image": run.training_image,
            "code_digest": code_digest(job.code),
            "params": dict(self.script_params),
            "seed": run.project.seed,
        }


class EvaluateChampionOperator(EdgeJobOperator):
    """Measures the champion on the holdout day with this run's script, where a gate compares with it.

    Args:
        snapshot: What snapshot_data handed on.
        training: What train_model handed on.
        model_registry_conn_id: Who knows the champion, and has its bundle.
        bundle_store: The workers' directory of bundles.
    """

    template_fields: Sequence[str] = (
        *EdgeJobOperator.template_fields,
        "snapshot",
        "training",
        "bundle_store",
    )
    handed_on: ClassVar[tuple[str, ...]] = ("snapshot", "training")
    from_variables: ClassVar[Mapping[str, str]] = {
        **EdgeJobOperator.from_variables,
        "bundle_store": "edge_bundle_store",
    }

    def __init__(
        self,
        *,
        snapshot: Any,
        training: Any,
        model_registry_conn_id: str = DEFAULT_MODEL_REGISTRY,
        bundle_store: str = BUNDLE_STORE,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.snapshot = snapshot
        self.training = training
        self.model_registry_conn_id = model_registry_conn_id
        self.bundle_store = bundle_store
        self._version = ""
        self._fetch: Callable[[], object] = lambda: None

    def build_job(self, run: PipelineRun, context: Context) -> EdgeJob | dict[str, Any]:
        """The champion's evaluation; nothing where there is none to compare with."""
        registry = ModelRegistryHook(self.model_registry_conn_id).client()
        found = champion_to_compare_with(context, registry, self.model.name)
        key = self.training["training_key"]
        rival, store = champion.rival_of(self.model, found, key, run.partition), Path(self.bundle_store)
        if found is None or rival.note:
            self.log.info("Nothing is compared with a champion: %s.", rival.note)
            return asdict(rival)
        self._version = found.version
        self._fetch = partial(registry.fetch, found, store)
        return champion.job(run, self.snapshot["data_digest"], self.training["params"], found, store)

    async def before_start(self, host: EdgeHost, run: PipelineRun, job: EdgeJob) -> None:
        """Have the champion's bundle at hand, which travels to the site with the job."""
        await asyncio.to_thread(self._fetch)

    def lineage(self, run: PipelineRun, job: EdgeJob) -> Lineage:
        """Which version it is, chosen before the job starts."""
        return {"version": self._version, "note": ""}


class EvaluateModelOperator(EdgeJobOperator):
    """Evaluates on the holdout day and holds the metrics against the gates.

    Args:
        snapshot: What snapshot_data handed on.
        training: What train_model handed on.
        champion: What evaluate_champion handed on; may be left out where no gate compares with the champion.
    """

    template_fields: Sequence[str] = (*EdgeJobOperator.template_fields, "snapshot", "training", "champion")
    handed_on: ClassVar[tuple[str, ...]] = ("snapshot", "training")

    def __init__(self, *, snapshot: Any, training: Any, champion: Any = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        evaluate.require_champion(self.model, champion)
        self.snapshot = snapshot
        self.training = training
        self.champion = champion

    def build_job(self, run: PipelineRun, context: Context) -> EdgeJob:
        """The evaluation."""
        return evaluate.job(
            run,
            self.snapshot["data_digest"],
            self.training["training_key"],
            self.training["params"],
            champion.Rival.handed_on(self.champion) if self.champion else None,
        )

    async def finish(
        self, host: EdgeHost, run: PipelineRun, job_name: str, value: dict[str, Any]
    ) -> dict[str, Any]:
        """Say what each gate has found."""
        for gate in value["gates"]:
            self.log.info("%s: %s.", "passed" if gate["passed"] else "FAILED", verdict.sentence(gate))
        return value


class ExportModelOperator(EdgeJobOperator):
    """Lists what may leave the site, and streams out exactly that: to a worker, which keeps it.

    Args:
        training: What train_model handed on.
        evaluation: What evaluate_model handed on.
        bundle_store: The workers' directory of bundles.
    """

    template_fields: Sequence[str] = (
        *EdgeJobOperator.template_fields,
        "training",
        "evaluation",
        "bundle_store",
    )
    handed_on: ClassVar[tuple[str, ...]] = ("training", "evaluation")
    from_variables: ClassVar[Mapping[str, str]] = {
        **EdgeJobOperator.from_variables,
        "bundle_store": "edge_bundle_store",
    }

    def __init__(
        self, *, training: Any, evaluation: Any, bundle_store: str = BUNDLE_STORE, **kwargs: Any
    ) -> None:
        super().__init__(end_from_trigger=False, **kwargs)
        self.training = training
        self.evaluation = evaluation
        self.bundle_store = bundle_store

    def build_job(self, run: PipelineRun, context: Context) -> EdgeJob:
        """The job that checks and lists."""
        return export.job(run, self.training["training_key"], self.evaluation["job"])

    async def finish(
        self, host: EdgeHost, run: PipelineRun, job_name: str, value: dict[str, Any]
    ) -> dict[str, Any]:
        """List what leaves, then let exactly that through the door."""
        files = export.listed(run, value)
        for file in files:
            self.log.info("leaves the site: %(path)s, %(size)d bytes, sha256 %(sha256)s", file)
        path = await export.fetch(host, job_name, files, Path(self.bundle_store))
        self.log.info("All of it has arrived, and nothing else, as bundle %s.", path.stem)
        return {"bundle_digest": path.stem, "size_bytes": value["size_bytes"], "files": len(files)}


class VerifyImageOperator(EdgeJobOperator):
    """Proves on the site that the image answers as the model did at evaluation.

    Args:
        image: What build_image handed on.
        evaluation: What evaluate_model handed on.
    """

    template_fields: Sequence[str] = (*EdgeJobOperator.template_fields, "image", "evaluation")
    handed_on: ClassVar[tuple[str, ...]] = ("image", "evaluation")

    def __init__(self, *, image: Any, evaluation: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.image = image
        self.evaluation = evaluation

    def build_job(self, run: PipelineRun, context: Context) -> EdgeJob:
        """The job that runs in the image itself."""
        command = verify.server_command(
            ImageRegistryHook(self.registry_conn_id).client(), self.image["image"]
        )
        return verify.job(run, self.image["image"], command, self.evaluation["job"])
