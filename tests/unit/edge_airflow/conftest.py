"""Airflow is set up before a test imports it."""

from __future__ import annotations

from tests.airflow_environment import prepare

prepare()
