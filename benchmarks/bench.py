"""What parts share: a directory of the run; most also the running site, its connections and cleaning up."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

import docker

from benchmarks.vm import lean_sshd
from edge_training import identity
from local_site.info import SiteInfo
from local_site.settings import Settings
from local_site.site import Site, layout_of

LABEL = "benchmark"
SITE_NAME = "edge_site"
PEER_CONNECTION = "peer_vm"
REMOVERS = 8


@dataclass(frozen=True)
class Scratch:
    """A directory of this run: all that a part without a site needs."""

    folder: Path

    def fresh(self, kind: str) -> Path:
        """A new directory in it."""
        made = self.folder / f"{kind}-{uuid.uuid4().hex[:8]}"
        made.mkdir()
        return made


@dataclass(frozen=True)
class Bench(Scratch):
    """A run on a site."""

    site: SiteInfo

    def connections(self, port: int = 0) -> dict[str, str]:
        """Airflow's connections as environment variables; the VM at another port when a link is between."""
        site = self.site
        vm = {
            "conn_type": "ssh",
            "host": site.ssh_host,
            "port": port or site.ssh_port,
            "login": site.ssh_user,
        }
        key, host_key = site.ssh_private_key_file.read_text(), site.ssh_host_key
        blob = {"conn_type": "wasb", "host": site.blob_endpoint, "login": site.blob_account}
        host, _, registry_port = site.registry.rpartition(":")
        registry = {"conn_type": "http", "host": host, "port": int(registry_port)}
        known = {
            f"{SITE_NAME}_vm": vm
            | {
                "extra": {
                    "private_key": key,
                    "host_key": host_key,
                    "docker_socket": site.docker_socket,
                    "deployment": "benchmark",
                }
            },
            f"{SITE_NAME}_blob": blob | {"password": site.blob_key},
            "edge_registry": registry | {"login": site.registry_user, "password": site.registry_password},
            PEER_CONNECTION: vm
            | {"extra": {"private_key": key, "host_key": host_key, "look_for_keys": "false"}},
        }
        return {f"AIRFLOW_CONN_{name.upper()}": json.dumps(value) for name, value in known.items()}

    @contextmanager
    def engine(self) -> Iterator[docker.DockerClient]:
        """The site's Docker engine, spoken to directly."""
        client = docker.DockerClient(base_url=f"unix://{self.site.docker_socket}", timeout=120)
        try:
            yield client
        finally:
            client.close()

    def remove_jobs(self) -> None:
        """Remove every container that a benchmark made, and its volume."""
        with self.engine() as client, ThreadPoolExecutor(REMOVERS) as pool:
            (mark,) = identity.labels(**{LABEL: ""})
            found = client.containers.list(all=True, filters={"label": mark}, ignore_removed=True)
            list(pool.map(lambda container: remove(client, container.name), found))


def remove(client: docker.DockerClient, name: str) -> None:
    """Remove a container and the volume of its name; a peer's removes itself at its end."""
    with suppress(docker.errors.NotFound, docker.errors.APIError):
        client.containers.get(name).remove(force=True)
    with suppress(docker.errors.NotFound):
        client.volumes.get(name).remove(force=True)


@contextmanager
def opened(settings: Settings, scratch: Path) -> Iterator[Bench]:
    """A run on a site, which is started unless it runs."""
    site = Site(settings).up()
    with lean_sshd(layout_of(settings).ssh_dir / "sshd_config", scratch) as port:
        bench = Bench(scratch, replace(site, ssh_port=port))
        bench.remove_jobs()
        try:
            yield bench
        finally:
            bench.remove_jobs()
