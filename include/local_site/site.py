"""Starts and stops the whole site."""

from __future__ import annotations

import getpass
import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from local_site import (
    airflow,
    azureml_workspace,
    blob_store,
    docker_engine,
    environments,
    metadata_database,
    packages,
)
from local_site import registry as container_registry
from local_site.base_image import BaseImage, ensure_base_image
from local_site.connections import write_connections, write_variables
from local_site.credentials import Credentials, load_or_create
from local_site.errors import BuildFailed
from local_site.files import locked, make_private_dir
from local_site.health import LOOPBACK
from local_site.images import RegistryLogin, RuntimeImage, ensure_in_engine, ensure_in_registry
from local_site.info import SiteInfo, save
from local_site.layout import Layout
from local_site.model_registry import model_registry
from local_site.pki import ensure_certificates
from local_site.processes import Supervisor
from local_site.progress import Progress
from local_site.settings import Settings
from local_site.ssh_server import client_key_file, host_key_line, ssh_server
from local_site.steps import Step, run_steps
from local_site.wheelhouse import wheelhouse, wheels_of

RUNTIMES = ("serving", "training")
WORKSPACE = "stand-in for Azure Machine Learning"
API_VERSION = "2019-02-02"
"""The REST version that every Stack Hub accepts."""


def layout_of(settings: Settings) -> Layout:
    """Where a site with these settings keeps its state."""
    return Layout(settings.state_dir, settings.cache_dir)


