"""The stand-in as a running server, and what a client's process needs to reach it.

One HTTPS server answers for all hosts of `workspace.Workspace.hosts`; which of them is meant follows from
the Host header. The clients find it through a proxy of the test's own (`tests.standins.connect_proxy`): it
opens tunnels to these hosts only, and lets them end at the server. So host names, ports and certificates'
names are those of the real service; nothing is changed on the machine (`/etc/hosts` needs root, and
`*.localhost` resolves on Debian with an extra package only), and whatever else the clients would like to
reach is refused.
"""

from __future__ import annotations

import secrets
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import uvicorn
from starlette.routing import Host, Router
from starlette.types import ASGIApp
from tests.standins.azureml import applications
from tests.standins.azureml.applications import Rooms
from tests.standins.azureml.artifacts import ARTIFACT, CONTAINER, RUNS
from tests.standins.azureml.blobs import Blobs
from tests.standins.azureml.entra import ServicePrincipal
from tests.standins.azureml.faults import Faults, FaultyServer
from tests.standins.azureml.persistence import Documents
from tests.standins.azureml.tokens import SECRET, Tokens
from tests.standins.azureml.workspace import LOGIN, RESOURCE_MANAGER, Workspace
from tests.standins.connect_proxy import connect_proxy

from local_site.layout import Layout
from local_site.pki import ensure_certificates

LOOPBACK = "127.0.0.1"
START_LIMIT_S = 20


@dataclass(frozen=True)
class AzureMl:
    """A running stand-in.

    Attributes:
        workspace: The one workspace.
        principal: Who gets a token.
        tokens: Gives out tokens without a login, also expired ones.
        faults: What goes wrong, and what was asked for.
        ca_file: The authority that signed the hosts' certificate.
        proxy: Where the way to the hosts begins, `host:port`.
        blobs: What the storage account keeps; signs for it, also for a time that is over.
    """

    workspace: Workspace
    principal: ServicePrincipal
    tokens: Tokens
    faults: Faults
    ca_file: Path
    proxy: str
    blobs: Blobs
    _documents: Documents

    def forget(self) -> None:
        """Be as new: a workspace without anything, where nothing goes wrong; tokens and secrets stay."""
        self._documents.clear(but=SECRET)
        self.blobs.clear()
        self.faults.clear()

    def files_of_run(self, run_id: str) -> dict[str, int]:
        """Size by path of a run's files; names that were given out and never written are none."""
        prefix = f"{RUNS}/dcid.{run_id}/"
        named = [found["path"] for found in self._documents.all(ARTIFACT, prefix)]
        kept = {path: self.blobs.path(CONTAINER, f"{prefix}{path}") for path in named}
        return {path: file.stat().st_size for path, file in kept.items() if file.exists()}

    def environment(self, home: Path) -> dict[str, str]:
        """What a client's process needs besides `PATH`.

        Args:
            home: Its home; azureml-core writes what it has discovered into it.
        """
        return {
            "HOME": str(home),
            "HTTPS_PROXY": f"http://{self.proxy}",
            "REQUESTS_CA_BUNDLE": str(self.ca_file),
            "SSL_CERT_FILE": str(self.ca_file),
            "AZURE_TENANT_ID": self.workspace.tenant,
            "AZURE_CLIENT_ID": self.principal.client_id,
            "AZURE_CLIENT_SECRET": self.principal.secret,
        }


@contextmanager
def running_azureml(
    folder: Path,
    *,
    workspace: Workspace | None = None,
    mlflow_url: str | None = None,
    operation_s: float = 0.0,
    proxy_port: int = 0,
) -> Iterator[AzureMl]:
    """Run the stand-in for the length of a block.

    Args:
        folder: Where everything is kept; the next one on the same folder knows all of it.
        workspace: The workspace's names.
        mlflow_url: A real MLflow server that only the stand-in uses; without one there is no MLflow.
        operation_s: How long attaching and detaching a compute target take.
        proxy_port: Where the way to its hosts begins; any free port unless told.
    """
    workspace = workspace or Workspace()
    layout = Layout(folder, folder)
    ensure_certificates(layout, workspace.hosts)
    (folder / "blobs").mkdir(exist_ok=True)
    documents = Documents(folder / "workspace.db")
    kept = kept_secrets(documents)
    blobs = Blobs(folder / "blobs", workspace.blobs, kept["account_key"])
    tokens, principal = Tokens(documents, workspace.tenant), ServicePrincipal(secret=kept["client_secret"])
    rooms = Rooms(workspace, documents, blobs, tokens, principal, mlflow_url, operation_s)
    faults = Faults()
    try:
        with served(FaultyServer(by_host(rooms), faults, applications.words), layout) as port:
            ends = {f"{host}:443": f"{LOOPBACK}:{port}" for host in workspace.hosts}
            with connect_proxy(list(ends), leads_to=ends, port=proxy_port) as proxy:
                yield AzureMl(
                    workspace, principal, tokens, faults, layout.ca_file, proxy.address, blobs, documents
                )
    finally:
        documents.close()


def kept_secrets(documents: Documents) -> dict[str, str]:
    """The secrets of this stand-in: made once, kept as everything else."""
    with documents.transaction():
        kept = documents.get(SECRET, "names")
        if kept is None:
            made = {name: secrets.token_urlsafe(32) for name in ("account_key", "client_secret")}
            kept = documents.put(SECRET, "names", made)
    return kept


def by_host(rooms: Rooms) -> ASGIApp:
    """Each host's application."""
    hosts = {
        LOGIN: applications.login(rooms),
        RESOURCE_MANAGER: applications.resource_manager(rooms),
        rooms.workspace.services: applications.services(rooms),
        rooms.workspace.blobs: applications.storage(rooms),
    }
    return Router([Host(name, application) for name, application in hosts.items()])


@contextmanager
def served(application: ASGIApp, layout: Layout) -> Iterator[int]:
    """Serve over TLS in a thread of its own; gives the port."""
    listening = socket.create_server((LOOPBACK, 0))
    config = uvicorn.Config(
        application,
        log_level="critical",
        lifespan="off",
        ssl_certfile=str(layout.server_certificate_file),
        ssl_keyfile=str(layout.server_key_file),
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    try:
        wait_until_started(server)
        yield int(listening.getsockname()[1])
    finally:
        server.should_exit = server.force_exit = True
        thread.join()
        listening.close()


def wait_until_started(server: uvicorn.Server) -> None:
    """Return when requests are answered."""
    deadline = time.monotonic() + START_LIMIT_S
    while not server.started:
        if time.monotonic() > deadline:
            raise TimeoutError(f"The stand-in did not start within {START_LIMIT_S} s.")
        time.sleep(0.02)
