"""The stage step beside rclone, which reads the same URLs from the same server, on the same disk.

Whole processes, their start included, in turn, over as many connections; medians of 5. Ours verifies ETags,
hashes every byte and ends when all is on the disk; rclone has nothing to compare with, only copies, and ends
when the kernel has the bytes. So its time is given twice: as it is, and until a flush after it is over. It
is spared the requests for sizes that it would make before small files; for the large one it makes one, then
reads over several connections.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from random import Random
from time import perf_counter

from benchmarks.bench import Scratch
from benchmarks.environment import ROOT, with_own_code
from benchmarks.figures import Figure, median_of
from benchmarks.staging.server import etag_of, served
from edge_runner.manifest import MANIFEST_NAME, Manifest, ManifestBlob
from local_site.packages import install, missing, program, require_installable

PACKAGES = {"nginx": "nginx-light", "rclone": "rclone"}
REPEATS = 5
PARALLEL = 8
MEGABYTE = 1_000_000
CHUNK_BYTES = 5 * MEGABYTE
PEER = "rclone"
FLUSHED_PEER = "rclone, then flushed"
MANY_BLOBS = 1000
"""From so many on, what was staged stays until the end: for minutes after many files were removed, ext4 is
slow to make new ones (it looks for inodes that were not used lately), which would be measured instead.
"""


@dataclass(frozen=True)
class DataSet:
    """Blobs of one size.

    Attributes:
        name: For people.
        count: How many there are.
        size_bytes: Of each.
        peer_options: What lets rclone read them fastest.
    """

    name: str
    count: int
    size_bytes: int
    peer_options: tuple[str, ...] = ("--http-no-head",)

    @property
    def total_bytes(self) -> int:
        """All of them."""
        return self.count * self.size_bytes


MEDIUM = DataSet("80 blobs of 5 MB", 80, 5 * MEGABYTE)
LARGE = DataSet("1 blob of 1 GB", 1, 1000 * MEGABYTE, ())
SMALL = DataSet("2000 blobs of 20 KB", 2000, 20_000)
MANY = DataSet("10,000 blobs", 10_000, 1000, ())
"""rclone asks for sizes here: they tell it what has not changed."""


@dataclass
class Taken:
    """What the runs of one program took.

    Attributes:
        seconds: Until it ended.
        flushed_seconds: Until what it wrote was on the disk, too.
        cpu_seconds: Of the program itself.
    """

    seconds: list[float] = field(default_factory=list)
    flushed_seconds: list[float] = field(default_factory=list)
    cpu_seconds: list[float] = field(default_factory=list)


def figures(scratch: Scratch) -> Iterator[Figure]:
    """Each set of blobs in turn, then the second staging of many."""
    needed = missing(PACKAGES)
    require_installable(needed)
    install(needed, scratch.fresh("packages") / "apt.log")
    for blobs in (SMALL, MEDIUM, LARGE):
        yield from first_time(scratch, blobs)
    yield from second_time(scratch)


def first_time(scratch: Scratch, blobs: DataSet) -> Iterator[Figure]:
    """Both programs into empty directories."""
    ours, peer = Taken(), Taken()
    root = written(scratch, blobs)
    with served(root, scratch.fresh("server")) as (endpoint, ca_file):
        for _ in range(REPEATS):
            peer_stage = partial(stage_with_rclone, options=blobs.peer_options)
            for taken, stage in ((ours, stage_ours), (peer, peer_stage)):
                folder = scratch.fresh("stage")
                stage(endpoint, ca_file, root, folder, taken)
                if blobs.count < MANY_BLOBS:
                    shutil.rmtree(folder)
                    os.sync()
    megabytes = blobs.total_bytes / MEGABYTE
    for name, its_seconds in ((PEER, peer.seconds), (FLUSHED_PEER, peer.flushed_seconds)):
        rates = [median_of(megabytes / seconds for seconds in runs) for runs in (ours.seconds, its_seconds)]
        yield Figure(f"{blobs.name}, throughput", *rates, name, "MB/s", better="more")
    costs = [median_of(seconds / megabytes * 1000 for seconds in taken.cpu_seconds) for taken in (ours, peer)]
    yield Figure(f"{blobs.name}, CPU", *costs, PEER, "CPU s/GB")


def second_time(scratch: Scratch) -> Iterator[Figure]:
    """Both programs over what they have brought before."""
    ours, peer = Taken(), Taken()
    root, folders = written(scratch, MANY), (scratch.fresh("stage"), scratch.fresh("stage"))
    with served(root, scratch.fresh("server")) as (endpoint, ca_file):
        again = []
        for number in range(REPEATS + 1):
            mine, its = (ours, peer) if number else (Taken(), Taken())
            again.append(stage_ours(endpoint, ca_file, root, folders[0], mine))
            stage_with_rclone(endpoint, ca_file, root, folders[1], its, MANY.peer_options)
    first, *later = (value["downloaded_bytes"] for value in again)
    note = f"blob bytes brought: {first:,} the first time, {max(later)} later"
    seconds = median_of(ours.seconds), median_of(peer.seconds)
    yield Figure(f"{MANY.name} again, nothing changed", *seconds, PEER, "s", note=note)


def written(scratch: Scratch, blobs: DataSet) -> Path:
    """A directory with a container of such blobs; random bytes, no two alike."""
    root, source = scratch.fresh("blobs"), Random(blobs.count)
    (root / "blobs").mkdir()
    for number in range(blobs.count):
        with (root / "blobs" / f"{number:05d}").open("wb") as file:
            for start in range(0, blobs.size_bytes, CHUNK_BYTES):
                file.write(source.randbytes(min(CHUNK_BYTES, blobs.size_bytes - start)))
    return root


def stage_ours(endpoint: str, ca_file: Path, root: Path, folder: Path, taken: Taken) -> dict[str, int]:
    """The stage step; gives its value."""
    digest = pinned(root, folder)
    module = "benchmarks.staging.run_ours"
    command = [sys.executable, "-m", module, endpoint, str(ca_file), str(folder), digest, str(PARALLEL)]
    return dict(json.loads(measured(command, taken).splitlines()[-1]))


def pinned(root: Path, folder: Path) -> str:
    """Leave the manifest where the step looks for it; gives its digest."""
    files = sorted((root / "blobs").iterdir())
    blobs = [
        ManifestBlob(path.name, path.stat().st_size, etag_of(path), None, "2013-02-01", "train")
        for path in files
    ]
    (folder / "inputs" / "snapshot").mkdir(parents=True, exist_ok=True)
    (folder / "cache").mkdir(exist_ok=True)
    return Manifest("blobs", tuple(blobs)).write(folder / "inputs" / "snapshot" / MANIFEST_NAME)


def stage_with_rclone(
    endpoint: str, ca_file: Path, root: Path, folder: Path, taken: Taken, options: Sequence[str]
) -> None:
    """rclone, told the names of the files, so that it need not list them."""
    names = folder.with_suffix(".names")
    names.write_text("".join(f"blobs/{path.name}\n" for path in sorted((root / "blobs").iterdir())))
    command = [program("rclone"), "copy", ":http:", str(folder / "copy"), "--http-url", endpoint]
    command += ["--ca-cert", str(ca_file), "--files-from", str(names), "--no-traverse"]
    command += ["--transfers", str(PARALLEL), "--checkers", str(PARALLEL), "--config", os.devnull]
    measured([*command, *options], taken)


def measured(command: Sequence[str], taken: Taken) -> str:
    """Run a program and note what it took; gives its output."""
    began_s = perf_counter()
    with subprocess.Popen(
        command, cwd=ROOT, env=with_own_code(), stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        said = process.stdout.read()
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    taken.seconds.append(perf_counter() - began_s)
    os.sync()
    taken.flushed_seconds.append(perf_counter() - began_s)
    taken.cpu_seconds.append(used.ru_utime + used.ru_stime)
    if process.returncode != 0:
        raise subprocess.CalledProcessError(process.returncode, command)
    return said
