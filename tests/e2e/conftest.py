"""One running Airflow for all end-to-end tests, with the example and a few models made from it."""

from __future__ import annotations

import shutil
import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import pytest
from tests.chaos.faults import chosen
from tests.chaos.project import add_to_project
from tests.chaos.suite import REFERENCE
from tests.e2e.project import Project

from local_site import SiteInfo
from local_site.airflow_api import AirflowApi
from local_site.settings import Settings
from local_site.site import Site

SOON = {
    '"retries": 5,': '"retries": 3,\n        "poll_s": 1,\n        "wait_limit_s": 3,',
    "import Drift, Gate, ModelProject": "import Drift, Gate, ModelProject, Ready",
    'prefix="flights/date={partition}/",': 'prefix="flights/date={partition}/",\n    ready=Ready(),',
}
ON_SCHEDULE = {
    "start_date=datetime(2013, 1, 2, tzinfo=UTC)": "start_date=datetime(2013, 2, 6, tzinfo=UTC)",
    "end_date=datetime(2014, 1, 1, tzinfo=UTC)": "end_date=datetime(2013, 2, 6, tzinfo=UTC)",
    "catchup=False": "catchup=True",
}
SCRIPT_THAT_FAILS = "import sys\n\nprint('the optimizer diverged')\nsys.exit(3)\n"
REPRESENTATIVE = chosen(
    (
        "ssh-cut-every-10s",
        "kill-before-start",
        "task-cleared",
        "task-marked-failed",
        "container-killed",
        "partition-twice",
    ),
    long=False,
)
"""Faults that disturb no other run; `make chaos` has them all."""
RUN_LIMIT_S = 420
PARSE_LIMIT_S = 120
POLL_S = 1.0
ENDED = ("success", "failed")
EVER = datetime.min.replace(tzinfo=UTC)
"""The scheduler makes the scheduled run once in the life of a site, which may be older than these tests."""


@dataclass(frozen=True)
class Ended:
    """A run that has ended.

    Attributes:
        api: Airflow.
        run: The run, as the REST API has it.
        tasks: Its task instances, by task id.
    """

    api: AirflowApi
    run: dict[str, Any]
    tasks: dict[str, dict[str, Any]]

    @property
    def states(self) -> dict[str, str]:
        """The state of each task."""
        return {name: task["state"] for name, task in self.tasks.items()}

    def handed_on(self, task_id: str) -> Any:
        """What a task returned."""
        return self.api.handed_on(self.run["dag_id"], self.run["dag_run_id"], task_id)

    def link(self, task_id: str, name: str) -> str | None:
        """Where a button on a task's page leads."""
        return self.api.links(self.run["dag_id"], self.run["dag_run_id"], task_id)[name]

    def log(self, task_id: str) -> str:
        """A task's log."""
        said = self.api.messages(self.run["dag_id"], self.run["dag_run_id"], self.tasks[task_id])
        return "\n".join(said)


@dataclass(frozen=True)
class Airflow:
    """The running Airflow, and how to wait for its runs.

    Attributes:
        api: Its REST API.
        since: When these tests began; earlier runs are not theirs.
    """

    api: AirflowApi
    since: datetime

    def ended(self, dag_id: str, since: datetime | None = None, **expected: Any) -> Ended:
        """Wait for the newest run with these fields to end.

        Args:
            dag_id: The DAG.
            since: Runs queued earlier are passed over; by default, when the tests began.
            expected: Fields of the run, as the REST API has them.

        Raises:
            AssertionError: There is none, or it does not end.
        """
        deadline = time.monotonic() + RUN_LIMIT_S
        while time.monotonic() < deadline:
            runs = [run for run in self.api.runs(dag_id) if matches(run, since or self.since, expected)]
            if runs and runs[0]["state"] in ENDED:
                tasks = self.api.tasks(dag_id, runs[0]["dag_run_id"])
                return Ended(self.api, runs[0], {task["task_id"]: task for task in tasks})
            time.sleep(POLL_S)
        raise AssertionError(f"no run of {dag_id} with {expected} has ended: {runs}")


def matches(run: dict[str, Any], since: datetime, expected: dict[str, Any]) -> bool:
    """Whether a run is the one that is waited for."""
    queued = run["queued_at"] and datetime.fromisoformat(run["queued_at"])
    return bool(queued and queued >= since) and all(run[name] == value for name, value in expected.items())


@pytest.fixture(scope="session")
def project_settings(site_settings: Settings) -> Settings:
    """The tests' site, with a user's project for Airflow."""
    project = Project(site_settings.state_dir.parent / "test-project", site_settings.root)
    shutil.rmtree(project.root, ignore_errors=True)
    project.add_example()
    project.add_model("second_model", SOON | ON_SCHEDULE)
    project.add_model("failing_model", SOON, {"train.py": SCRIPT_THAT_FAILS})
    strict = (site_settings.root / "include" / "flight_delay" / "contract.yaml").read_text()
    project.add_model(
        "strict_model",
        SOON,
        {"contract.yaml": strict.replace("mustBeGreaterThan: 500", "mustBeGreaterThan: 5000000")},
    )
    project.add_model("gated_model", SOON | {'Gate("mae", at_most=60.0)': 'Gate("mae", at_most=0.1)'})
    add_to_project(project.root, site_settings.root, [REFERENCE, *REPRESENTATIVE])
    return replace(site_settings, dags_dir=project.dags_dir)


@pytest.fixture(scope="session")
def site(project_settings: Settings) -> SiteInfo:
    """The running site, with Airflow."""
    return Site(project_settings, with_airflow=True).up()


@pytest.fixture(scope="session")
def airflow(site: SiteInfo) -> Airflow:
    """Airflow with all runs of these tests started: they share the scheduler and run side by side."""
    api = AirflowApi(site.airflow_url, site.airflow_user, site.airflow_password)
    dags = {
        "train_flight_delay",
        "deploy_flight_delay",
        "train_second_model",
        "train_failing_model",
        "train_strict_model",
        "train_gated_model",
    }
    deadline = time.monotonic() + PARSE_LIMIT_S
    # An Airflow that runs already may have looked while the project was written.
    while (errors := api.import_errors()) or not dags <= api.dag_ids():
        assert time.monotonic() < deadline, f"Airflow did not parse the DAGs: {errors}"
        time.sleep(POLL_S)
    api.cancel_active_backfills("train_flight_delay")
    since = datetime.now(UTC)
    for dag_id in sorted(dags):
        api.unpause(dag_id)
    api.backfill("train_flight_delay", "2013-02-01", "2013-02-01", {"deploy": "newer"})
    api.trigger("train_failing_model", "2013-02-02", {})
    api.trigger("train_gated_model", "2013-02-02", {})
    api.trigger("train_strict_model", "2013-02-02", {})
    api.trigger("train_strict_model", None, {})
    api.trigger("train_strict_model", "2013-2-1", {})
    api.trigger("train_strict_model", "2015-06-01", {})
    return Airflow(api, since)
