"""Every path of the local site's state; nothing else concatenates them."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

# A unix socket's path may be 104 bytes at most; containerd and dockerd add up to 50 to their directory.
RUNTIME_DIR_MAX_BYTES = 48


@dataclass(frozen=True)
class Layout:
    """Paths of one site.

    Attributes:
        state_dir: Absolute path of the state directory.
        cache_dir: Absolute path of what all sites of this checkout share.
    """

    state_dir: Path
    cache_dir: Path

    @property
    def site_id(self) -> str:
        """Ten characters that tell this site from others on the machine."""
        return hashlib.sha256(os.fsencode(self.state_dir)).hexdigest()[:10]

    @property
    def runtime_dir(self) -> Path:
        """Directory for sockets: in the state when its path is short enough, else in /tmp."""
        preferred = self.state_dir / "run"
        if len(os.fsencode(preferred)) <= RUNTIME_DIR_MAX_BYTES:
            return preferred
        return Path("/tmp") / f"edge-site-{self.site_id}"

    @property
    def site_file(self) -> Path:
        """What `describe` reads."""
        return self.state_dir / "site.json"

    @property
    def lock_file(self) -> Path:
        """Held while the site starts or stops."""
        return self.state_dir / "lock"

    @property
    def credentials_file(self) -> Path:
        """Generated secrets."""
        return self.state_dir / "secrets" / "credentials.json"

    @property
    def blob_key_file(self) -> Path:
        """The storage account's key alone, for the program that uploads the example's data."""
        return self.state_dir / "secrets" / "blob_key"

    def log_file(self, name: str) -> Path:
        """Log of one part."""
        return self.state_dir / "logs" / f"{name}.log"

    def process_file(self, name: str) -> Path:
        """Record of one part's process."""
        return self.state_dir / "processes" / f"{name}.json"

    @property
    def processes_dir(self) -> Path:
        """Records of all processes."""
        return self.state_dir / "processes"

    @property
    def pki_dir(self) -> Path:
        """Private certificate authority and the server certificate."""
        return self.state_dir / "pki"

    @property
    def ca_file(self) -> Path:
        """Certificate of the private authority, PEM."""
        return self.pki_dir / "ca.pem"

    @property
    def server_certificate_file(self) -> Path:
        """Certificate of gate and registry, PEM."""
        return self.pki_dir / "server.pem"

    @property
    def server_key_file(self) -> Path:
        """Private key of gate and registry, PEM."""
        return self.pki_dir / "server.key"

    @property
    def ssh_dir(self) -> Path:
        """Keys and configuration of the SSH server and its one client."""
        return self.state_dir / "ssh"

    @property
    def docker_dir(self) -> Path:
        """Data of our own Docker engine."""
        return self.state_dir / "docker"

    @property
    def docker_socket(self) -> Path:
        """Socket of our own Docker engine."""
        return self.runtime_dir / "docker.sock"

    @property
    def blob_dir(self) -> Path:
        """Data of the blob store."""
        return self.state_dir / "blob"

    @property
    def registry_dir(self) -> Path:
        """Data and configuration of the container registry."""
        return self.state_dir / "registry"

    @property
    def mlflow_dir(self) -> Path:
        """Data of the model registry."""
        return self.state_dir / "mlflow"

    @property
    def azureml_dir(self) -> Path:
        """Data of the stand-in for a workspace of Azure Machine Learning."""
        return self.state_dir / "azureml"

    @property
    def azureml_client_file(self) -> Path:
        """What a client of the workspace has to know; the stand-in writes it."""
        return self.azureml_dir / "client.json"

    @property
    def azureml_ca_file(self) -> Path:
        """The authority of the workspace's hosts, PEM."""
        return Layout(self.azureml_dir, self.cache_dir).ca_file

    @property
    def database_dir(self) -> Path:
        """Data of Airflow's metadata database."""
        return self.state_dir / "database"

    @property
    def airflow_dir(self) -> Path:
        """Airflow's home."""
        return self.state_dir / "airflow"
