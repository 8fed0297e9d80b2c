"""Airflow on this machine: API server with the UI, scheduler, DAG processor and triggerer, four processes.

Secrets stand in an airflow.cfg that only its owner can read, never on a command line or in the environment.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Mapping
from importlib import metadata
from pathlib import Path

import httpx

from local_site import metadata_database
from local_site.commands import run_logged
from local_site.credentials import Credentials
from local_site.errors import StartFailed
from local_site.files import write_json, write_private
from local_site.health import LOOPBACK
from local_site.layout import Layout
from local_site.processes import ProcessSpec
from local_site.settings import Settings

USER = "admin"
POOL = "edge_site"
POOL_SLOTS = 4
RUN_TASKS = ("airflow-scheduler", "airflow-triggerer")
"""What looks connections up as soon as it runs: `maintain_site` starts by itself."""
API_LIMIT_S = 10.0
START_LIMIT_S = 120.0
MIGRATE_LIMIT_S = 180.0
INHERITED_VARIABLES = ("HOME", "LANG", "LC_ALL", "TZ", "USER", "LOGNAME", "TMPDIR")


def environment(layout: Layout, root: Path) -> dict[str, str]:
    """Environment of every Airflow process and command of this site; tasks see this and no more."""
    inherited = {name: os.environ[name] for name in INHERITED_VARIABLES if name in os.environ}
    return {
        **inherited,
        "PATH": f"{Path(sys.executable).parent}:{os.environ.get('PATH', os.defpath)}",
        "AIRFLOW_HOME": str(layout.airflow_dir),
        "PYTHONPATH": f"{root / 'include'}:{root / 'plugins'}",
        "PYTHONUNBUFFERED": "1",
        "DO_NOT_TRACK": "true",
        "MLFLOW_DISABLE_TELEMETRY": "true",
    }


def write_configuration(layout: Layout, settings: Settings, credentials: Credentials) -> None:
    """Write airflow.cfg and the administrator's password file."""
    write_json(_passwords_file(layout), {USER: credentials.airflow_password})
    sections = configuration(layout, settings, credentials)
    write_private(layout.airflow_dir / "airflow.cfg", as_ini(sections))


def migrate(layout: Layout, root: Path) -> None:
    """Make or upgrade Airflow's database, once for each version of Airflow."""
    mark = layout.database_dir / f"migrated-to-{metadata.version('apache-airflow')}"
    if mark.exists():
        return
    log_file = layout.log_file("airflow-database")
    run_logged([_program(), "db", "migrate"], log_file, MIGRATE_LIMIT_S, environment(layout, root))
    mark.touch()


def processes(layout: Layout, root: Path, port: int) -> list[ProcessSpec]:
    """Airflow's four processes; healthy is what the API server says of each."""
    api = f"http://{LOOPBACK}:{port}"
    # Logs are read from the shared directory; the log servers would listen on every address.
    commands = {
        "api-server": (["api-server"], "metadatabase", (port,)),
        "scheduler": (["scheduler", "--skip-serve-logs"], "scheduler", ()),
        "dag-processor": (["dag-processor"], "dag_processor", ()),
        "triggerer": (["triggerer", "--skip-serve-logs"], "triggerer", ()),
    }
    return [
        ProcessSpec(
            name=f"airflow-{name}",
            command=[_program(), *arguments],
            healthy=_reported_healthy(api, component),
            environment=environment(layout, root),
            ports=ports,
            configuration=(layout.airflow_dir / "airflow.cfg",),
            start_limit_s=START_LIMIT_S,
        )
        for name, (arguments, component, ports) in commands.items()
    ]


def ensure_pool(port: int, password: str) -> None:
    """Create the site's pool, deferred tasks included, unless it exists.

    Raises:
        StartFailed: Airflow refused it.
    """
    with httpx.Client(base_url=f"http://{LOOPBACK}:{port}", timeout=API_LIMIT_S, trust_env=False) as client:
        token = client.post("/auth/token", json={"username": USER, "password": password})
        token.raise_for_status()
        pool = {
            "name": POOL,
            "slots": POOL_SLOTS,
            "include_deferred": True,
            "description": "Work on the site",
        }
        headers = {"Authorization": f"Bearer {token.json()['access_token']}"}
        answer = client.post("/api/v2/pools", json=pool, headers=headers)
    if answer.status_code not in (httpx.codes.CREATED, httpx.codes.CONFLICT):
        raise StartFailed(f"Airflow refused the pool {POOL} ({answer.status_code}): {answer.text}")


def configuration(
    layout: Layout, settings: Settings, credentials: Credentials
) -> dict[str, dict[str, object]]:
    """Options of airflow.cfg by section; parallelism and intervals suit two cores and an impatient reader."""
    home, port = layout.airflow_dir, settings.ports.airflow
    secrets_files = {
        "connections_file_path": str(home / "connections.json"),
        "variables_file_path": str(home / "variables.json"),
    }
    return {
        "core": {
            "dags_folder": settings.dags_dir,
            "plugins_folder": settings.root / "plugins",
            "load_examples": False,
            "executor": "LocalExecutor",
            "parallelism": 4,
            "fernet_key": credentials.airflow_fernet_key,
            "simple_auth_manager_users": f"{USER}:admin",
            "simple_auth_manager_passwords_file": _passwords_file(layout),
            "execution_api_server_url": f"http://{LOOPBACK}:{port}/execution/",
            "min_serialized_dag_update_interval": 5,
        },
        "database": {"sql_alchemy_conn": metadata_database.url(layout)},
        "secrets": {
            "backend": "airflow.secrets.local_filesystem.LocalFilesystemBackend",
            "backend_kwargs": json.dumps(secrets_files),
        },
        "api": {
            "host": LOOPBACK,
            "port": port,
            "base_url": f"http://{LOOPBACK}:{port}",
            "workers": 1,
            "secret_key": credentials.airflow_api_secret,
        },
        "api_auth": {"jwt_secret": credentials.airflow_jwt_secret},
        "scheduler": {"scheduler_idle_sleep_time": 0.5},
        "dag_processor": {"refresh_interval": 10, "min_file_process_interval": 10, "parsing_processes": 1},
        "logging": {"base_log_folder": home / "logs"},
        "usage_data_collection": {"enabled": False},
    }


def as_ini(sections: Mapping[str, Mapping[str, object]]) -> str:
    """The text of an airflow.cfg, in which a percent sign stands for itself only when doubled."""
    lines: list[str] = []
    for section, options in sections.items():
        lines.append(f"[{section}]")
        lines += [f"{name} = {str(value).replace('%', '%%')}" for name, value in options.items()]
        lines.append("")
    return "\n".join(lines)


def _program() -> str:
    return str(Path(sys.executable).parent / "airflow")


def _passwords_file(layout: Layout) -> Path:
    return layout.airflow_dir / "passwords.json"


def _reported_healthy(api: str, component: str) -> Callable[[], bool]:
    def check() -> bool:
        try:
            answer = httpx.get(f"{api}/api/v2/monitor/health", timeout=API_LIMIT_S, trust_env=False)
        except httpx.TransportError:
            return False
        return answer.is_success and answer.json().get(component, {}).get("status") == "healthy"

    return check
