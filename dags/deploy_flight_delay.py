"""Lets the site serve the flight delay model: follows the images that the training DAG pushes.

Start it by hand to go back: with the version `previous`, what served before the champion serves again, and
once more goes back further. A version's number lets that version serve. Nothing else moves the champion.
"""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import Asset, Param, PartitionedAssetTimetable, dag

from edge_airflow.operators.deploy import DecideRolloutOperator, PromoteChampionOperator, RollOutOperator

MODEL_NAME = "flight_delay"
IMAGE = Asset(f"{MODEL_NAME}_image")
PARAMS = {
    "version": Param(
        "",
        type="string",
        pattern="^(previous|[1-9][0-9]*)?$",
        examples=["previous"],
        title="Version that is to serve",
        description="previous: the one that served before the champion; a number: that version",
    ),
}


@dag(
    schedule=PartitionedAssetTimetable(assets=IMAGE),
    catchup=False,
    max_active_runs=1,
    params=PARAMS,
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
    decide = DecideRolloutOperator(
        task_id="decide_rollout", model_name=MODEL_NAME, image=IMAGE, version="{{ params.version }}"
    )
    roll_out = RollOutOperator(
        task_id="roll_out",
        decision=decide.output,
        host_port="{{ var.value.get('edge_service_port_flight_delay', '') }}",
    )
    promote = PromoteChampionOperator(task_id="promote_champion", service=roll_out.output)

    decide >> roll_out >> promote


deploy_flight_delay()
