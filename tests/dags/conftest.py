"""The DAG files as Airflow reads them."""

from __future__ import annotations

from tests.airflow_environment import ROOT, prepare

prepare()

import pytest  # noqa: E402  (Airflow is set up before anything imports it)
from airflow.dag_processing.dagbag import DagBag  # noqa: E402  (as above)
from airflow.sdk import DAG  # noqa: E402  (as above)


@pytest.fixture(scope="session")
def dag_bag() -> DagBag:
    """All DAG files, parsed once."""
    return DagBag(ROOT / "dags")


@pytest.fixture(scope="session")
def training(dag_bag) -> DAG:
    """The training DAG."""
    return dag_bag.dags["train_flight_delay"]


@pytest.fixture(scope="session")
def deployment(dag_bag) -> DAG:
    """The deploy DAG."""
    return dag_bag.dags["deploy_flight_delay"]
