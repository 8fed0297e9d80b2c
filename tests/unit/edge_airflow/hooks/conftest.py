"""A secrets backend that fails, where Airflow looks for connections and variables."""

from __future__ import annotations

import pytest
from airflow.sdk.execution_time import supervisor


class FailingBackend:
    """Its server does not answer."""

    def get_connection(self, conn_id):
        raise ConnectionError(conn_id)

    def get_variable(self, key):
        raise ConnectionError(key)


@pytest.fixture
def failing_backend(monkeypatch) -> FailingBackend:
    """The only one that Airflow has."""
    backend = FailingBackend()
    monkeypatch.setattr(supervisor, "ensure_secrets_backend_loaded", lambda: [backend])
    return backend
