"""Airflow's metadata database: PostgreSQL on a Unix socket that only the site's owner can reach."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

from local_site.commands import run_logged
from local_site.files import make_private_dir
from local_site.health import accepts
from local_site.layout import Layout
from local_site.packages import program
from local_site.processes import ProcessSpec

NAME = "metadata-database"
ROLE = "airflow"
SOCKET_NAME = ".s.PGSQL.5432"
CREATE_LIMIT_S = 60
# PostgreSQL refuses to run as root. Here it sees itself as `nobody` while the files stay ours.
NOBODY = 65534
AS_NOBODY = ("unshare", "--user", f"--map-user={NOBODY}", f"--map-group={NOBODY}")


def url(layout: Layout) -> str:
    """The database as SQLAlchemy names it."""
    return f"postgresql+psycopg2://{ROLE}@/postgres?host={quote(str(layout.runtime_dir), safe='/')}"


def metadata_database(layout: Layout) -> ProcessSpec:
    """Make the cluster's files, once; gives the process to run.

    Raises:
        BuildFailed: The files cannot be made.
    """
    cluster = layout.database_dir / "cluster"
    if not cluster.exists():
        _create(cluster, layout.log_file(f"{NAME}-files"))
    make_private_dir(layout.runtime_dir)
    settings = {
        "listen_addresses": "",
        "unix_socket_directories": f'"{layout.runtime_dir}"',
        "unix_socket_permissions": "0700",
    }
    options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
    return ProcessSpec(
        name=NAME,
        command=_never_as_root([program("postgres"), "-D", str(cluster), *options]),
        healthy=accepts(layout.runtime_dir / SOCKET_NAME),
    )


def _create(cluster: Path, log_file: Path) -> None:
    """Whoever reaches the socket is trusted: it stands in a directory that nobody else may enter."""
    unfinished = cluster.with_suffix(".new")
    shutil.rmtree(unfinished, ignore_errors=True)
    make_private_dir(cluster.parent)
    words = [program("initdb"), "-D", str(unfinished), f"--username={ROLE}", "--auth=trust"]
    run_logged(_never_as_root([*words, "--encoding=UTF8", "--locale=C.UTF-8"]), log_file, CREATE_LIMIT_S)
    unfinished.rename(cluster)


def _never_as_root(command: Sequence[str]) -> list[str]:
    return [*(AS_NOBODY if os.geteuid() == 0 else ()), *command]
