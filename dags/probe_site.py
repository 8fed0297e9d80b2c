"""Looks at a site's blob store from the site itself, and says in one table what it supports.

Start it by hand when a site is set up, when its `api_version` is to be raised, or when staging fails and
nobody knows why. The table is in the task's log, the value as JSON in its XCom. It changes nothing.
"""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import Param, dag

from edge_airflow.operators.probe import ProbeStorageOperator

PARAMS = {
    "container": Param("flights-data", type="string", minLength=3, title="Blob container"),
    "prefix": Param("", type="string", title="Prefix", description="Where its data begins; may be empty"),
}


@dag(
    schedule=None,
    catchup=False,
    is_paused_upon_creation=False,
    params=PARAMS,
    default_args={
        "site": "edge_site",
        "retries": 2,
        "retry_delay": timedelta(seconds=20),
        "execution_timeout": timedelta(minutes=30),
    },
    tags=["edge", "maintenance"],
    doc_md=__doc__,
)
def probe_site() -> None:
    """Ask the blob store what it can do."""
    ProbeStorageOperator(
        task_id="probe_storage", container="{{ params.container }}", prefix="{{ params.prefix }}"
    )


probe_site()
