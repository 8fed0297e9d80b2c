"""One training DAG for each fault: the example's chain, over connections of its own, and its deployment for
those that break it.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from airflow.sdk import DAG, Asset, CronPartitionTimetable, Param, PartitionedAssetTimetable, dag

from edge_airflow.operators.data import (
    SnapshotDataOperator,
    StageDataOperator,
    ValidateDataOperator,
    WaitForPartitionOperator,
)
from edge_airflow.operators.deploy import DecideRolloutOperator, PromoteChampionOperator, RollOutOperator
from edge_airflow.operators.model import (
    EvaluateModelOperator,
    ExportModelOperator,
    TrainModelOperator,
    VerifyImageOperator,
)
from edge_airflow.operators.registries import BuildImageOperator, PushImageOperator, RegisterModelOperator
from edge_training.ports.edge_host import Limits
from edge_training.project import ModelProject, Ready

LINES: list[dict[str, Any]] = json.loads(Path(__file__).with_name("chaos_lines.json").read_text())
WINDOW_DAYS = 1
PARAMS = {
    "nonce": Param("", type="string"),
    "stage_s": Param(1.0, type="number"),
    "log_mb": Param(0, type="integer"),
    "memory_mb": Param(0, type="integer"),
}


def chaos_dag(line: dict[str, Any]) -> DAG:
    """The chain over one line.

    Args:
        line: `dag_id`, `model`, `site`, `registry`, `mlflow`, `memory_bytes`, `retries`, `retry_delay_s`,
            `training_timeout_s`, `export_deferrable`, `service`.
    """
    registry, mlflow = {"registry_conn_id": line["registry"]}, {"model_registry_conn_id": line["mlflow"]}
    model = ModelProject(
        name=line["model"],
        folder=Path(__file__).parents[1] / "include" / "chaos",
        container="flights-data",
        prefix="flights/date={partition}/",
        ready=Ready(),
        training_limit_s=1800,
        may_leave=("model/*", "model/artifacts/*", "model/code/*", "metrics.jsonl", "evaluation.json"),
    )

    @dag(
        dag_id=line["dag_id"],
        schedule=CronPartitionTimetable("0 0 * * *", timezone="UTC", run_offset=-1, key_format="%Y-%m-%d"),
        start_date=datetime(2013, 1, 2, tzinfo=UTC),
        end_date=datetime(2013, 1, 3, tzinfo=UTC),
        catchup=False,
        params=PARAMS,
        render_template_as_native_obj=True,
        default_args={
            "model": model,
            "site": line["site"],
            "retries": line["retries"],
            "retry_delay": timedelta(seconds=line["retry_delay_s"]),
            "execution_timeout": timedelta(hours=1),
        },
        tags=["chaos"],
    )
    def chain() -> None:
        """The example's chain."""
        wait = WaitForPartitionOperator(
            task_id="wait_for_partition",
            window_days=WINDOW_DAYS,
            poll_s=1,
            deferrable=True,
            **registry,
        )
        snapshot = SnapshotDataOperator(task_id="snapshot_data", window_days=WINDOW_DAYS, **registry)
        stage = StageDataOperator(task_id="stage_data", snapshot=snapshot.output, **registry)
        validate = ValidateDataOperator(
            task_id="validate_data", snapshot=snapshot.output, **registry, **mlflow
        )
        train = TrainModelOperator(
            task_id="train_model",
            snapshot=snapshot.output,
            script_params={name: f"{{{{ params.{name} }}}}" for name in PARAMS},
            limits=Limits(memory_bytes=line["memory_bytes"]),
            deferrable=True,
            execution_timeout=timedelta(seconds=line["training_timeout_s"]),
            **registry,
            **mlflow,
        )
        evaluate = EvaluateModelOperator(
            task_id="evaluate_model", snapshot=snapshot.output, training=train.output, **registry
        )
        export = ExportModelOperator(
            task_id="export_model",
            training=train.output,
            evaluation=evaluate.output,
            deferrable=line["export_deferrable"],
            **registry,
        )
        register = RegisterModelOperator(
            task_id="register_model",
            snapshot=snapshot.output,
            validation=validate.output,
            training=train.output,
            evaluation=evaluate.output,
            bundle=export.output,
            **mlflow,
        )
        build = BuildImageOperator(task_id="build_image", registration=register.output, **registry, **mlflow)
        verify = VerifyImageOperator(
            task_id="verify_image", image=build.output, evaluation=evaluate.output, **registry
        )
        push = PushImageOperator(
            task_id="push_image",
            registration=register.output,
            image=build.output,
            deploy="always" if line["service"] else "never",
            asset=image_of(line),
            **registry,
            **mlflow,
        )
        chain_up = wait >> snapshot >> stage >> validate >> train >> evaluate
        chain_up >> export >> register >> build >> verify >> push

    return chain()


def deploy_dag(line: dict[str, Any]) -> DAG:
    """The example's deployment over one line.

    Args:
        line: As for the chain; `service_port` is the site's own, `service` is added to it.
    """
    image, mlflow = image_of(line), {"model_registry_conn_id": line["mlflow"]}

    @dag(
        dag_id=f"deploy_{line['model']}",
        schedule=PartitionedAssetTimetable(assets=image),
        catchup=False,
        max_active_runs=1,
        default_args={
            "site": line["site"],
            "retries": line["retries"],
            "retry_delay": timedelta(seconds=line["retry_delay_s"]),
            "execution_timeout": timedelta(minutes=30),
        },
        tags=["chaos"],
    )
    def deployment() -> None:
        """The example's deployment."""
        decide = DecideRolloutOperator(
            task_id="decide_rollout", model_name=line["model"], image=image, **mlflow
        )
        roll_out = RollOutOperator(
            task_id="roll_out",
            decision=decide.output,
            host_port=line["service_port"] + line["service"],
            registry_conn_id=line["registry"],
            **mlflow,
        )
        promote = PromoteChampionOperator(task_id="promote_champion", service=roll_out.output, **mlflow)
        decide >> roll_out >> promote

    return deployment()


def image_of(line: dict[str, Any]) -> Asset:
    """What the one makes and the other follows."""
    return Asset(f"{line['model']}_image")


for one_line in LINES:
    chaos_dag(one_line)
    if one_line["service"]:
        deploy_dag(one_line)
