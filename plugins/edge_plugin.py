"""Registers the plugin with Airflow; the package itself is imported by its full name."""

from __future__ import annotations

from airflow.plugins_manager import AirflowPlugin


class EdgeTrainingPlugin(AirflowPlugin):
    """Edge training on Airflow."""

    name = "edge_training"
