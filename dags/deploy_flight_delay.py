"""Lets the site serve the flight delay model: follows the images that the training DAG pushes."""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import Asset, PartitionedAssetTimetable, dag

from edge_airflow.operators.deploy import DecideRolloutOperator, PromoteChampionOperator, RollOutOperator

IMAGE = Asset("flight_delay_image")


@dag(
    schedule=PartitionedAssetTimetable(assets=IMAGE),
    catchup=False,
    max_active_runs=1,
    default_args={
        "site": "edge_site",
        "retries": 5,
        "retry_delay": timedelta(seconds=20),
        "retry_exponential_backoff": 2,  # a registry may be away for ten minutes
        "execution_timeout": timedelta(minutes=30),
    },
    tags=["edge", "deployment"],
    doc_md=__doc__,
)
def deploy_flight_delay() -> None:
    """Skip what is older than the champion; roll out, check health, promote, or keep what served before."""
    decide = DecideRolloutOperator(task_id="decide_rollout", image=IMAGE)
    roll_out = RollOutOperator(
        task_id="roll_out",
        decision=decide.output,
        host_port="{{ var.value.get('edge_service_port_flight_delay', '') }}",
    )
    promote = PromoteChampionOperator(task_id="promote_champion", service=roll_out.output)

    decide >> roll_out >> promote


deploy_flight_delay()
