"""The Debian packages the site needs: found by their programs, installed when root, asked for otherwise."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from local_site.errors import BuildFailed, PackagesMissing

SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
POSTGRESQL_DIR = Path("/usr/lib/postgresql")
POLICY_FILE = Path("/usr/sbin/policy-rc.d")
# "Action not allowed by policy", as invoke-rc.d reads it: a package's own service must not start beside ours.
POLICY_REFUSES_STARTS = "#!/bin/sh\nexit 101\n"
APT_LIMIT_S = 600

ENGINE_PACKAGES = {
    "dockerd": "docker.io",
    "containerd": "containerd",
    "ip": "iproute2",
    "iptables": "iptables",
    "umount": "mount",
}
AIRFLOW_PACKAGES = {"postgres": "postgresql"}
SITE_PACKAGES = {
    "sshd": "openssh-server",
    "docker-registry": "docker-registry",
}
BASE_IMAGE_PACKAGES = {"mmdebstrap": "mmdebstrap"}


def find_program(name: str, postgresql_dir: Path = POSTGRESQL_DIR) -> str | None:
    """Path of a program; also searched where Debian keeps servers, which a user's PATH may lack.

    Args:
        name: The program.
        postgresql_dir: Where each version of PostgreSQL has a directory of its own; the newest counts.
    """
    versions = sorted(postgresql_dir.glob("*/bin"), key=lambda path: float(path.parent.name), reverse=True)
    return shutil.which(name) or shutil.which(name, path=":".join([SYSTEM_PATH, *map(str, versions)]))


def program(name: str) -> str:
    """Path of a program that must be there.

    Raises:
        PackagesMissing: It is not.
    """
    found = find_program(name)
    if found is None:
        raise PackagesMissing(
            f"The program {name} is not installed: run `make site` again, which installs it."
        )
    return found


def missing(needed: Mapping[str, str], find: Callable[[str], str | None] = find_program) -> list[str]:
    """Packages of those programs that are not found."""
    return sorted({package for name, package in needed.items() if find(name) is None})


def apt_line(packages: list[str]) -> str:
    """The command that installs the packages."""
    return f"apt-get install -y --no-install-recommends {' '.join(packages)}"


def require_installable(packages: list[str]) -> None:
    """Say at once when packages are missing that cannot be installed from here.

    Raises:
        PackagesMissing: We are not root; the message is the line to run.
    """
    if packages and (os.geteuid() != 0 or find_program("apt-get") is None):
        raise PackagesMissing(
            f"Debian packages are missing: run `sudo {apt_line(packages)}`, then start again."
        )


def install(packages: list[str], log_file: Path) -> None:
    """Install packages without starting any service.

    Raises:
        BuildFailed: apt-get failed.
    """
    if not packages:
        return
    with _no_service_starts(POLICY_FILE):
        _apt("apt-get update -q", log_file)
        _apt(apt_line(packages), log_file)


def _apt(command: str, log_file: Path) -> None:
    log_file.parent.mkdir(parents=True, exist_ok=True)
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    with log_file.open("ab") as log:
        result = subprocess.run(
            command.split(),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=environment,
            timeout=APT_LIMIT_S,
            check=False,
        )
    if result.returncode != 0:
        raise BuildFailed(f"`{command}` failed; see {log_file}, and run it by hand.")


@contextmanager
def _no_service_starts(policy_file: Path) -> Iterator[None]:
    previous = policy_file.read_bytes() if policy_file.exists() else None
    policy_file.write_text(POLICY_REFUSES_STARTS)
    policy_file.chmod(0o755)
    try:
        yield
    finally:
        if previous is None:
            policy_file.unlink()
        else:
            policy_file.write_bytes(previous)
