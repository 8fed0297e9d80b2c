"""Trains the flight delay model every night, on the site where the flights are."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from airflow.sdk import Asset, CronPartitionTimetable, Param, dag

from edge_airflow.operators.data import (
    SnapshotDataOperator,
    StageDataOperator,
    ValidateDataOperator,
    WaitForPartitionOperator,
)
from edge_airflow.operators.model import (
    EvaluateChampionOperator,
    EvaluateModelOperator,
    ExportModelOperator,
    TrainModelOperator,
    VerifyImageOperator,
)
from edge_airflow.operators.registries import BuildImageOperator, PushImageOperator, RegisterModelOperator
from edge_training.project import Drift, Gate, ModelProject

MODEL = ModelProject(
    name="flight_delay",
    folder=Path(__file__).parents[1] / "include" / "flight_delay",
    container="flights-data",
    prefix="flights/date={partition}/",
    gates=(
        Gate("mae", at_most=60.0),
        Gate("mae_to_baseline", at_most=1.2),
        Gate("mae", above_champion_by=5.0),
        Gate("mae", at_most=80.0, slice="carrier", min_rows=100),
    ),
    # Windows of one year differ by up to 0.5, its stormiest days by up to 3.6 (measured).
    drift=Drift(psi_warn=0.25, psi_stop=5.0, ignore=("year", "month", "day", "time_hour")),
    training_limit_s=1800,
)
IMAGE = Asset("flight_delay_image")
PARAMS = {
    "window_days": Param(
        14, type="integer", minimum=1, maximum=365, title="Days before the partition to train on"
    ),
    "learning_rate": Param(0.05, type="number", exclusiveMinimum=0, maximum=1, title="Learning rate"),
    "stages": Param(5, type="integer", minimum=1, maximum=100, title="Stages, each with a checkpoint"),
    "force": Param(False, type="boolean", title="Train although the same training was done before"),
    "deploy": Param(
        "auto",
        enum=["auto", "newer", "always", "never"],
        title="Deploy",
        description="auto: what is newer than the champion, and nothing from backfills",
    ),
}


@dag(
    schedule=CronPartitionTimetable("0 0 * * *", timezone="UTC", run_offset=-1, key_format="%Y-%m-%d"),
    start_date=datetime(2013, 1, 2, tzinfo=UTC),
    end_date=datetime(2014, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=4,
    params=PARAMS,
    render_template_as_native_obj=True,
    default_args={
        "model": MODEL,
        "site": "edge_site",
        "retries": 5,
        "retry_delay": timedelta(seconds=20),
        "retry_exponential_backoff": 2,  # a registry may be away for ten minutes
        "execution_timeout": timedelta(hours=30),  # longer than the site may be out of reach
    },
    tags=["edge", "training"],
    doc_md=__doc__,
)
def train_flight_delay() -> None:
    """Check the partition, train on the days before it, evaluate on it; register, build, verify and push what
    came of it.
    """
    window = "{{ params.window_days }}"
    script_params = {"learning_rate": "{{ params.learning_rate }}", "stages": "{{ params.stages }}"}

    wait = WaitForPartitionOperator(task_id="wait_for_partition", window_days=window, deferrable=True)
    snapshot = SnapshotDataOperator(task_id="snapshot_data", window_days=window)
    stage = StageDataOperator(task_id="stage_data", snapshot=snapshot.output)
    validate = ValidateDataOperator(task_id="validate_data", snapshot=snapshot.output)
    train = TrainModelOperator(
        task_id="train_model",
        snapshot=snapshot.output,
        script_params=script_params,
        force="{{ params.force }}",
    )
    champion = EvaluateChampionOperator(
        task_id="evaluate_champion", snapshot=snapshot.output, training=train.output
    )
    evaluate = EvaluateModelOperator(
        task_id="evaluate_model", snapshot=snapshot.output, training=train.output, champion=champion.output
    )
    export = ExportModelOperator(task_id="export_model", training=train.output, evaluation=evaluate.output)
    register = RegisterModelOperator(
        task_id="register_model",
        snapshot=snapshot.output,
        validation=validate.output,
        training=train.output,
        evaluation=evaluate.output,
        bundle=export.output,
    )
    build = BuildImageOperator(task_id="build_image", registration=register.output)
    verify = VerifyImageOperator(task_id="verify_image", image=build.output, evaluation=evaluate.output)
    push = PushImageOperator(
        task_id="push_image",
        registration=register.output,
        image=build.output,
        deploy="{{ params.deploy }}",
        asset=IMAGE,
    )

    (
        wait
        >> snapshot
        >> stage
        >> validate
        >> train
        >> champion
        >> evaluate
        >> export
        >> register
        >> build
        >> verify
        >> push
    )


train_flight_delay()
