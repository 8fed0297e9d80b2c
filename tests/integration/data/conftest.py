"""A container of the test's own in the site's blob store, and the data steps run on it in this process."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from azure.storage.blob import ContainerClient, ContentSettings
from tests.unit.edge_runner.contracts.documents import column, contract

from edge_runner.blobs.renewal import place
from edge_runner.protocol import Dirs
from edge_runner.steps import snapshot, stage, wait
from edge_training.project import ModelProject, Ready
from edge_training.sas import Grant, read_sas
from local_site import SiteInfo
from local_site.flights import connect


@dataclass
class Box:
    """One container and the directories of one run.

    Attributes:
        site: The site it is on.
        client: The SDK's client for it, with the account's key.
        dirs: Where the steps work.
        access: Changes to the request that every step gets.
        signature: Changes to what the signature is made of.
        selection: Changes to what the project says of its data.
    """

    site: SiteInfo
    client: ContainerClient
    dirs: Dirs
    access: dict[str, Any] = field(default_factory=dict)
    signature: dict[str, Any] = field(default_factory=dict)
    selection: dict[str, Any] = field(default_factory=dict)

    def put(self, name: str, content: bytes) -> None:
        """Write a blob."""
        self.client.upload_blob(name, content, overwrite=True)

    def set_md5(self, name: str, md5: bytes | None) -> None:
        """Replace the checksum kept beside a blob; the store does not compare it with the content."""
        settings = ContentSettings(content_md5=bytearray(md5) if md5 else None)
        self.client.get_blob_client(name).set_http_headers(settings)

    def secrets(self) -> dict[str, str]:
        """A signature for the container, as a stage would make it."""
        values = {
            "account": self.site.blob_account,
            "key": self.site.blob_key,
            "grant": Grant(self.client.container_name, "rl"),
            "version": self.site.blob_api_version,
            "now": datetime.now(UTC),
            "lifetime": timedelta(minutes=5),
        }
        return {"sas": read_sas(**values | self.signature)}

    def let_access_be_over(self) -> None:
        """Sign for a time that is over, now and when the step is brought another signature."""
        self.signature.update(now=datetime.now(UTC) - timedelta(hours=2), lifetime=timedelta(minutes=50))
        place(json.dumps(self.secrets()).encode(), self.dirs.code)
        self.signature["lifetime"] = timedelta(hours=1)

    def request(self, **more: Any) -> dict[str, Any]:
        """What a step is told about the store, and more."""
        return {
            "container": self.client.container_name,
            "endpoint": self.site.blob_host_endpoint,
            "api_version": self.site.blob_api_version,
            "ca_pem": self.site.ca_file.read_text(),
            "proxy": "",
            **self.access,
            **more,
        }

    def of_project(self) -> dict[str, Any]:
        """What steps are told of the data, as a project says it; complete as soon as there is a blob."""
        project = ModelProject("box", Path(), "box", "{partition}/", ready=Ready())
        return replace(project, **self.selection).selection()

    def wait(self, *prefixes: str, time_limit_s: float = 0, on_time_limit: str = "fail") -> dict[str, Any]:
        """Run the wait step."""
        request = self.request(
            prefixes=list(prefixes),
            partition="day",
            poll_s=0.2,
            time_limit_s=time_limit_s,
            on_time_limit=on_time_limit,
            contract=contract(column("x")),
            **self.of_project(),
        )
        return wait.run(request, self.secrets(), self.dirs)

    def snapshot(self, **parts: str) -> dict[str, Any]:
        """Run the snapshot step; each part is a split and its prefix. The manifest becomes stage's input."""
        listed = [{"partition": prefix, "prefix": prefix, "split": split} for split, prefix in parts.items()]
        value = snapshot.run(self.request(parts=listed, **self.of_project()), self.secrets(), self.dirs)
        (self.dirs.job / "manifest.json").replace(self.dirs.inputs / "snapshot/manifest.json")
        return value

    def stage(self, data_digest: str, **changes: Any) -> dict[str, Any]:
        """Run the stage step."""
        request = self.request(data_digest=data_digest, parallel=4, quota_bytes=None, keep_s=3600)
        return stage.run(request | changes, self.secrets(), self.dirs)

    def view(self, data_digest: str) -> Path:
        """The tree that a training script would see."""
        return self.dirs.cache / "views" / data_digest


def box_of(site: SiteInfo, folder: Path, client: ContainerClient) -> Box:
    """A container with the directories of a run."""
    dirs = Dirs(
        job=folder / "job",
        data=folder / "data",
        cache=folder / "cache",
        inputs=folder / "inputs",
        code=folder / "code",
    )
    for path in (dirs.job, dirs.cache, dirs.inputs / "snapshot", dirs.code):
        path.mkdir(parents=True)
    return Box(site, client, dirs)


@pytest.fixture
def box(site: SiteInfo, container: ContainerClient, tmp_path: Path) -> Box:
    """An empty container."""
    return box_of(site, tmp_path, container)


@pytest.fixture
def flights_box(site: SiteInfo, tmp_path: Path) -> Iterator[Box]:
    """The container with the example's data, to be left as it is."""
    name = site.blob_container
    with connect(site.blob_host_endpoint, site.blob_account, site.blob_key, site.ca_file, name) as client:
        yield box_of(site, tmp_path / "flights", client)
