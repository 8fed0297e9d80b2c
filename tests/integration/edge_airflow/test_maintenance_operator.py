"""The task that cleans up finds all that it needs behind its connections."""

from __future__ import annotations

import json

from edge_airflow.operators.maintenance import RemoveLeftoversOperator


def test_a_pass_that_finds_nothing_old_removes_nothing(site, connect_through, monkeypatch):
    """Others use this site too: whatever its age, nothing there is older than the settings say."""
    connect_through()
    monkeypatch.setenv("AIRFLOW__API__BASE_URL", "https://airflow.example")
    models = {"conn_type": "http", "host": site.mlflow_url}
    monkeypatch.setenv("AIRFLOW_CONN_MODELS_OF_OURS", json.dumps(models))
    task = RemoveLeftoversOperator(
        task_id="remove_leftovers", min_age_hours=10**5, model_registry_conn_id="models_of_ours"
    )
    removed = task.execute({})
    del removed["bookmarks"]  # those of jobs that are gone go at any age
    assert set(removed.values()) == {0}
