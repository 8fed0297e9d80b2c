"""The container registry: Debian's docker-registry with TLS and one user."""

from __future__ import annotations

import json

import bcrypt

from local_site.credentials import Credentials
from local_site.files import write_private
from local_site.health import LOOPBACK, answers_http
from local_site.layout import Layout
from local_site.packages import program
from local_site.processes import ProcessSpec

USER = "edge"
BCRYPT_COST = 8


def registry(layout: Layout, credentials: Credentials, port: int) -> ProcessSpec:
    """Write password file and configuration; gives the process to run."""
    passwords_file = layout.registry_dir / "htpasswd"
    if not passwords_file.exists():
        digest = bcrypt.hashpw(
            credentials.registry_password.encode(), bcrypt.gensalt(BCRYPT_COST, prefix=b"2a")
        )
        write_private(passwords_file, f"{USER}:{digest.decode()}\n")
    config_file = layout.registry_dir / "config.yml"
    write_private(config_file, configuration(layout, credentials.registry_http_secret, port))
    login = (USER, credentials.registry_password)
    return ProcessSpec(
        name="registry",
        command=[program("docker-registry"), "serve", str(config_file)],
        healthy=answers_http(f"https://{LOOPBACK}:{port}/v2/", 200, layout.ca_file, login),
        environment={"PATH": "/usr/bin:/bin", "OTEL_TRACES_EXPORTER": "none"},
        ports=(port,),
        configuration=(config_file,),
    )


def configuration(layout: Layout, http_secret: str, port: int) -> str:
    """The registry's configuration; JSON is YAML."""
    return json.dumps(
        {
            "version": 0.1,
            "log": {"level": "warn", "accesslog": {"disabled": True}},
            "storage": {
                "filesystem": {"rootdirectory": str(layout.registry_dir / "data")},
                "delete": {"enabled": True},
            },
            "http": {
                "addr": f"{LOOPBACK}:{port}",
                "secret": http_secret,
                "tls": {
                    "certificate": str(layout.server_certificate_file),
                    "key": str(layout.server_key_file),
                },
            },
            "auth": {"htpasswd": {"realm": "local site", "path": str(layout.registry_dir / "htpasswd")}},
        },
        indent=2,
    )
