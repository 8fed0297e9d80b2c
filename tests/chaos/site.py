"""The site of the fault suite: like the tests' site and beside it, so that breaking it disturbs nobody."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import psutil

from local_site import SiteInfo, airflow, docker_engine
from local_site.layout import Layout
from local_site.processes import Supervisor
from local_site.settings import Ports, Settings
from local_site.site import Site, down, layout_of
from local_site.ssh_server import ssh_server

PORT_OFFSET = 1000
SMALL_DISK = "small-disk"
ROOM_BYTES = 500_000
"""For two checkpoints of the example's training and not for three."""
COMMAND_LIMIT_S = 30
TASK_TITLE = "airflow worker -- "
TRIGGERER = "airflow-triggerer"
SECOND_TRIGGERER = "airflow-second-triggerer"


def chaos_settings() -> Settings:
    """A third site, beside the user's and the tests'."""
    tests = Settings.for_tests()
    build = tests.state_dir.parent
    return replace(
        tests,
        state_dir=build / "chaos-site",
        ports=Ports(tests.ports.base + PORT_OFFSET),
        dags_dir=build / "chaos-project" / "dags",
    )


@dataclass
class ChaosSite:
    """A running site whose parts can be killed and brought back.

    Attributes:
        settings: Its settings.
        info: Where everything is.
    """

    settings: Settings
    info: SiteInfo = field(init=False)

    def __post_init__(self) -> None:
        self.layout: Layout = layout_of(self.settings)
        self.supervisor = Supervisor(self.layout)

    def up(self) -> SiteInfo:
        """Start what does not run; also brings back whatever a fault has killed."""
        self.info = Site(self.settings, with_airflow=True).up()
        return self.info

    def down(self) -> None:
        """Stop all of it."""
        down(self.settings)
        self.restore_disks()

    def kill(self, name: str) -> None:
        """SIGKILL to one of the site's processes and to all its children, as an OOM killer does."""
        process = self.supervisor.running(name)
        if process is not None:
            end_now([process, *process.children(recursive=True)])

    @contextmanager
    def silent(self, name: str) -> Iterator[None]:
        """One of the site's processes, with all its children, does nothing for the length of a block."""
        process = self.supervisor.running(name)
        family = [process, *process.children(recursive=True)] if process else []
        for each in family:
            each.suspend()
        try:
            yield
        finally:
            for each in family:
                each.resume()

    @contextmanager
    def second_triggerer(self) -> Iterator[None]:
        """Another triggerer beside the first one, for the length of a block."""
        known = airflow.processes(self.layout, self.settings.root, self.settings.ports.airflow)
        first = next(spec for spec in known if spec.name == TRIGGERER)
        self.supervisor.ensure(replace(first, name=SECOND_TRIGGERER))
        try:
            yield
        finally:
            self.supervisor.stop(SECOND_TRIGGERER)

    def stop_sshd(self) -> None:
        """End the SSH server with all its sessions."""
        self.supervisor.stop("sshd")

    def start_sshd(self) -> None:
        """Start the SSH server."""
        self.supervisor.ensure(ssh_server(self.layout, self.settings.ports.ssh))

    def start_engine(self) -> None:
        """Start Docker again."""
        docker_engine.start_own_engine(self.layout, self.settings, self.supervisor)

    def start_airflow(self) -> None:
        """Start those of Airflow's processes that do not run."""
        for part in airflow.processes(self.layout, self.settings.root, self.settings.ports.airflow):
            if self.supervisor.running(part.name) is None:
                self.supervisor.ensure(part)

    def power_off(self) -> None:
        """The VM's power goes: Docker, containerd, and every process in a container die in one moment."""
        engine = [self.supervisor.running(name) for name in docker_engine.ENGINE_PROCESSES]
        running = [process for process in engine if process is not None]
        # First who would write down how the others ended.
        end_now([*self._remote_processes(), *running, *self._container_processes()])

    def _remote_processes(self) -> list[psutil.Process]:
        """What was started over SSH, also what has left its session to outlive it."""
        door = f" {self.settings.ports.ssh}"
        return [
            process
            for process in psutil.process_iter(["environ"])
            if (process.info["environ"] or {}).get("SSH_CONNECTION", "").endswith(door)
        ]

    def _container_processes(self) -> list[psutil.Process]:
        """The shims of our own engine, and what they hold."""
        address = str(self.layout.runtime_dir / "containerd.sock")
        shims = [
            process
            for process in psutil.process_iter(["name", "cmdline"])
            if process.info["name"].startswith("containerd-shim")
            and address in (process.info["cmdline"] or [])
        ]
        # The shims first: a shim that lives would report its container's end.
        return [*shims, *(child for shim in shims for child in shim.children(recursive=True))]

    def shrink_disk(self, place: Path, taken_bytes: int = 0) -> None:
        """Put a disk over a directory that has room for two checkpoints.

        Args:
            place: The directory.
            taken_bytes: Room for what else will come there.
        """
        size = f"size={ROOM_BYTES + taken_bytes}"
        run("mount", "-t", "tmpfs", "-o", size, SMALL_DISK, str(place))

    def restore_disks(self) -> None:
        """Take away all such disks, also those of a suite that was interrupted."""
        for disk in psutil.disk_partitions(all=True):
            ours = Path(disk.mountpoint).is_relative_to(self.settings.state_dir)
            if ours and disk.device == SMALL_DISK:
                run("umount", "--lazy", disk.mountpoint)

    def task_process(self, task_instance_id: str) -> psutil.Process | None:
        """The process that runs one task, a descendant of our own scheduler."""
        scheduler = self.supervisor.running("airflow-scheduler")
        for process in scheduler.children(recursive=True) if scheduler else []:
            try:
                if process.cmdline()[:1] == [TASK_TITLE + task_instance_id]:
                    return process
            except psutil.Error:  # it has ended meanwhile
                continue
        return None


def run(*command: str) -> None:
    """Run a command of the machine."""
    subprocess.run(command, check=True, capture_output=True, timeout=COMMAND_LIMIT_S)


def end_now(processes: list[psutil.Process]) -> None:
    """SIGKILL to exactly these processes."""
    for process in processes:
        try:
            process.kill()
        except psutil.NoSuchProcess:
            continue
    psutil.wait_procs(processes, timeout=5)
