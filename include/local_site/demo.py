"""`make demo`: from a bare machine to a served model, every step run by Airflow, with progress on the
terminal.

Starts the site and Airflow, backfills three partitions through the scheduler, waits for the deployment of the
newest, asks the deployed service for one prediction, prints a table and writes `build/demo.json`.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

import httpx
from rich.console import Console

from local_site.airflow_api import AirflowApi
from local_site.demo_report import collect, seconds_of, show, write
from local_site.errors import LocalSiteError
from local_site.health import LOOPBACK
from local_site.info import SiteInfo
from local_site.settings import Settings
from local_site.site import Site

TRAINING = "train_flight_delay"
DEPLOYMENT = "deploy_flight_delay"
FIRST, LAST = date(2013, 2, 1), date(2013, 2, 3)
PARSE_LIMIT_S = 120
RUN_LIMIT_S = 1200
DEPLOY_LIMIT_S = 300
POLL_S = 1.0
INTERRUPTED = 130
MARKS = {"success": "[green]✓[/]", "skipped": "[yellow]-[/]", "failed": "[red]✗[/]"}
INVENTED_FLIGHT = {
    "carrier": "UA",
    "origin": "EWR",
    "dest": "SFO",
    "hour": 17,
    "minute": 30,
    "distance": 2565,
}

CONSOLE = Console(highlight=False)


class DemoFailed(LocalSiteError):
    """A run of the demo did not succeed; the message says which task and why."""


@dataclass
class Watch:
    """Prints a line for each task of one DAG as it ends.

    Attributes:
        api: Airflow.
        dag_id: The DAG.
        partitions: Keys of the runs to watch.
        since: Runs queued earlier are not ours.
    """

    api: AirflowApi
    dag_id: str
    partitions: set[str]
    since: datetime
    _seen: set[tuple[str, str]] = field(default_factory=set)

    def until_ended(self, limit_s: float) -> list[dict[str, Any]]:
        """Wait for a run of every partition to end.

        Returns:
            The runs, in order of their partitions.

        Raises:
            DemoFailed: A run failed or took too long.
        """
        deadline = time.monotonic() + limit_s
        while time.monotonic() < deadline:
            runs = self._runs()
            for run in runs:
                self._print_ended_tasks(run)
            ended = [run for run in runs if run["state"] in MARKS]
            if {run["partition_key"] for run in ended} >= self.partitions and len(ended) == len(runs):
                self._require_success(runs)
                return sorted(runs, key=lambda run: str(run["partition_key"]))
            time.sleep(POLL_S)
        raise DemoFailed(f"{self.dag_id} did not end within {limit_s:g} s; look at its runs in Airflow's UI.")

    def _runs(self) -> list[dict[str, Any]]:
        return [
            run
            for run in self.api.runs(self.dag_id)
            if run["partition_key"] in self.partitions
            and run["queued_at"]
            and datetime.fromisoformat(run["queued_at"]) >= self.since
        ]

    def _print_ended_tasks(self, run: dict[str, Any]) -> None:
        for task in sorted(
            self.api.tasks(self.dag_id, run["dag_run_id"]), key=lambda task: str(task["end_date"])
        ):
            key = (run["dag_run_id"], task["task_id"])
            if task["state"] in MARKS and key not in self._seen:
                self._seen.add(key)
                mark = MARKS[task["state"]]
                CONSOLE.print(
                    f"{mark} {run['partition_key']}  {task['task_id']:<20} {seconds_of(task):6.1f} s"
                )

    def _require_success(self, runs: list[dict[str, Any]]) -> None:
        for run in runs:
            if run["state"] != "success":
                raise DemoFailed("\n".join(self._reasons(run)))

    def _reasons(self, run: dict[str, Any]) -> Iterator[str]:
        yield f"{self.dag_id} failed for {run['partition_key']}:"
        for task in self.api.tasks(self.dag_id, run["dag_run_id"]):
            if task["state"] == "failed":
                said = self.api.messages(self.dag_id, run["dag_run_id"], task, levels=("error",))
                yield from [f"  {task['task_id']}: {message}" for message in said]


def main() -> int:
    """Run the demo; a failure is one sentence and exit code 1."""
    try:
        run_demo(Settings.from_environment())
    except LocalSiteError as error:
        CONSOLE.print(f"[red]✗[/] {error}")
        return 1
    except KeyboardInterrupt:
        CONSOLE.print(
            "Interrupted. What was started runs on: `make demo` goes on with it, `make down` stops it."
        )
        return INTERRUPTED
    return 0


def run_demo(settings: Settings) -> None:
    """Start everything, run three partitions, show what came of it.

    Raises:
        LocalSiteError: Something did not work; the message names the remedy.
    """
    started = time.monotonic()
    info = Site(settings, with_airflow=True).up()
    site_ready = time.monotonic()
    api = AirflowApi(info.airflow_url, info.airflow_user, info.airflow_password)
    wait_for_dags(api)
    runs = train(api)
    trained = time.monotonic()
    prediction = ask(info)
    seconds = {
        "site": round(site_ready - started, 1),
        "pipeline": round(trained - site_ready, 1),
        "total": round(time.monotonic() - started, 1),
    }
    report = collect(api, info, TRAINING, runs, prediction, seconds)
    write(settings.root / "build" / "demo.json", report)
    show(CONSOLE, report, info)


def wait_for_dags(api: AirflowApi) -> None:
    """Wait until Airflow has parsed both DAGs.

    Raises:
        DemoFailed: They have import errors, or do not appear.
    """
    deadline = time.monotonic() + PARSE_LIMIT_S
    while not {TRAINING, DEPLOYMENT} <= api.dag_ids():
        if errors := api.import_errors():
            raise DemoFailed(f"Airflow cannot import a DAG file: {errors[0].strip().splitlines()[-1]}")
        if time.monotonic() > deadline:
            raise DemoFailed(
                f"Airflow did not parse the DAGs within {PARSE_LIMIT_S} s; see the DAG processor's log."
            )
        time.sleep(POLL_S)


def train(api: AirflowApi) -> list[dict[str, Any]]:
    """Backfill the partitions and wait for the newest one's deployment; gives the training runs."""
    for dag_id in (TRAINING, DEPLOYMENT):
        api.unpause(dag_id)
    api.cancel_active_backfills(TRAINING)
    CONSOLE.print(f"\nBackfill of {FIRST} to {LAST} through the scheduler")
    since = api.backfill(TRAINING, FIRST.isoformat(), LAST.isoformat(), {"deploy": "newer"})
    partitions = {(FIRST + timedelta(days=day)).isoformat() for day in range((LAST - FIRST).days + 1)}
    runs = Watch(api, TRAINING, partitions, since).until_ended(RUN_LIMIT_S)
    CONSOLE.print("\nDeployment of the newest")
    Watch(api, DEPLOYMENT, {LAST.isoformat()}, since).until_ended(DEPLOY_LIMIT_S)
    return runs


def ask(info: SiteInfo) -> dict[str, Any]:
    """One live prediction from the deployed service, for a flight that never was."""
    request = {
        "dataframe_split": {"columns": list(INVENTED_FLIGHT), "data": [list(INVENTED_FLIGHT.values())]}
    }
    url = f"http://{LOOPBACK}:{info.service_port}/invocations"
    try:
        response = httpx.post(url, json=request, timeout=30.0, trust_env=False)
        response.raise_for_status()
    except httpx.HTTPError as error:
        raise DemoFailed(
            f"The deployed service does not answer at {url} ({error}); see {DEPLOYMENT} in Airflow's UI."
        ) from None
    return {"flight": INVENTED_FLIGHT, "arrival_delay_minutes": response.json()["predictions"][0]}


if __name__ == "__main__":
    sys.exit(main())
