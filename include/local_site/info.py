"""Where everything of a running site is, as one value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from local_site.errors import SiteNotUp
from local_site.files import read_json, write_json


@dataclass(frozen=True)
class SiteInfo:
    """Addresses, log-ins and images of one site.

    Attributes:
        ssh_host: Address of the VM's SSH server.
        ssh_port: Its port.
        ssh_user: The user who may log in.
        ssh_private_key_file: Private key of the one client.
        ssh_host_key: The server's public key, `ssh-ed25519 AAAA...`.
        docker_socket: Path of the Docker socket on the VM.
        blob_endpoint: Blob service as containers reach it.
        blob_host_endpoint: Blob service as this machine reaches it.
        blob_account: Storage account.
        blob_key: Its key.
        blob_container: Container of the example's data.
        blob_api_version: REST version that clients pin.
        blob_forward_address: What the storage network's forwarder dials for the blob host.
        ca_file: Certificate of the private authority behind blob service and registry.
        registry: Container registry, `host:port`.
        registry_user: Its user.
        registry_password: Its password.
        mlflow_url: Model registry, or the MLflow behind the workspace that is the model registry.
        training_image: Training runtime by digest.
        serving_image: Serving runtime by digest.
        airflow_url: Airflow's UI and API.
        airflow_user: Its administrator.
        airflow_password: The administrator's password.
        service_port: Loopback port of the deployed model.
        azureml: How a workspace of Azure Machine Learning is reached, where it is the model registry.
    """

    ssh_host: str
    ssh_port: int
    ssh_user: str
    ssh_private_key_file: Path
    ssh_host_key: str
    docker_socket: str
    blob_endpoint: str
    blob_host_endpoint: str
    blob_account: str
    blob_key: str = field(repr=False)
    blob_container: str
    blob_api_version: str
    blob_forward_address: str
    ca_file: Path
    registry: str
    registry_user: str
    registry_password: str = field(repr=False)
    mlflow_url: str
    training_image: str
    serving_image: str
    airflow_url: str
    airflow_user: str
    airflow_password: str = field(repr=False)
    service_port: int
    azureml: Mapping[str, Any] | None = field(default=None, repr=False)


PATH_FIELDS = ("ssh_private_key_file", "ca_file")


def save(site_file: Path, info: SiteInfo) -> None:
    """Write the site file, readable by its owner only."""
    write_json(
        site_file,
        {name: str(value) if isinstance(value, Path) else value for name, value in asdict(info).items()},
    )


def describe(state_dir: Path) -> SiteInfo:
    """What the last start of a site left in its state directory; reads one file and nothing else.

    Raises:
        SiteNotUp: There is none.
    """
    known: dict[str, Any] | None = read_json(state_dir / "site.json")
    if known is None:
        raise SiteNotUp(f"No site was started in {state_dir}: run `make site`.")
    return SiteInfo(**{**known, **{name: Path(known[name]) for name in PATH_FIELDS}})
