"""How long a bundle of 1 GB takes to be registered in a workspace of Azure Machine Learning, beside uploads.

The workspace is the tests' stand-in on this machine, with TLS, its storage on the disk; the clients are the
real ones. Every program is a process of its own, in turn, medians of 5. Ours is the adapter at the other end
of the bridge: it reads the stored bundle, hashes every byte, and ends with one version that is complete,
tagged and compared. A plain upload does none of it: azureml-core or azureml-mlflow sends the same files,
unpacked before, into a run that is there; azure-storage-blob sends the large file alone. Memory is the most
that the process had resident, with its client in it.
"""

from __future__ import annotations

import json
import os
import sys
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.standins.azureml.artifacts import CONTAINER
from tests.standins.azureml.bridging import options
from tests.standins.azureml.interpreter import azureml_python, running_mlflow
from tests.standins.azureml.server import AzureMl, running_azureml

from benchmarks.bench import Scratch
from benchmarks.figures import Figure
from benchmarks.programs import said_by
from benchmarks.registration.bundle import LARGE_PATH, Written, write
from benchmarks.registration.taken import OURS, Taken, compared
from local_site.settings import Settings

REPEATS = 5
LIMIT_S = 300
STORAGE = "azure-storage-blob"
CLIENTS = {"azureml": "azureml-core", "azureml-mlflow": "azureml-mlflow"}
"""Who else uploads, by the kind of registry."""


def figures(scratch: Scratch) -> Iterator[Figure]:
    """Both kinds, one after the other."""
    settings, written = Settings.for_tests(), write(scratch.fresh("bundle"))
    python = azureml_python(settings, scratch.folder / "install.log")
    with served(settings, scratch.fresh("workspace")) as standin:
        for kind, client in CLIENTS.items():
            taken = {name: Taken() for name in (OURS, client, STORAGE)}
            for _ in range(REPEATS):
                once(scratch, standin, python, kind, written, taken)
            yield from compared(f"a bundle of 1 GB registered with {kind}", taken)


def once(
    scratch: Scratch,
    standin: AzureMl,
    python: Path,
    kind: str,
    written: Written,
    taken: Mapping[str, Taken],
) -> None:
    """Each program once, over a storage that keeps nothing of the one before."""
    client, model = CLIENTS[kind], f"benchmark-{uuid.uuid4().hex[:8]}"
    environment = standin.environment(scratch.fresh("home"))
    told = json.dumps(options(standin, kind=kind))
    address = standin.blobs.signed(CONTAINER, f"{model}/{LARGE_PATH}", "cw")
    large = written.files / LARGE_PATH
    program = [python, "-m", "benchmarks.registration.run_workspace"]
    commands: dict[str, list[str | Path]] = {
        STORAGE: [
            sys.executable,
            "-m",
            "benchmarks.registration.run_upload",
            address,
            large,
        ],
        client: [*program, client, told, f"{model}-plain", written.files],
        OURS: [*program, "register", told, model, written.bundle],
    }
    for name, command in commands.items():
        forget_files(standin)
        taken[name].add(said_by(name, command, LIMIT_S, environment))
    forget_files(standin)


@contextmanager
def served(settings: Settings, folder: Path) -> Iterator[AzureMl]:
    """Serve a workspace for the length of a block, from an empty directory."""
    own = folder / "mlflow"
    own.mkdir()
    with running_mlflow(settings, own) as url, running_azureml(folder, mlflow_url=url) as standin:
        yield standin


def forget_files(standin: AzureMl) -> None:
    """Remove what was uploaded, and let the disk come to rest."""
    standin.blobs.clear()
    os.sync()
