"""Registers the plugin with Airflow; the package itself is imported by its full name."""

from __future__ import annotations

from airflow.plugins_manager import AirflowPlugin

from edge_airflow.priorities import BackfillsLast


class EdgeTrainingPlugin(AirflowPlugin):
    """Edge training on Airflow."""

    name = "edge_training"
    priority_weight_strategies = [BackfillsLast]  # noqa: RUF012  (no ClassVar in Airflow's base class)
