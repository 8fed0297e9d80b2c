"""Wheels for the runtime images, collected outside so that the images are built without a network."""

from __future__ import annotations

import platform
import sys
from importlib.metadata import version
from pathlib import Path

from local_site.commands import run_logged
from local_site.environments import INSTALL_LIMIT_S, content_hash, ensure_directory

PYTHON_VERSION = "3.11"
# The base image is Debian 12 with glibc 2.36: wheels for it or anything older will do.
GLIBC_MINORS = (36, 35, 34, 31, 28, 27, 26, 24, 17, 12, 5)


def wheelhouse(cache_dir: Path, lock_file: Path, log_file: Path) -> Path:
    """Directory with the wheels of a lock file, and pip's own wheel that installs them."""

    def fill(directory: Path) -> None:
        run_logged(download_command(directory, lock_file, platform.machine()), log_file, INSTALL_LIMIT_S)

    key = content_hash(lock_file.read_bytes(), platform.machine().encode(), _pip_requirement().encode())
    return ensure_directory(cache_dir / f"wheelhouse-{key}", fill)


def wheels_of(directory: Path, *besides: Path) -> tuple[Path, ...]:
    """Wheels of a wheelhouse; those that the images below already have are left out, except pip."""
    known = {path.name for below in besides for path in below.glob("*.whl")}
    wheels = sorted(directory.glob("*.whl"))
    return tuple(path for path in wheels if path.name not in known or path.name.startswith("pip-"))


def download_command(directory: Path, lock_file: Path, machine: str) -> list[str]:
    """The pip command that collects wheels for the images' Python, whatever Python runs here."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--dest", str(directory)]
    command += [
        "--no-deps",
        "--only-binary=:all:",
        "--implementation",
        "cp",
        "--python-version",
        PYTHON_VERSION,
    ]
    for abi in ("cp311", "abi3", "none"):
        command += ["--abi", abi]
    for minor in GLIBC_MINORS:
        command += ["--platform", f"manylinux_2_{minor}_{machine}"]
    command += ["--platform", f"manylinux2014_{machine}", "--platform", f"manylinux2010_{machine}"]
    return [*command, "--requirement", str(lock_file), _pip_requirement()]


def _pip_requirement() -> str:
    return f"pip=={version('pip')}"
