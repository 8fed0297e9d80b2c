"""The settings of the local site, read once from the environment."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, cast, get_args

from local_site.errors import SettingInvalid

PROJECT_ROOT = Path(__file__).resolve().parents[2]
DEFAULT_PORT_BASE = 17800
TEST_PORT_OFFSET = 1000
MAX_PORT_BASE = 64000

DockerChoice = Literal["auto", "own"]
ModelRegistryKind = Literal["mlflow", "azureml", "azureml-mlflow"]


@dataclass(frozen=True)
class Ports:
    """The TCP ports of the site, all derived from one number so that two sites can run side by side."""

    base: int

    @property
    def blob_gate(self) -> int:
        """Blob store as clients see it, behind the gate."""
        return self.base + 10

    @property
    def azurite(self) -> int:
        """Blob store behind the gate."""
        return self.base + 11

    @property
    def ssh(self) -> int:
        """The VM's SSH server."""
        return self.base + 22

    @property
    def registry(self) -> int:
        """Container registry."""
        return self.base + 43

    @property
    def mlflow(self) -> int:
        """Model registry and tracking."""
        return self.base + 50

    @property
    def azureml_proxy(self) -> int:
        """The way to the stand-in for a workspace of Azure Machine Learning."""
        return self.base + 51

    @property
    def azureml_mlflow(self) -> int:
        """MLflow behind that stand-in."""
        return self.base + 52

    @property
    def airflow(self) -> int:
        """Airflow's UI and API."""
        return self.base + 80

    @property
    def service(self) -> int:
        """The deployed model."""
        return self.base + 90


@dataclass(frozen=True)
class Settings:
    """What a user can choose.

    Attributes:
        root: The repository.
        state_dir: Everything this site keeps; removed by `clean` (EDGE_LOCAL_SITE_DIR).
        dags_dir: Where Airflow finds its DAGs (EDGE_DAGS_DIR).
        cache_dir: Downloads and environments, shared by all sites of this checkout (EDGE_CACHE_DIR).
        ports: The site's ports (EDGE_PORT_BASE).
        docker: `auto` takes the machine's engine when it answers, `own` never does (EDGE_DOCKER).
        base_image: Image reference the runtimes are built on; `auto` pulls Python's own image, and makes one
            from Debian packages when that is out of reach (EDGE_BASE_IMAGE).
        model_registry: Kind of the registry that Airflow's connection leads to (EDGE_MODEL_REGISTRY).
    """

    root: Path
    state_dir: Path
    dags_dir: Path
    cache_dir: Path
    ports: Ports
    docker: DockerChoice
    base_image: str
    model_registry: ModelRegistryKind = "mlflow"

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Settings:
        """Read the settings; relative directories are relative to the repository."""
        docker: DockerChoice = "own" if environment.get("EDGE_DOCKER") == "own" else "auto"
        return cls(
            root=PROJECT_ROOT,
            state_dir=PROJECT_ROOT / environment.get("EDGE_LOCAL_SITE_DIR", ".local_site"),
            dags_dir=PROJECT_ROOT / environment.get("EDGE_DAGS_DIR", "dags"),
            cache_dir=PROJECT_ROOT / environment.get("EDGE_CACHE_DIR", ".cache"),
            ports=Ports(port_base(environment.get("EDGE_PORT_BASE", str(DEFAULT_PORT_BASE)))),
            docker=docker,
            base_image=environment.get("EDGE_BASE_IMAGE", "auto"),
            model_registry=registry_kind(environment.get("EDGE_MODEL_REGISTRY") or "mlflow"),
        )

    @classmethod
    def for_tests(cls, environment: Mapping[str, str] = os.environ) -> Settings:
        """A second site beside the user's: other ports, and its own engine whenever we may start one."""
        settings = cls.from_environment(environment)
        return replace(
            settings,
            state_dir=PROJECT_ROOT / "build" / "test-site",
            ports=Ports(settings.ports.base + TEST_PORT_OFFSET),
            docker="own" if os.geteuid() == 0 else settings.docker,
        )


def registry_kind(text: str) -> ModelRegistryKind:
    """Kind of the model registry.

    Raises:
        SettingInvalid: There is none of that kind.
    """
    for kind in get_args(ModelRegistryKind):
        if text == kind:
            return cast("ModelRegistryKind", kind)
    raise SettingInvalid(
        f"EDGE_MODEL_REGISTRY={text} cannot be used; set one of {', '.join(get_args(ModelRegistryKind))}."
    )


def port_base(text: str) -> int:
    """The first of the site's ports.

    Raises:
        SettingInvalid: It leaves no room for the site's ports, and those of the tests' site, above it.
    """
    if not text.isdigit() or not 1024 <= int(text) <= MAX_PORT_BASE:
        raise SettingInvalid(
            f"EDGE_PORT_BASE={text} cannot be used; set a number from 1024 to {MAX_PORT_BASE}."
        )
    return int(text)