@dataclass
class Site:
    """One start of a site: the steps, and what they hand to each other."""

    settings: Settings
    with_airflow: bool = False
    progress: Progress = field(default_factory=Progress)
    credentials: Credentials = field(init=False)
    engine: docker_engine.Engine = field(init=False)
    base: BaseImage = field(init=False)
    python: Path = field(init=False)
    azurite_dir: Path = field(init=False)
    azureml_python: Path = field(init=False)
    workspace: dict[str, Any] | None = None
    wheels: dict[str, Path] = field(default_factory=dict)
    runtimes: dict[str, RuntimeImage] = field(default_factory=dict)
    images: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.layout = layout_of(self.settings)
        self.supervisor = Supervisor(self.layout)

    def up(self) -> SiteInfo:
        """Start what does not run, and say where everything is.

        Raises:
            LocalSiteError: A part cannot be started; the message names the remedy.
        """
        packages.require_installable(self._missing_packages())
        make_private_dir(self.layout.state_dir)
        with locked(self.layout.lock_file):
            run_steps(self._steps(), self.progress)
            info = self._info()
            save(self.layout.site_file, info)
        return info

    def build_image(self, name: str) -> str:
        """Build a training image of the user's on the training runtime, and push it; the site is up.

        Args:
            name: Its directory in include/images, with Dockerfile and requirements.txt.

        Returns:
            The image by digest.

        Raises:
            LocalSiteError: There is no such directory, or the build failed.
        """
        if not (self._image_dir(name) / "Dockerfile").exists():
            raise BuildFailed(
                f"There is no {self._image_dir(name)} with a Dockerfile; copy include/images/frameworks."
            )
        below = self.runtimes["training"].as_base(self._registry_login)
        wheels = wheels_of(self._wheelhouse(name), *self.wheels.values())
        self._build(RuntimeImage(self._image_dir(name), below, wheels))
        self._push(name)
        return self.images[name]

    def _steps(self) -> list[Step]:
        ready = ("system packages", "keys and certificates")
        registry = tuple(step.name for step in self._workspace_steps())
        pushed = ("serving runtime pushed", "training runtime pushed")
        return [
            Step("system packages", self._install_packages),
            Step("keys and certificates", self._make_keys),
            Step("Docker engine", self._start_engine, ready),
            Step("SSH server", self._start_ssh, ready),
            Step("container registry", self._start_registry, ready),
            Step("site's Python environment", self._make_environment),
            Step("model registry", self._start_mlflow, ("site's Python environment",)),
            Step("blob server installed", self._install_azurite, ("site's Python environment",)),
            Step("blob store", self._start_blob_store, ("blob server installed", "Docker engine")),
            Step("example data", self._seed, ("blob store", "site's Python environment")),
            Step("base image", self._make_base, ("Docker engine",)),
            Step("wheels of the runtimes", self._collect_wheels),
            Step(
                "serving runtime built",
                self._build_serving,
                ("base image", "wheels of the runtimes", "container registry"),
            ),
            Step("serving runtime pushed", lambda: self._push("serving"), ("serving runtime built",)),
            Step("training runtime built", self._build_training, ("serving runtime built",)),
            Step("training runtime pushed", lambda: self._push("training"), ("training runtime built",)),
            Step(
                "Airflow's connections", self._write_connections, ("Docker engine", "SSH server", *registry)
            ),
            Step("Airflow's variables", self._write_variables, ("Airflow's connections", *pushed)),
            *self._workspace_steps(),
            *(self._airflow_steps() if self.with_airflow else []),
        ]

    def _workspace_steps(self) -> list[Step]:
        """A workspace of Azure Machine Learning, where it is the model registry."""
        if self.settings.model_registry == "mlflow":
            return []
        environment = "Azure Machine Learning's client"
        return [
            Step(environment, self._make_azureml_environment),
            Step(WORKSPACE, self._start_workspace, (environment, "model registry")),
        ]

    def _airflow_steps(self) -> list[Step]:
        port = self.settings.ports.airflow
        parts = airflow.processes(self.layout, self.settings.root, port)
        tables = "Airflow's tables"
        needs = dict.fromkeys(airflow.RUN_TASKS, (tables, "Airflow's connections"))
        return [
            Step("metadata database", self._start_database, ("system packages",)),
            Step(tables, self._make_tables, ("keys and certificates", "metadata database")),
            *[
                Step(part.name, partial(self.supervisor.ensure, part), needs.get(part.name, (tables,)))
                for part in parts
            ],
            Step("site's pool in Airflow", self._make_pool, ("airflow-api-server",)),
        ]

    def _log(self, name: str) -> Path:
        return self.layout.log_file(name)

    def _missing_packages(self) -> list[str]:
        own_engine = self.settings.docker == "own" or docker_engine.machine_socket() is None
        needed = {
            **packages.SITE_PACKAGES,
            **(packages.AIRFLOW_PACKAGES if self.with_airflow else {}),
            **(packages.ENGINE_PACKAGES if own_engine else {}),
            **(packages.BASE_IMAGE_PACKAGES if self.settings.base_image == "auto" else {}),
        }
        return packages.missing(needed)

    def _install_packages(self) -> None:
        packages.install(self._missing_packages(), self._log("packages"))

    def _make_keys(self) -> None:
        self.credentials = load_or_create(self.layout.credentials_file)
        ensure_certificates(self.layout, (blob_store.HOST_NAME,))

    def _start_engine(self) -> None:
        socket = None if self.settings.docker == "own" else docker_engine.machine_socket()
        if socket is not None:
            self.engine = docker_engine.use_machine_engine(socket)
        else:
            self.engine = docker_engine.start_own_engine(self.layout, self.settings, self.supervisor)

    def _start_ssh(self) -> None:
        self.supervisor.ensure(ssh_server(self.layout, self.settings.ports.ssh))

    def _start_registry(self) -> None:
        port = self.settings.ports.registry
        self.supervisor.ensure(container_registry.registry(self.layout, self.credentials, port))

    def _make_environment(self) -> None:
        lock_file = self.settings.root / "requirements-local-site.txt"
        self.python = environments.site_python(
            self.layout.cache_dir, lock_file, self._log("site-environment")
        )

    def _start_mlflow(self) -> None:
        self.supervisor.ensure(model_registry(self.layout, self.python, self.settings.ports.mlflow))

    def _make_azureml_environment(self) -> None:
        log_file = self._log("azureml-environment")
        self.azureml_python = environments.azureml_python(self.layout.cache_dir, self.settings.root, log_file)

    def _start_workspace(self) -> None:
        self.workspace = azureml_workspace.ensure(
            self.settings, self.layout, self.supervisor, self.python, self.azureml_python
        )

    def _install_azurite(self) -> None:
        self.azurite_dir = environments.azurite_directory(
            self.layout.cache_dir, environments.node_directory(self.python), self._log("azurite-install")
        )

    def _start_blob_store(self) -> None:
        ports, node_dir = self.settings.ports, environments.node_directory(self.python)
        self.supervisor.ensure(
            blob_store.azurite(self.layout, self.credentials, ports, node_dir, self.azurite_dir)
        )
        self.supervisor.ensure(blob_store.gate(self.layout, ports, self.engine.bridge_address))

    def _seed(self) -> None:
        blob_store.seed(self.layout, self.credentials, self.settings.ports, self.python)

    def _start_database(self) -> None:
        self.supervisor.ensure(metadata_database.metadata_database(self.layout))

    def _write_connections(self) -> None:
        write_connections(self.layout.airflow_dir, self._info())

    def _write_variables(self) -> None:
        write_variables(self.layout.airflow_dir, self._info())

    def _make_tables(self) -> None:
        airflow.write_configuration(self.layout, self.settings, self.credentials)
        airflow.migrate(self.layout, self.settings.root)

    def _make_pool(self) -> None:
        airflow.ensure_pool(self.settings.ports.airflow, self.credentials.airflow_password)

    def _make_base(self) -> None:
        self.base = ensure_base_image(
            self.engine,
            self.settings.base_image,
            self.layout.cache_dir,
            self.layout.state_dir / "base-image.json",
            self._log("base-image"),
        )

    def _image_dir(self, name: str) -> Path:
        return self.settings.root / "include" / "images" / name

    def _collect_wheels(self) -> None:
        for name in RUNTIMES:
            self.wheels[name] = self._wheelhouse(name)

    def _wheelhouse(self, name: str) -> Path:
        lock_file = self._image_dir(name) / "requirements.txt"
        return wheelhouse(self.layout.cache_dir, lock_file, self._log(f"wheels-{name}"))

    def _build_serving(self) -> None:
        self._build(RuntimeImage(self._image_dir("serving"), self.base, wheels_of(self.wheels["serving"])))

    def _build_training(self) -> None:
        below = self.runtimes["serving"].as_base(self._registry_login)
        wheels = wheels_of(self.wheels["training"], self.wheels["serving"])
        self._build(RuntimeImage(self._image_dir("training"), below, wheels))

    def _build(self, image: RuntimeImage) -> None:
        name = image.source_dir.name
        self.runtimes[name] = image
        with self.engine.client() as client:
            ensure_in_engine(client, self._registry_login, image, self._log(f"image-{name}"))

    def _push(self, name: str) -> None:
        with self.engine.client() as client:
            self.images[name] = ensure_in_registry(client, self._registry_login, self.runtimes[name])

    @property
    def _registry_login(self) -> RegistryLogin:
        password = self.credentials.registry_password
        return RegistryLogin(self._registry_address, container_registry.USER, password, self.layout.ca_file)

    @property
    def _registry_address(self) -> str:
        return f"{LOOPBACK}:{self.settings.ports.registry}"

    def _info(self) -> SiteInfo:
        """Where everything is; images that are not pushed yet are empty."""
        ports = self.settings.ports
        in_workspace = self.settings.model_registry == azureml_workspace.MLFLOW_KIND
        return SiteInfo(
            ssh_host=LOOPBACK,
            ssh_port=ports.ssh,
            ssh_user=getpass.getuser(),
            ssh_private_key_file=client_key_file(self.layout),
            ssh_host_key=host_key_line(self.layout),
            docker_socket=str(self.engine.socket),
            blob_endpoint=f"https://{blob_store.HOST_NAME}:{ports.blob_gate}",
            blob_host_endpoint=f"https://{LOOPBACK}:{ports.blob_gate}/{blob_store.ACCOUNT}",
            blob_account=blob_store.ACCOUNT,
            blob_key=self.credentials.blob_key,
            blob_container=blob_store.CONTAINER,
            blob_api_version=API_VERSION,
            blob_forward_address=self.engine.bridge_address,
            ca_file=self.layout.ca_file,
            registry=self._registry_address,
            registry_user=container_registry.USER,
            registry_password=self.credentials.registry_password,
            mlflow_url=f"http://{LOOPBACK}:{ports.azureml_mlflow if in_workspace else ports.mlflow}",
            training_image=self.images.get("training", ""),
            serving_image=self.images.get("serving", ""),
            airflow_url=f"http://{LOOPBACK}:{ports.airflow}",
            airflow_user=airflow.USER,
            airflow_password=self.credentials.airflow_password,
            service_port=ports.service,
            azureml=self.workspace,
        )


def down(settings: Settings) -> list[str]:
    """End every process, container, mount and bridge of the site; gives the names of the processes."""
    layout = layout_of(settings)
    if not layout.state_dir.exists():
        return []
    with locked(layout.lock_file):
        names = _end_everything(layout, settings)
    shutil.rmtree(layout.runtime_dir, ignore_errors=True)
    return names


def _end_everything(layout: Layout, settings: Settings) -> list[str]:
    """The database last: PostgreSQL waits for its clients."""
    supervisor = Supervisor(layout)
    names = supervisor.names()
    apart = {*docker_engine.ENGINE_PROCESSES, metadata_database.NAME}
    with ThreadPoolExecutor() as pool:
        ended = [pool.submit(supervisor.stop, name) for name in names if name not in apart]
        ended.append(pool.submit(docker_engine.stop, layout, settings, supervisor))
    for future in ended:
        future.result()
    supervisor.stop(metadata_database.NAME)
    return names


def clean(settings: Settings) -> None:
    """Stop the site and remove its state."""
    down(settings)
    if settings.state_dir.exists():
        shutil.rmtree(settings.state_dir)
