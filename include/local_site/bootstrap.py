"""Makes the project's virtual environment. Runs on the system's own Python with the standard library alone.

Usage: python3 bootstrap.py <directory> <lock file>...
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import venv
from pathlib import Path

OLDEST_PYTHON = (3, 11)


def main(venv_dir: Path, lock_files: list[Path]) -> None:
    """Make the environment with exactly what the lock files say."""
    if sys.version_info < OLDEST_PYTHON:
        raise SystemExit(
            f"Python 3.11 or newer is needed, this is {sys.version.split()[0]}: run `make PYTHON=python3.11`."
        )
    print(f"Making {venv_dir}, once, in about half a minute ...", flush=True)
    uv = find_uv() or install_uv(venv_dir.with_name(f"{venv_dir.name}-tools"), lock_files)
    _run(uv, "venv", "--quiet", "--allow-existing", "--python", sys.executable, str(venv_dir))
    # Compiled here once, because Airflow starts a new Python for every task.
    _run(uv, "pip", "sync", "--quiet", "--compile-bytecode", "--python", str(venv_dir), *map(str, lock_files))


def find_uv() -> str | None:
    """The machine's own uv, when it works (a version manager's placeholder may not)."""
    uv = shutil.which("uv")
    works = uv and subprocess.run([uv, "--version"], capture_output=True, check=False).returncode == 0
    return uv if works else None


def install_uv(tools_dir: Path, lock_files: list[Path]) -> str:
    """Install the locked uv into a small environment of its own."""
    ensure_venv_module()
    venv.create(tools_dir, with_pip=True)
    _run(str(tools_dir / "bin" / "python"), "-m", "pip", "install", "--quiet", uv_requirement(lock_files))
    return str(tools_dir / "bin" / "uv")


def uv_requirement(lock_files: list[Path]) -> str:
    """The line of the lock files that pins uv."""
    text = "\n".join(path.read_text() for path in lock_files)
    pinned = re.search(r"^uv==\S+", text, re.MULTILINE)
    if pinned is None:
        raise SystemExit(f"No line uv==... in {', '.join(map(str, lock_files))}: run `make lock`.")
    return pinned.group()


def ensure_venv_module() -> None:
    """Debian keeps ensurepip in a package of its own: install that when root, else say so."""
    probe = subprocess.run([sys.executable, "-c", "import ensurepip"], capture_output=True, check=False)
    if probe.returncode == 0:
        return
    line = (
        f"apt-get install -y --no-install-recommends python{sys.version_info[0]}.{sys.version_info[1]}-venv"
    )
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        raise SystemExit(f"A Debian package is missing: run `sudo {line}`, then start again.")
    print("Installing Debian's ensurepip ...", flush=True)
    _run("apt-get", "update", "-q")
    _run(*line.split())


def _run(*command: str) -> None:
    """Run a command quietly; what it has to say of a failure goes to standard error."""
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    result = subprocess.run(
        command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, check=False
    )
    if result.returncode != 0:
        raise SystemExit(f"`{' '.join(command[:4])} ...` failed; its message is above.")


if __name__ == "__main__":
    main(Path(sys.argv[1]), [Path(argument) for argument in sys.argv[2:]])
