"""The stand-in as a process: `python -m tests.standins.azureml --folder ... --proxy-port ...`.

It runs until it is told to end. What a client has to know, its secret included, it writes into a file of the
folder, in the words of an Airflow connection (docs/connections.md).
"""

from __future__ import annotations

import argparse
import signal
from pathlib import Path
from threading import Event

from tests.standins.azureml.server import AzureMl, running_azureml

from local_site.files import write_json

CLIENT_FILE = "client.json"


def main() -> None:
    """Run until SIGTERM or SIGINT."""
    parser = argparse.ArgumentParser(prog="tests.standins.azureml", description=__doc__)
    parser.add_argument("--folder", type=Path, required=True, help="where everything is kept")
    parser.add_argument("--proxy-port", type=int, required=True, help="where the way to its hosts begins")
    parser.add_argument("--mlflow-url", help="the MLflow server behind it")
    told = parser.parse_args()
    ended = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    told.folder.mkdir(parents=True, exist_ok=True)
    with running_azureml(told.folder, mlflow_url=told.mlflow_url, proxy_port=told.proxy_port) as standin:
        write_json(told.folder / CLIENT_FILE, client(standin))
        ended.wait()


def client(standin: AzureMl) -> dict[str, str]:
    """What a client has to know."""
    workspace = standin.workspace
    return {
        "tenant_id": workspace.tenant,
        "subscription_id": workspace.subscription,
        "resource_group": workspace.group,
        "workspace": workspace.name,
        "client_id": standin.principal.client_id,
        "client_secret": standin.principal.secret,
        "ca_file": str(standin.ca_file),
        "proxy": f"http://{standin.proxy}",
    }


if __name__ == "__main__":
    main()
