"""The VM's Docker engine: the machine's when one answers, else one of our own that leaves nothing behind."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import docker
import psutil
import requests
from docker.errors import DockerException

from edge_training.identity import LABEL_PREFIX
from local_site.errors import DockerUnusable
from local_site.files import make_private_dir, read_json, write_private
from local_site.health import accepts
from local_site.layout import Layout
from local_site.network import EngineNetwork, choose_network, ensure_bridge, local_addresses
from local_site.network import remove as remove_network
from local_site.packages import SYSTEM_PATH, program
from local_site.processes import ProcessSpec, Supervisor, end
from local_site.settings import Settings

DEFAULT_SOCKET = Path("/var/run/docker.sock")
ANSWER_LIMIT_S = 5
CLIENT_LIMIT_S = 600
SHUTDOWN_LIMIT_S = 5
ENGINE_PROCESSES = ("dockerd", "containerd")
"""In the order in which they are ended."""


@dataclass(frozen=True)
class Engine:
    """A Docker engine that answers.

    Attributes:
        socket: Its unix socket.
        bridge_address: The host's address on its default bridge.
    """

    socket: Path
    bridge_address: str

    def client(self, limit_s: int = CLIENT_LIMIT_S) -> closing[docker.DockerClient]:
        """A client, closed at the end of its `with`; the environment's Docker settings are not used."""
        return closing(docker.DockerClient(base_url=f"unix://{self.socket}", timeout=limit_s))


def machine_socket(environment: Mapping[str, str] = os.environ) -> Path | None:
    """The machine's engine, if one answers on a unix socket that we may use."""
    host = environment.get("DOCKER_HOST", f"unix://{DEFAULT_SOCKET}")
    socket = Path(host.removeprefix("unix://"))
    return socket if host.startswith("unix://") and _answers(socket)() else None


def use_machine_engine(socket: Path) -> Engine:
    """The machine's engine.

    Raises:
        DockerUnusable: Its default bridge is not on this machine.
    """
    engine = Engine(socket, "")
    with engine.client() as client:
        settings = client.networks.get("bridge").attrs["IPAM"]["Config"][0]
    address = settings.get("Gateway") or ""
    if address not in local_addresses():
        raise DockerUnusable(
            f"The Docker engine on {socket} keeps its bridge ({address or 'no address'}) outside this machine"
            " (Docker Desktop and rootless engines do): start the site as root with EDGE_DOCKER=own."
        )
    return Engine(socket, address)


def start_own_engine(layout: Layout, settings: Settings, supervisor: Supervisor) -> Engine:
    """Start an engine with its own containerd, data, sockets, bridge and addresses.

    Raises:
        DockerUnusable: We are not root.
    """
    if os.geteuid() != 0:
        raise DockerUnusable(
            "No Docker engine answers: start Docker, or start the site as root, which starts its own."
        )
    make_private_dir(layout.runtime_dir)
    layout.docker_dir.mkdir(parents=True, exist_ok=True)
    network = choose_network(layout, settings.ports.base)
    ensure_bridge(network)
    containerd = _containerd(layout)
    if not supervisor.reusable(containerd):
        # An engine does not survive the loss of its containerd.
        supervisor.stop("dockerd")
    supervisor.ensure(containerd)
    if supervisor.running("dockerd") is None:
        # A killed engine leaves it, and the next one believes it.
        _pid_file(layout).unlink(missing_ok=True)
    supervisor.ensure(_dockerd(layout, network))
    return Engine(layout.docker_socket, str(network.bridge_interface.ip))


def stop(layout: Layout, settings: Settings, supervisor: Supervisor) -> None:
    """End what ran on the site's engine, and the engine itself when it is our own."""
    if layout.docker_dir.exists():
        stop_own_engine(layout, settings, supervisor)
    site = read_json(layout.site_file) or {}
    socket = Path(site.get("docker_socket", layout.docker_socket))
    if socket != layout.docker_socket and _answers(socket)():
        with Engine(socket, "").client() as client:
            remove_containers_of(client, site["registry"])


def stop_own_engine(layout: Layout, settings: Settings, supervisor: Supervisor) -> None:
    """End the engine with all its containers, and remove its mounts, bridges and rules.

    The engine itself ends the containers, so that a deployed service comes back with the next start.
    """
    supervisor.stop("dockerd", limit_s=SHUTDOWN_LIMIT_S + 10)
    end(_left_containers(layout), limit_s=1)
    supervisor.stop("containerd")
    _unmount_below(layout.docker_dir, layout.runtime_dir)
    remove_network(choose_network(layout, settings.ports.base))


