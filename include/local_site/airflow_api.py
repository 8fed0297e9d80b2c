"""The few calls of Airflow's REST API (v2) that the demo needs."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any

import httpx

from local_site.errors import LocalSiteError

CALL_LIMIT_S = 30.0
PAGE_SIZE = 100


class AirflowApi:
    """A logged-in client of one Airflow.

    Args:
        url: The API server's address.
        user: Who logs in.
        password: Their password.
    """

    def __init__(self, url: str, user: str, password: str) -> None:
        self._client = httpx.Client(base_url=url, timeout=CALL_LIMIT_S, trust_env=False)
        token = self._call("POST", "/auth/token", {"username": user, "password": password})["access_token"]
        self._client.headers["Authorization"] = f"Bearer {token}"

    def unpause(self, dag_id: str) -> None:
        """Let a DAG's runs start."""
        self._call("PATCH", f"/api/v2/dags/{dag_id}", {"is_paused": False})

    def dag_ids(self) -> set[str]:
        """The DAGs that Airflow has parsed."""
        return {dag["dag_id"] for dag in self._call("GET", "/api/v2/dags")["dags"]}

    def import_errors(self) -> list[str]:
        """What keeps DAG files from being parsed."""
        return [error["stack_trace"] for error in self._call("GET", "/api/v2/importErrors")["import_errors"]]

    def cancel_active_backfills(self, dag_id: str) -> None:
        """End what an interrupted demo left: a DAG has one active backfill at most."""
        for backfill in self._call("GET", f"/api/v2/backfills?dag_id={dag_id}")["backfills"]:
            if backfill["completed_at"] is None:
                self._call("PUT", f"/api/v2/backfills/{backfill['id']}/cancel")

    def backfill(self, dag_id: str, first: str, last: str, conf: dict[str, Any]) -> datetime:
        """Run every partition from `first` to `last`, also those that ran before; gives the time of it."""
        created = self._call(
            "POST",
            "/api/v2/backfills",
            {
                "dag_id": dag_id,
                "from_date": f"{first}T00:00:00Z",
                "to_date": f"{last}T00:00:00Z",
                "dag_run_conf": conf,
                "reprocess_behavior": "completed",
            },
        )
        return datetime.fromisoformat(created["created_at"])

    def trigger(self, dag_id: str, partition_key: str | None, conf: dict[str, Any]) -> str:
        """Start one run by hand, as the UI's form does; gives its id."""
        body: dict[str, Any] = {"logical_date": None, "conf": conf}
        if partition_key is not None:
            body["partition_key"] = partition_key
        return str(self._call("POST", f"/api/v2/dags/{dag_id}/dagRuns", body)["dag_run_id"])

    def runs(self, dag_id: str) -> list[dict[str, Any]]:
        """The DAG's newest runs, newest first."""
        query = f"/api/v2/dags/{dag_id}/dagRuns?order_by=-run_after&limit={PAGE_SIZE}"
        return list(self._call("GET", query)["dag_runs"])

    def tasks(self, dag_id: str, run_id: str) -> list[dict[str, Any]]:
        """The task instances of a run."""
        return list(
            self._call("GET", f"/api/v2/dags/{dag_id}/dagRuns/{run_id}/taskInstances")["task_instances"]
        )

    def handed_on(self, dag_id: str, run_id: str, task_id: str) -> Any:
        """What a task returned."""
        path = f"/api/v2/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/xcomEntries/return_value"
        return self._call("GET", path)["value"]

    def links(self, dag_id: str, run_id: str, task_id: str) -> dict[str, str | None]:
        """Where the extra links of a task lead, by their names."""
        path = f"/api/v2/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/links"
        return dict(self._call("GET", path)["extra_links"])

    def messages(
        self, dag_id: str, run_id: str, task: dict[str, Any], levels: Collection[str] | None = None
    ) -> list[str]:
        """The messages in the log of a task's last try; only those of some levels, where given."""
        path = f"/api/v2/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task['task_id']}"
        content = self._call("GET", f"{path}/logs/{task['try_number']}?full_content=true")["content"]
        return [entry["event"] for entry in content if levels is None or entry.get("level") in levels]

    def _call(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        try:
            response = self._client.request(method, path, json=body)
            response.raise_for_status()
        except httpx.HTTPStatusError as error:
            answer = error.response.text[:300]
            raise LocalSiteError(
                f"Airflow answered {error.response.status_code} to {method} {path}: {answer}"
            ) from None
        except httpx.HTTPError as error:
            raise LocalSiteError(
                f"Airflow does not answer to {method} {path} ({error}); see its logs in the state directory."
            ) from None
        return response.json() if response.content else None
