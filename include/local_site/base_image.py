"""The image the runtimes are built on: Python's own when it can be pulled, else made of Debian packages."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import requests
from docker.errors import DockerException, ImageNotFound

from local_site.commands import run_logged
from local_site.docker_engine import Engine
from local_site.environments import content_hash, ensure_directory
from local_site.errors import BuildFailed
from local_site.files import read_json, write_json
from local_site.packages import program

PYTHON_IMAGE = "python:3.11-slim-bookworm"
SUITE = "bookworm"
PACKAGES = (
    "python3-minimal,libpython3-stdlib,ca-certificates,libc6,zlib1g,libffi8,libssl3,libbz2-1.0,liblzma5,"
    "libsqlite3-0,libgcc-s1,libstdc++6,libgomp1,base-files,coreutils,dash,debianutils"
)
SOURCE_DATE_EPOCH = "1700000000"
MADE_REPOSITORY = "edge/base"
TAR_NAME = "base.tar"
MAKE_LIMIT_S = 300
# A registry out of reach shows as silence: a pull that says nothing for this long is given up.
PULL_SILENCE_LIMIT_S = 10


@dataclass(frozen=True)
class BaseImage:
    """The base that was chosen.

    Attributes:
        reference: What Docker builds on.
        identity: What it is, for the content hash of images built on it.
    """

    reference: str
    identity: str


def ensure_base_image(
    engine: Engine, setting: str, cache_dir: Path, choice_file: Path, log_file: Path
) -> BaseImage:
    """Pull or make the base image; the choice is kept, so that later starts ask no network.

    Args:
        engine: The site's engine.
        setting: An image reference, or `auto`.
        cache_dir: Where a made base is kept as a file.
        choice_file: Where the choice is kept.
        log_file: Log of the making.

    Raises:
        BuildFailed: The image of the setting cannot be pulled, or the base cannot be made.
    """
    known = read_json(choice_file)
    if known is not None and known["setting"] == setting and _identity(engine, known["reference"]):
        return BaseImage(known["reference"], known["identity"])
    base = _chosen(engine, setting) if setting != "auto" else _pulled_or_made(engine, cache_dir, log_file)
    write_json(choice_file, {"setting": setting, "reference": base.reference, "identity": base.identity})
    return base


def recipe() -> str:
    """Identity of a base made here."""
    return content_hash(SUITE.encode(), PACKAGES.encode(), SOURCE_DATE_EPOCH.encode())


def _chosen(engine: Engine, reference: str) -> BaseImage:
    base = _pulled(engine, reference)
    if base is None:
        raise BuildFailed(f"The base image {reference} cannot be pulled: check EDGE_BASE_IMAGE, or unset it.")
    return base


def _pulled_or_made(engine: Engine, cache_dir: Path, log_file: Path) -> BaseImage:
    pulled = _pulled(engine, PYTHON_IMAGE)
    return pulled or _made(engine, cache_dir, log_file)


def _made(engine: Engine, cache_dir: Path, log_file: Path) -> BaseImage:
    tar_dir = ensure_directory(
        cache_dir / f"base-image-{recipe()}", lambda directory: _make(directory, log_file)
    )
    with engine.client() as client:
        client.api.import_image_from_file(str(tar_dir / TAR_NAME), repository=MADE_REPOSITORY, tag=recipe())
    return BaseImage(f"{MADE_REPOSITORY}:{recipe()}", recipe())


def _identity(engine: Engine, reference: str) -> str | None:
    """Id of an image that the engine has."""
    with engine.client() as client:
        try:
            return client.images.get(reference).id
        except ImageNotFound:
            return None


def _pulled(engine: Engine, reference: str) -> BaseImage | None:
    identity = _identity(engine, reference)
    if identity is None:
        try:
            with engine.client(PULL_SILENCE_LIMIT_S) as client:
                identity = client.images.pull(reference).id
        except (DockerException, requests.RequestException):
            return None
    return BaseImage(reference, str(identity))


def _make(directory: Path, log_file: Path) -> None:
    command: list[str | Path] = [
        program("mmdebstrap"),
        "--variant=extract",
        f"--include={PACKAGES}",
        SUITE,
        directory / "base.tar",
    ]
    run_logged(command, log_file, MAKE_LIMIT_S, {"SOURCE_DATE_EPOCH": SOURCE_DATE_EPOCH})