def remove_containers_of(client: docker.DockerClient, registry: str) -> None:
    """Remove the containers that run a site's images, and our networks that are empty then.

    For an engine that is not ours, where other sites may have containers too: only the registry that an image
    came from tells them apart.
    """
    for container in client.containers.list(all=True):
        if container.attrs["Config"]["Image"].startswith(f"{registry}/"):
            container.remove(force=True)
    for network in client.networks.list(greedy=True):
        labels = network.attrs.get("Labels") or {}
        if any(name.startswith(f"{LABEL_PREFIX}.") for name in labels) and not network.attrs["Containers"]:
            network.remove()


def engine_configuration(layout: Layout, network: EngineNetwork) -> dict[str, object]:
    """What dockerd reads; its own file keeps the machine's /etc/docker/daemon.json out."""
    return {
        "data-root": str(layout.docker_dir / "data"),
        "exec-root": str(layout.runtime_dir / "exec"),
        "pidfile": str(_pid_file(layout)),
        "hosts": [f"unix://{layout.docker_socket}"],
        "containerd": str(_containerd_socket(layout)),
        "bridge": network.bridge,
        "default-address-pools": [{"base": str(network.pool), "size": 24}],
        "iptables": False,
        "ip-forward": False,
        "ip-masq": False,
        "userland-proxy": True,
        "shutdown-timeout": SHUTDOWN_LIMIT_S,
        "log-level": "warn",
    }


def containerd_configuration(layout: Layout) -> str:
    """What containerd reads: places of its own, and none of the plugins that Docker does not use."""
    return "\n".join(
        [
            "version = 2",
            f"root = {json.dumps(str(layout.docker_dir / 'containerd'))}",
            f"state = {json.dumps(str(layout.runtime_dir / 'containerd'))}",
            'disabled_plugins = ["io.containerd.grpc.v1.cri"]',
            "[grpc]",
            f"address = {json.dumps(str(_containerd_socket(layout)))}",
            "",
        ]
    )


def _containerd_socket(layout: Layout) -> Path:
    return layout.runtime_dir / "containerd.sock"


def _pid_file(layout: Layout) -> Path:
    return layout.runtime_dir / "docker.pid"


def _engine_environment() -> dict[str, str]:
    return {**os.environ, "PATH": f"{os.environ.get('PATH', '')}:{SYSTEM_PATH}"}


def _containerd(layout: Layout) -> ProcessSpec:
    config_file = layout.docker_dir / "containerd.toml"
    write_private(config_file, containerd_configuration(layout))
    return ProcessSpec(
        name="containerd",
        command=[program("containerd"), "--config", str(config_file), "--log-level", "warn"],
        healthy=accepts(_containerd_socket(layout)),
        environment=_engine_environment(),
        configuration=(config_file,),
    )


def _dockerd(layout: Layout, network: EngineNetwork) -> ProcessSpec:
    config_file = layout.docker_dir / "daemon.json"
    write_private(config_file, json.dumps(engine_configuration(layout, network), indent=2))
    return ProcessSpec(
        name="dockerd",
        command=[program("dockerd"), "--config-file", str(config_file)],
        healthy=_answers(layout.docker_socket),
        environment=_engine_environment(),
        configuration=(config_file,),
        start_limit_s=60,
    )


def _answers(socket: Path) -> Callable[[], bool]:
    def check() -> bool:
        if not socket.exists():
            return False
        try:
            with Engine(socket, "").client(ANSWER_LIMIT_S) as client:
                return bool(client.ping())
        except (DockerException, requests.RequestException):
            return False

    return check


def _left_containers(layout: Layout) -> list[psutil.Process]:
    """Processes of containers that a killed engine left behind, with the shims that hold them."""
    address = str(_containerd_socket(layout))
    shims = [
        process
        for process in psutil.process_iter(["name", "cmdline"])
        if process.info["name"].startswith("containerd-shim") and address in (process.info["cmdline"] or [])
    ]
    return [process for shim in shims for process in (*shim.children(recursive=True), shim)]


def mount_points_below(mount_info: str, *directories: Path) -> list[Path]:
    """Mount points inside the directories, innermost first, from the text of /proc/self/mountinfo."""
    points = [Path(_unescape(line.split()[4])) for line in mount_info.splitlines()]
    inside = [point for point in points if any(point.is_relative_to(directory) for directory in directories)]
    return sorted(inside, key=lambda point: -len(point.parts))


def _unescape(field: str) -> str:
    return field.replace("\\040", " ").replace("\\011", "\t").replace("\\134", "\\")


def _unmount_below(*directories: Path) -> None:
    for point in mount_points_below(Path("/proc/self/mountinfo").read_text(), *directories):
        subprocess.run(
            [program("umount"), "--lazy", str(point)], check=False, capture_output=True, timeout=30
        )
