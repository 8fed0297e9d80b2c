"""How long a bundle of 1 GB takes to be registered in MLflow, and how much memory, beside a plain upload.

A real server on SQLite and the disk of this machine; every program is a process of its own, in turn, medians
of 7. Ours reads the stored bundle, hashes every byte, and ends with one version that is complete, tagged and
compared with what the server holds. A plain upload does none of it: `MlflowClient.log_artifacts` sends the
same files, unpacked before, into a run that is there, as a script would; curl sends the large file alone, as
fast as this server takes it. What is fetched is verified and packed; `download_artifacts` only brings the
files. Memory is the most that the process had resident, with MLflow's client in it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from time import perf_counter

from benchmarks.bench import Scratch
from benchmarks.figures import Figure
from benchmarks.programs import ProgramFailed, said_by
from benchmarks.registration.bundle import LARGE_PATH, Written, write
from benchmarks.registration.server import Server, served
from benchmarks.registration.taken import OURS, Taken, compared
from local_site.packages import install, missing, program, require_installable

PACKAGES = {"curl": "curl"}
REPEATS = 7
LIMIT_S = 300
CLIENT, CURL = "MlflowClient", "curl"
PROGRAMS = {OURS: "run_ours", CLIENT: "run_client"}


def figures(scratch: Scratch) -> Iterator[Figure]:
    """Both ways, in turn."""
    needed = missing(PACKAGES)
    require_installable(needed)
    install(needed, scratch.fresh("packages") / "apt.log")
    written = write(scratch.fresh("bundle"))
    up = {name: Taken() for name in (OURS, CLIENT, CURL)}
    down = {name: Taken() for name in (OURS, CLIENT)}
    with served(scratch.fresh("server")) as server:
        for _ in range(REPEATS):
            once(scratch, server, written, up, down)
    yield from compared("a bundle of 1 GB registered", up)
    yield from compared("the bundle fetched", down)


def once(
    scratch: Scratch, server: Server, written: Written, up: dict[str, Taken], down: dict[str, Taken]
) -> None:
    """Each program once, over a server that keeps nothing of the one before."""
    model = f"benchmark-{uuid.uuid4().hex[:8]}"
    curl(server, written.files / LARGE_PATH, up[CURL])
    server.forget_files()
    run(CLIENT, up[CLIENT], "upload", server.url, f"{model}-plain", written.files)
    server.forget_files()
    run(OURS, up[OURS], "register", server.url, model, written.bundle)
    os.sync()
    for name, action in ((CLIENT, "download"), (OURS, "fetch")):
        folder = scratch.fresh("fetched")
        run(name, down[name], action, server.url, model, folder)
        shutil.rmtree(folder)
        os.sync()
    server.forget_files()


def run(name: str, taken: Taken, action: str, url: str, model: str, path: Path) -> None:
    """Run a program and note what it took."""
    module = f"benchmarks.registration.{PROGRAMS[name]}"
    taken.add(said_by(name, [sys.executable, "-m", module, action, url, model, path], LIMIT_S))


def curl(server: Server, file: Path, taken: Taken) -> None:
    """Upload one file with curl.

    Raises:
        ProgramFailed: The server did not take it.
    """
    url = f"{server.url}/api/2.0/mlflow-artifacts/artifacts/plain/{file.name}"
    command = [
        program("curl"),
        "--silent",
        "--show-error",
        "--fail",
        "--noproxy",
        "*",
        "--upload-file",
        file,
        url,
    ]
    began_at = perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT_S, check=False)
    taken.seconds.append(perf_counter() - began_at)
    if done.returncode != 0:
        raise ProgramFailed(f"curl ended with {done.returncode}: {done.stderr.strip()}")
