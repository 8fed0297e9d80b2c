"""What Airflow is told about the site: connections and variables for its local secrets backend."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from local_site.files import write_json
from local_site.info import SiteInfo


def write_connections(airflow_dir: Path, info: SiteInfo) -> None:
    """Write connections.json, readable by its owner only; the images need not be known yet."""
    write_json(airflow_dir / "connections.json", connections(info))


def write_variables(airflow_dir: Path, info: SiteInfo) -> None:
    """Write variables.json, readable by its owner only."""
    write_json(airflow_dir / "variables.json", variables(info, airflow_dir))


def connections(info: SiteInfo) -> dict[str, dict[str, Any]]:
    """The four connections of a site, as their ids name them."""
    ca_pem = info.ca_file.read_text()
    return {
        "edge_site_vm": {
            "conn_type": "ssh",
            "host": info.ssh_host,
            "port": info.ssh_port,
            "login": info.ssh_user,
            "extra": json.dumps(
                {
                    "private_key": info.ssh_private_key_file.read_text(),
                    "host_key": info.ssh_host_key,
                    "docker_socket": info.docker_socket,
                }
            ),
        },
        "edge_site_blob": {
            "conn_type": "wasb",
            "host": info.blob_endpoint,
            "login": info.blob_account,
            "password": info.blob_key,
            "extra": json.dumps(
                {
                    "api_version": info.blob_api_version,
                    "ca_pem": ca_pem,
                    "forward_address": info.blob_forward_address,
                }
            ),
        },
        "edge_registry": {
            "conn_type": "azure_container_registry",
            "host": info.registry,
            "login": info.registry_user,
            "password": info.registry_password,
            "extra": json.dumps({"ca_pem": ca_pem}),
        },
        "edge_mlflow": model_registry(info),
    }


def model_registry(info: SiteInfo) -> dict[str, Any]:
    """The model registry's connection: an MLflow server, or a workspace of Azure Machine Learning."""
    if info.azureml is None:
        return {"conn_type": "http", "host": info.mlflow_url}
    extra = dict(info.azureml)
    login, password = extra.pop("client_id"), extra.pop("client_secret")
    return {"conn_type": "http", "login": login, "password": password, "extra": json.dumps(extra)}


def variables(info: SiteInfo, airflow_dir: Path) -> dict[str, str]:
    """The runtime images by digest, the workers' directory of bundles, and where the model is served."""
    return {
        "edge_training_image": info.training_image,
        "edge_serving_image": info.serving_image,
        "edge_bundle_store": str(airflow_dir / "bundles"),
        "edge_service_port_flight_delay": str(info.service_port),
    }
