"""Edge jobs: one container on the site for one step. What a job is, and what travels to it.

`lifecycle` starts and stops jobs, `watching` follows them, `outcomes` takes their results.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import edge_runner
from edge_runner import protocol
from edge_training import identity, leases
from edge_training.ports.edge_host import (
    DEFAULT_LIMITS,
    BlobForward,
    ContainerSpec,
    Limits,
    Mount,
    RegistryLogin,
)
from edge_training.sas import Grant

RUNNER_FOLDER = Path(edge_runner.__file__).parent


@dataclass(frozen=True)
class EdgeJob:
    """One step on a site.

    Attributes:
        step: Module name under `edge_runner.steps`.
        key: Identity, from `identity`.
        image: Image reference by digest.
        request: What the step is asked, JSON-able.
        secrets: What it needs and nobody may read.
        grant: What it may do in the blob store; its signature is renewed while it runs.
        code: The model's code, by relative path.
        inputs: Name of an earlier job's container by the name the step knows it under.
        mounts: Further volumes: staged data, the cache.
        storage: The blob store to reach; None for no network.
        limits: CPU, memory and the like.
        labels: What housekeeping and people want to know.
        login: Who pulls the image.
        bundle: A stored bundle whose files the job finds in its volume and may not change; None for none.
        proof: A file that the job leaves outside its own volume, with the moment in ISO 8601. An ended job
            whose proof is gone, because what it made was evicted, or old, so that it may be evicted under
            whoever relies on it, is done anew; empty for a job whose success cannot go away.
    """

    step: str
    key: str
    image: str
    request: Mapping[str, Any]
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    grant: Grant | None = None
    code: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    inputs: Mapping[str, str] = field(default_factory=dict)
    mounts: tuple[Mount, ...] = ()
    storage: BlobForward | None = None
    limits: Limits = DEFAULT_LIMITS
    labels: Mapping[str, str] = field(default_factory=dict)
    login: RegistryLogin | None = None
    bundle: Path | None = None
    proof: str = ""

    @property
    def name(self) -> str:
        """The container, and the job's volume."""
        return identity.container_name(self.step, self.key)

    def container(self) -> ContainerSpec:
        """What Docker is told."""
        inputs = tuple(
            Mount(container, f"{protocol.INPUTS_DIR}/{name}", subpath=protocol.WORK_NAME)
            for name, container in sorted(self.inputs.items())
        )
        return ContainerSpec(
            name=self.name,
            image=self.image,
            command=("python3", "-c", (RUNNER_FOLDER / "bootstrap.py").read_text()),
            mounts=(Mount(self.name, protocol.JOB_VOLUME_DIR, read_only=False), *inputs, *self.mounts),
            storage=self.storage,
            limits=self.limits,
            labels=identity.labels(
                step=self.step,
                key=self.key,
                input="secrets" if self.secrets else "none",
                **leases.labels_of(self.limits.gpu_ids),
                **self.labels,
            ),
            reads_input=bool(self.secrets),
        )

    def payload(self) -> bytes:
        """The request and the code, as they lie in the job's volume."""
        message = {"protocol": protocol.PROTOCOL, "step": self.step, "request": dict(self.request)}
        files = {
            f"{protocol.PACKAGE_NAME}/{path}": content
            for path, content in identity.read_code(RUNNER_FOLDER).items()
        }
        files |= {f"{protocol.MODEL_CODE_NAME}/{path}": content for path, content in self.code.items()}
        files[protocol.REQUEST_NAME] = protocol.canonical_json(message)
        return announced(pack(files), secrets=bool(self.secrets))

    def message(self) -> bytes:
        """The secrets, for the container's standard input; empty when there are none."""
        return announced(protocol.canonical_json(dict(self.secrets))) if self.secrets else b""


def announced(content: bytes, **more: bool) -> bytes:
    """A header line that says what follows, then the content."""
    header = {"length": len(content), "sha256": hashlib.sha256(content).hexdigest(), **more}
    return json.dumps(header).encode() + b"\n" + content


def pack(files: Mapping[str, bytes]) -> bytes:
    """A compressed tar of files that only their owner reads; the same bytes for the same files."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for path, content in files.items():
            member = tarfile.TarInfo(path)
            member.size, member.mode = len(content), 0o600
            archive.addfile(member, io.BytesIO(content))
    return gzip.compress(buffer.getvalue(), compresslevel=6, mtime=0)
