"""`python -m edge_training.lineage`: where a model comes from, and what became of a partition.

The registry is that of `--registry`, or the one behind Airflow's connection, which is looked up in a process
that may import Airflow.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

from rich.console import Console

from edge_training.adapters.bridge.client import Bridge
from edge_training.adapters.bridge.ports import BridgedRegistry
from edge_training.errors import BadRequest, EdgeError
from edge_training.lineage.query import EXAMPLES, answers
from edge_training.lineage.terminal import show
from edge_training.ports.model_registry import ModelRegistry

DEFAULT_CONNECTION = "edge_mlflow"
CONNECTION_SERVER = "edge_airflow.registry_server"
"""Looks connections up; only run here, for nothing but `edge_airflow` may import Airflow."""
NEEDED = ("airflow", CONNECTION_SERVER.partition(".")[0])
WRONG_ARGUMENT = 2
CHARS_IN_A_PIPE = 200
"""Where no terminal is there to tell its width, lines are whole."""
FAILED = 1


class Parser(argparse.ArgumentParser):
    """Says in one sentence what is wrong with the arguments."""

    def error(self, message: str) -> NoReturn:
        """End with it."""
        self.exit(WRONG_ARGUMENT, f"{message[0].upper()}{message[1:]}; `{self.prog} --help` explains all.\n")


def parser() -> argparse.ArgumentParser:
    """The arguments."""
    found = Parser(prog="python -m edge_training.lineage", description=__doc__.splitlines()[0])
    found.add_argument("asked", metavar="version|image|partition", help=f"for example {EXAMPLES}")
    found.add_argument("--json", action="store_true", help="print all of it as JSON")
    found.add_argument(
        "--registry",
        metavar="URL",
        help="an MLflow server; login, password and certificates from MLFLOW_TRACKING_USERNAME, "
        "MLFLOW_TRACKING_PASSWORD and MLFLOW_TRACKING_SERVER_CERT_PATH",
    )
    found.add_argument(
        "--connection",
        default=DEFAULT_CONNECTION,
        help=f"Airflow's connection to the registry, {DEFAULT_CONNECTION} unless said otherwise",
    )
    return found


def main(arguments: Sequence[str] | None = None, console: Console | None = None) -> int:
    """Answer one question; a failure is one sentence."""
    told = parser().parse_args(arguments)
    try:
        with _registry(told.registry, told.connection) as registry:
            found = answers(registry, told.asked)
    except EdgeError as error:
        print(error, file=sys.stderr)
        return WRONG_ARGUMENT if isinstance(error, BadRequest) else FAILED
    console = console or Console(highlight=False, width=None if sys.stdout.isatty() else CHARS_IN_A_PIPE)
    if told.json:
        report = {"asked": told.asked, "versions": [answer.for_machines() for answer in found]}
        console.out(json.dumps(report, indent=2), highlight=False)
    else:
        show(console, told.asked, found)
    return 0


@contextmanager
def _registry(url: str | None, connection: str) -> Iterator[ModelRegistry]:
    """The registry that the arguments mean."""
    if url is not None:
        yield _server(url)
        return
    if missing := [name for name in NEEDED if importlib.util.find_spec(name) is None]:
        raise BadRequest(
            f"The connection {connection} cannot be looked up, for there is no {' and no '.join(missing)} in "
            "this Python; run it with Airflow's Python and PYTHONPATH=include:plugins, or name the registry "
            "with --registry."
        )
    bridge = Bridge(
        Path(sys.executable),
        {"kind": "connection", "conn_id": connection},
        CONNECTION_SERVER,
        os.environ,
        lock_file="requirements.txt",
    )
    try:
        yield BridgedRegistry(bridge)
    finally:
        bridge.close()


def _server(url: str) -> ModelRegistry:
    """An MLflow server.

    Raises:
        BadRequest: That is no address of one.
    """
    if not url.startswith(("http://", "https://")):
        raise BadRequest(f"--registry {url!r} is no address; give one like http://mlflow.example.com:5000.")
    from edge_training.adapters.mlflow.registry import MlflowRegistry
    from edge_training.adapters.mlflow.session import MlflowSession

    return MlflowRegistry(
        MlflowSession(
            url,
            user=os.environ.get("MLFLOW_TRACKING_USERNAME"),
            password=os.environ.get("MLFLOW_TRACKING_PASSWORD"),
            ca_file=os.environ.get("MLFLOW_TRACKING_SERVER_CERT_PATH"),
            patience_s=0.0,
        )
    )


if __name__ == "__main__":
    sys.exit(main())
