"""A directory over HTTPS: nginx, which costs little beside what is measured."""

from __future__ import annotations

import getpass
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from local_site.errors import LocalSiteError
from local_site.layout import Layout
from local_site.packages import program
from local_site.pki import ensure_certificates

START_LIMIT_S = 10.0
CONFIGURATION = """
daemon off;
master_process on;
worker_processes auto;
user {user};
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{}}
http {{
    access_log off;
    sendfile on;
    keepalive_requests 1000000;
    client_body_temp_path {folder};
    proxy_temp_path {folder};
    fastcgi_temp_path {folder};
    uwsgi_temp_path {folder};
    scgi_temp_path {folder};
    server {{
        listen 127.0.0.1:{port} ssl reuseport;
        ssl_certificate {certificate};
        ssl_certificate_key {key};
        root {root};
    }}
}}
"""


@contextmanager
def served(root: Path, folder: Path) -> Iterator[tuple[str, Path]]:
    """Serve a directory for the length of a block.

    Args:
        root: What is served.
        folder: An empty directory for the server itself.

    Yields:
        The endpoint, and the certificate of the authority that it can be trusted by.
    """
    certificates = Layout(folder, folder)
    ensure_certificates(certificates, ("localhost",))
    port = free_port()
    configuration = folder / "nginx.conf"
    configuration.write_text(
        CONFIGURATION.format(
            folder=folder,
            user=getpass.getuser(),
            port=port,
            root=root,
            certificate=certificates.server_certificate_file,
            key=certificates.server_key_file,
        )
    )
    server = subprocess.Popen([program("nginx"), "-c", configuration, "-p", folder])
    try:
        wait_for(port)
        yield f"https://localhost:{port}", certificates.ca_file
    finally:
        server.terminate()
        server.wait()


def etag_of(path: Path) -> str:
    """The ETag, without quotes, that nginx gives a file: its time of change and its size, in hex."""
    status = path.stat()
    return f"{int(status.st_mtime):x}-{status.st_size:x}"


def free_port() -> int:
    """A port of this machine that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(port: int) -> None:
    """Wait until the server takes connections.

    Raises:
        LocalSiteError: It does not within ten seconds.
    """
    deadline_s = time.monotonic() + START_LIMIT_S
    while time.monotonic() < deadline_s:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except OSError:
            time.sleep(0.02)
        else:
            return
    raise LocalSiteError("nginx does not start; see error.log in the benchmark's directory below build.")
