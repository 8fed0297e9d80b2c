"""What servers of a test's own need."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from local_site.environments import site_python as prepared_python


@pytest.fixture
def free_port() -> int:
    """A loopback port nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@pytest.fixture(scope="session")
def site_python(site_settings, tmp_path_factory) -> Path:
    """Interpreter of the environment with the MLflow server."""
    lock_file = site_settings.root / "requirements-local-site.txt"
    log_file = tmp_path_factory.mktemp("logs") / "install.log"
    return prepared_python(site_settings.cache_dir, lock_file, log_file)
