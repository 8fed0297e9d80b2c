"""The runtime images: built offline, pushed to the site's registry, rebuilt only when their inputs change."""

from __future__ import annotations

import tarfile
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import docker
import httpx
from docker.errors import BuildError, DockerException, ImageNotFound

from local_site.base_image import BaseImage
from local_site.environments import content_hash
from local_site.errors import BuildFailed
from local_site.health import ssl_context

MANIFEST_TYPES = (
    "application/vnd.docker.distribution.manifest.v2+json, application/vnd.oci.image.manifest.v1+json"
)


@dataclass(frozen=True)
class RegistryLogin:
    """How to reach the container registry.

    Attributes:
        host: `host:port`.
        user: User name.
        password: Password.
        ca_file: Certificate of the authority behind the registry's certificate.
    """

    host: str
    user: str
    password: str = field(repr=False)
    ca_file: Path

    @property
    def auth_config(self) -> dict[str, str]:
        """The login as docker-py takes it."""
        return {"username": self.user, "password": self.password}


@dataclass(frozen=True)
class RuntimeImage:
    """What one runtime image is made of.

    Attributes:
        source_dir: Directory with Dockerfile and requirements.txt; its name is the image's.
        base: What it is built on.
        wheels: Wheels that the build may install.
    """

    source_dir: Path
    base: BaseImage
    wheels: tuple[Path, ...]

    @property
    def repository(self) -> str:
        """Repository in the registry."""
        return f"edge/{self.source_dir.name}"

    @property
    def context_files(self) -> dict[str, Path]:
        """Files of the build context beside the wheels, by their name in it."""
        return {
            "Dockerfile": self.source_dir / "Dockerfile",
            "requirements.txt": self.source_dir / "requirements.txt",
            "install.py": self.source_dir.parent / "install.py",
        }

    @property
    def tag(self) -> str:
        """Content hash of everything the image is made of."""
        sources = [path.read_bytes() for path in self.context_files.values()]
        return content_hash(*sources, self.base.identity.encode())

    def name_in(self, registry: RegistryLogin) -> str:
        """Name with tag."""
        return f"{registry.host}/{self.repository}:{self.tag}"

    def as_base(self, registry: RegistryLogin) -> BaseImage:
        """This image, for one that stands on it."""
        return BaseImage(self.name_in(registry), self.tag)


def ensure_in_engine(
    client: docker.DockerClient, registry: RegistryLogin, image: RuntimeImage, log_file: Path
) -> None:
    """Have the engine hold the image: as it is, from the registry, or built.

    Raises:
        BuildFailed: The build failed; the log file says why.
    """
    name = image.name_in(registry)
    if _has(client, name):
        return
    if find_digest(registry, image.repository, image.tag):
        client.images.pull(name, auth_config=registry.auth_config)
    else:
        _build(client, image, name, log_file)


def ensure_in_registry(client: docker.DockerClient, registry: RegistryLogin, image: RuntimeImage) -> str:
    """Have the registry hold the image; gives it by digest (`host/edge/name@sha256:...`).

    Raises:
        BuildFailed: The push failed.
    """
    if find_digest(registry, image.repository, image.tag) is None:
        _push(client, registry, image)
    digest = find_digest(registry, image.repository, image.tag)
    reference = f"{registry.host}/{image.repository}@{digest}"
    if not _has(client, reference):
        client.images.pull(reference, auth_config=registry.auth_config)
    return reference


def find_digest(registry: RegistryLogin, repository: str, tag: str) -> str | None:
    """Digest of a tag in the registry; None when there is no such tag."""
    answer = httpx.head(
        f"https://{registry.host}/v2/{repository}/manifests/{tag}",
        headers={"Accept": MANIFEST_TYPES},
        auth=(registry.user, registry.password),
        verify=ssl_context(registry.ca_file),
        trust_env=False,
    )
    if answer.status_code == httpx.codes.NOT_FOUND:
        return None
    answer.raise_for_status()
    return answer.headers["Docker-Content-Digest"]


def _has(client: docker.DockerClient, reference: str) -> bool:
    try:
        client.images.get(reference)
    except ImageNotFound:
        return False
    return True


def _build(client: docker.DockerClient, image: RuntimeImage, name: str, log_file: Path) -> None:
    with tempfile.TemporaryFile() as context:
        _write_context(context, image)
        try:
            _, log = client.images.build(
                fileobj=context,
                custom_context=True,
                tag=name,
                buildargs={"BASE_IMAGE": image.base.reference},
                network_mode="none",
                rm=True,
                forcerm=True,
            )
        except BuildError as error:
            _write_log(log_file, error.build_log)
            raise BuildFailed(f"Building {name} failed; its log {log_file} says why.") from error
        except DockerException as error:
            raise BuildFailed(f"Building {name} failed: {error}") from error
    _write_log(log_file, log)


def _write_context(stream: IO[bytes], image: RuntimeImage) -> None:
    with tarfile.open(fileobj=stream, mode="w") as context:
        for name, path in image.context_files.items():
            context.add(path, name)
        for wheel in image.wheels:
            context.add(wheel, f"wheels/{wheel.name}")
    stream.seek(0)


def _write_log(log_file: Path, log: Any) -> None:
    log_file.parent.mkdir(parents=True, exist_ok=True)
    log_file.write_text("".join(entry.get("stream") or entry.get("error") or "" for entry in log))


def _push(client: docker.DockerClient, registry: RegistryLogin, image: RuntimeImage) -> None:
    repository = f"{registry.host}/{image.repository}"
    lines = client.images.push(
        repository, tag=image.tag, auth_config=registry.auth_config, stream=True, decode=True
    )
    for line in lines:
        if "error" in line:
            raise BuildFailed(f"Pushing {repository}:{image.tag} failed: {line['error']}")
