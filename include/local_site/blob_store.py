"""The blob store of the site: Azurite, behind the gate that makes it as strict as an Azure Stack Hub."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from local_site.commands import run_logged
from local_site.credentials import Credentials
from local_site.environments import content_hash
from local_site.files import write_private
from local_site.health import LOOPBACK, answers_http
from local_site.layout import Layout
from local_site.processes import ProcessSpec
from local_site.settings import Ports

ACCOUNT = "edgestore"
HOST_NAME = f"{ACCOUNT}.blob.local.stackhub.test"
CONTAINER = "flights-data"
MAX_VERSION = "2019-07-07"
"""The newest REST version that a Stack Hub is reported to accept."""
SEED_LIMIT_S = 180


def azurite(
    layout: Layout, credentials: Credentials, ports: Ports, node_dir: Path, azurite_dir: Path
) -> ProcessSpec:
    """The blob server's process; it uses the gate's certificate, the only one that the gate trusts."""
    layout.blob_dir.mkdir(parents=True, exist_ok=True)
    script = azurite_dir / "node_modules/azurite/dist/src/blob/main.js"
    options = {
        "--blobHost": LOOPBACK,
        "--blobPort": str(ports.azurite),
        "--location": str(layout.blob_dir),
        "--cert": str(layout.server_certificate_file),
        "--key": str(layout.server_key_file),
    }
    words = [word for option in options.items() for word in option]
    return ProcessSpec(
        name="azurite",
        command=[str(node_dir / "bin" / "node"), str(script), *words, "--silent", "--disableTelemetry"],
        # An anonymous request is refused, by a server that is up.
        healthy=answers_http(f"https://{LOOPBACK}:{ports.azurite}/{ACCOUNT}?comp=list", 403, layout.ca_file),
        environment={**os.environ, "AZURITE_ACCOUNTS": f"{ACCOUNT}:{credentials.blob_key}"},
        ports=(ports.azurite,),
    )


def gate(layout: Layout, ports: Ports, bridge_address: str) -> ProcessSpec:
    """The gate's process.

    It listens on loopback and on the Docker bridge's host address: the forwarder, a container, has no
    other way to a server on its host. Nothing outside this machine reaches that address.
    """
    command = [sys.executable, "-m", "local_site.stackhub_gate"]
    command += [
        "--listen",
        f"{LOOPBACK}:{ports.blob_gate}",
        "--listen",
        f"{bridge_address}:{ports.blob_gate}",
    ]
    command += ["--upstream", f"{LOOPBACK}:{ports.azurite}", "--max-version", MAX_VERSION]
    command += ["--cert", str(layout.server_certificate_file), "--key", str(layout.server_key_file)]
    return ProcessSpec(
        name="gate",
        command=command,
        healthy=answers_http(f"https://{LOOPBACK}:{ports.blob_gate}/gate/health", 200, layout.ca_file),
        environment={**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[1])},
        ports=(ports.blob_gate,),
        # A gate that learned to refuse more must not be served by the process of an older one.
        configuration=tuple(sorted(Path(__file__).parent.glob("stackhub_*.py"))),
    )


def seed(layout: Layout, credentials: Credentials, ports: Ports, python: Path) -> None:
    """Upload the example's data, once for each version of the program that cuts it.

    Args:
        layout: Paths of the site.
        credentials: Its secrets.
        ports: Its ports.
        python: Interpreter of the environment with the data.
    """
    program_file = Path(__file__).with_name("flights.py")
    mark = layout.blob_dir / f"seeded-{content_hash(program_file.read_bytes())}"
    if mark.exists():
        return
    write_private(layout.blob_key_file, credentials.blob_key)
    options = {
        "--endpoint": f"https://{LOOPBACK}:{ports.blob_gate}/{ACCOUNT}",
        "--account": ACCOUNT,
        "--key-file": str(layout.blob_key_file),
        "--ca-file": str(layout.ca_file),
        "--container": CONTAINER,
    }
    words = [word for option in options.items() for word in option]
    include = {"PYTHONPATH": str(Path(__file__).resolve().parents[1])}
    run_logged([python, "-m", "local_site.flights", *words], layout.log_file("seed"), SEED_LIMIT_S, include)
    mark.touch()
