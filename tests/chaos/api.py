"""Airflow's REST API, as far as the fault suite goes beyond the demo."""

from __future__ import annotations

import time
from typing import Any

from local_site.airflow_api import AirflowApi
from local_site.errors import LocalSiteError

MANY = 1000
POLL_S = 0.7


class ChaosApi(AirflowApi):
    """A client that also breaks things on request."""

    def dag_ids(self) -> set[str]:
        """The DAGs that Airflow has parsed; more than one page."""
        return {dag["dag_id"] for dag in self._call("GET", f"/api/v2/dags?limit={MANY}")["dags"]}

    def put_connection(self, conn_id: str, fields: dict[str, Any]) -> None:
        """Make a connection in Airflow's database, or change it."""
        try:
            self._call("POST", "/api/v2/connections", {"connection_id": conn_id, **fields})
        except LocalSiteError as error:
            if "answered 409" not in str(error):
                raise
            self._call("PATCH", f"/api/v2/connections/{conn_id}", {"connection_id": conn_id, **fields})

    def ensure_pool(self, name: str, slots: int) -> None:
        """Make a pool unless it is there."""
        pool = {"name": name, "slots": slots, "include_deferred": True}
        try:
            self._call("POST", "/api/v2/pools", pool)
        except LocalSiteError as error:
            if "answered 409" not in str(error):
                raise

    def start(self, dag_id: str, run_id: str, partition: str, conf: dict[str, Any]) -> None:
        """Start a run under a name of ours, so that asking twice starts one."""
        body = {"dag_run_id": run_id, "logical_date": None, "partition_key": partition, "conf": conf}
        try:
            self._call("POST", f"/api/v2/dags/{dag_id}/dagRuns", body)
        except LocalSiteError as error:
            if "answered 409" not in str(error):
                raise

    def task(self, dag_id: str, run_id: str, task_id: str) -> dict[str, Any]:
        """One task instance, its last try."""
        found: dict[str, Any] = self._call(
            "GET", f"/api/v2/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}"
        )
        return found

    def triggerers(self) -> int:
        """How many triggerers give signs of life."""
        # Its `total_entries` counts the dead as well (3.3.2, measured).
        query = f"/api/v2/jobs?job_type=TriggererJob&is_alive=true&limit={MANY}"
        return len(self._call("GET", query)["jobs"])

    def run(self, dag_id: str, run_id: str) -> dict[str, Any]:
        """One run."""
        found: dict[str, Any] = self._call("GET", f"/api/v2/dags/{dag_id}/dagRuns/{run_id}")
        return found

    def log(self, dag_id: str, run_id: str, task: dict[str, Any]) -> list[dict[str, Any]]:
        """The entries in the log of a task's last try, exceptions included."""
        path = f"/api/v2/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task['task_id']}"
        found = self._call("GET", f"{path}/logs/{task['try_number']}?full_content=true")["content"]
        return list(found)

    def unfinished(self, prefixes: tuple[str, ...]) -> list[tuple[str, str]]:
        """DAG and id of all runs that have not ended, of DAGs whose names begin so, also those now gone."""
        query = f"/api/v2/dags/~/dagRuns?state=running&state=queued&limit={MANY}"
        found = [(run["dag_id"], run["dag_run_id"]) for run in self._call("GET", query)["dag_runs"]]
        return [(dag_id, run_id) for dag_id, run_id in found if dag_id.startswith(prefixes)]

    def clear(self, dag_id: str, run_id: str, task_id: str) -> None:
        """Clear a task, as the UI's button does."""
        body = {"dry_run": False, "only_failed": False, "task_ids": [task_id], "dag_run_id": run_id}
        self._call("POST", f"/api/v2/dags/{dag_id}/clearTaskInstances", body)

    def mark_failed(self, dag_id: str, run_id: str, task_id: str) -> None:
        """Mark a task as failed, as the UI's button does."""
        path = f"/api/v2/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}"
        self._call("PATCH", path, {"new_state": "failed"})

    def mark_run_failed(self, dag_id: str, run_id: str) -> None:
        """Mark a run as failed, as the UI's button does."""
        self._call("PATCH", f"/api/v2/dags/{dag_id}/dagRuns/{run_id}", {"state": "failed"})

    def delete_run(self, dag_id: str, run_id: str) -> None:
        """Delete a run; Airflow refuses while it is running."""
        self._call("DELETE", f"/api/v2/dags/{dag_id}/dagRuns/{run_id}")


def reached(api: AirflowApi, dags: set[str], limit_s: float) -> None:
    """Wait until Airflow has parsed these DAGs.

    Raises:
        LocalSiteError: It cannot import them, or takes too long.
    """
    deadline = time.monotonic() + limit_s
    while not dags <= api.dag_ids():
        if errors := api.import_errors():
            raise LocalSiteError(f"Airflow cannot import the DAGs: {errors[0].strip().splitlines()[-1]}")
        if time.monotonic() > deadline:
            raise LocalSiteError(f"Airflow did not parse {sorted(dags - api.dag_ids())} in {limit_s:g} s.")
        time.sleep(POLL_S)
