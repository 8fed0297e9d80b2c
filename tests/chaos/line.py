"""One run's way to the site: Airflow connections of its own, through links where the fault needs them."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from tests.chaos.api import ChaosApi
from tests.chaos.fault import Fault
from tests.chaos.link import Link

from local_site import SiteInfo
from local_site.connections import connections
from local_site.files import write_private
from local_site.layout import Layout

POOL_SLOTS = 4
BOOT_ID = "00000000-0000-4000-8000-{:012d}"


@dataclass
class Line:
    """The way of one fault's runs.

    Attributes:
        fault: The fault.
        links: The links by part of the site.
        boot_id_file: What stands for the VM's boot id.
    """

    fault: Fault
    links: dict[str, Link]
    boot_id_file: Path
    boots: int = 0

    def boot(self) -> None:
        """Give the VM a new boot id."""
        self.boots += 1
        write_private(self.boot_id_file, BOOT_ID.format(self.boots) + "\n")

    def close(self) -> None:
        """End the links."""
        for link in self.links.values():
            link.close()


def description(fault: Fault) -> dict[str, object]:
    """What the DAG file is told of a fault."""
    return {
        "dag_id": fault.dag_id,
        "model": fault.model,
        "site": fault.site,
        "registry": f"{fault.site}_registry",
        "mlflow": f"{fault.site}_mlflow",
        "memory_bytes": fault.memory_bytes,
        "retries": fault.retries,
        "retry_delay_s": fault.retry_delay_s,
        "training_timeout_s": fault.training_timeout_s,
        "export_deferrable": fault.step == "export_model",
        "service": fault.service,
    }


def lay(fault: Fault, info: SiteInfo, layout: Layout) -> Line:
    """Make the links of a fault; nothing is told to Airflow yet."""
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(layout.server_certificate_file, layout.server_key_file)
    upstreams = {
        "ssh": ((info.ssh_host, info.ssh_port), {}),
        "blob": (
            (info.blob_forward_address, port_of(info.blob_endpoint)),
            {"address": info.blob_forward_address, "tls": tls},
        ),
        "mlflow": ((info.ssh_host, port_of(info.mlflow_url)), {"host_header": True}),
        "registry": ((info.ssh_host, port_of(f"//{info.registry}")), {"tls": tls}),
    }
    links = {name: Link(upstreams[name][0], **upstreams[name][1]) for name in sorted(fault.links)}
    line = Line(fault, links, layout.state_dir / "boot-ids" / fault.name)
    line.boot()
    return line


def announce(line: Line, info: SiteInfo, api: ChaosApi) -> None:
    """Tell Airflow of the line: its connections and its pool."""
    known = connections(info)
    vm, blob = dict(known["edge_site_vm"]), dict(known["edge_site_blob"])
    registry, mlflow = dict(known["edge_registry"]), dict(known["edge_mlflow"])
    ports = {name: link.port for name, link in line.links.items()}
    vm["port"] = ports.get("ssh", vm["port"])
    vm["extra"] = vm["extra"][:-1] + f', "boot_id_path": "{line.boot_id_file}"' + "}"
    blob["host"] = with_port(blob["host"], ports.get("blob"))
    registry["host"] = with_port(f"//{registry['host']}", ports.get("registry")).removeprefix("//")
    mlflow["host"] = with_port(mlflow["host"], ports.get("mlflow"))
    for suffix, fields in (("vm", vm), ("blob", blob), ("registry", registry), ("mlflow", mlflow)):
        api.put_connection(f"{line.fault.site}_{suffix}", fields)
    api.ensure_pool(line.fault.site, POOL_SLOTS)


def port_of(url: str) -> int:
    """The port of an address that names one."""
    port = urlsplit(url).port
    assert port is not None
    return port


def with_port(url: str, port: int | None) -> str:
    """The address with another port; as it is when there is none."""
    if port is None:
        return url
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=f"{parts.hostname}:{port}"))
