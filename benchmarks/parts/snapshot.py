"""The snapshot step over 100,000 blobs: peak memory of its process, and time beside the bare listing.

A local server sends pages of 5000 made beforehand over TLS, so nothing hides the step's own work. The bare
listing fetches and parses the same pages with the same client and keeps nothing; azure-storage-blob does what
the bare listing does. Medians of 5, in turn, each in a fresh process.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from benchmarks.bench import Scratch
from benchmarks.figures import Figure, median_of
from benchmarks.lister import WAYS
from local_site.layout import Layout
from local_site.pki import ensure_certificates

BLOBS = 100_000
REPEATS = 5
BARE = "the bare listing"


@dataclass(frozen=True)
class Taken:
    """What one way through the listing took, in each of its processes."""

    seconds: list[float]
    peaks_mib: list[float]


def figures(scratch: Scratch) -> Iterator[Figure]:
    """All ways, in turn."""
    folder = scratch.fresh("certificates")
    certificates = Layout(folder, folder)
    ensure_certificates(certificates, ("localhost",))
    taken = {way: Taken([], []) for way in WAYS}
    with served(certificates) as endpoint:
        for _ in range(REPEATS):
            for way, results in taken.items():
                job_dir = scratch.fresh("job")
                said = json.loads(run("lister", way, endpoint, certificates.ca_file, job_dir))
                results.seconds.append(said["seconds"])
                results.peaks_mib.append(said["peak_mib"])
    step, bare, sdk = (taken[way] for way in ("snapshot", "bare", "sdk"))
    blobs = f"{BLOBS:,} blobs"
    yield Figure(f"snapshot of {blobs}, time", median_of(step.seconds), median_of(bare.seconds), BARE, "s")
    yield Figure(
        f"snapshot of {blobs}, peak memory", median_of(step.peaks_mib), median_of(bare.peaks_mib), BARE, "MiB"
    )
    yield Figure(
        f"listing of {blobs}, time",
        median_of(bare.seconds),
        median_of(sdk.seconds),
        "azure-storage-blob",
        "s",
    )


def run(module: str, *arguments: object) -> str:
    """Run a program of the benchmark; gives its output."""
    command = [sys.executable, "-m", f"benchmarks.{module}", *map(str, arguments)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()[-1]


@contextmanager
def served(certificates: Layout) -> Iterator[str]:
    """The server for the length of a block; gives its endpoint."""
    files = certificates.server_certificate_file, certificates.server_key_file
    command = [sys.executable, "-m", "benchmarks.blob_pages", *map(str, files), str(BLOBS)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdin is not None
        assert server.stdout is not None
        try:
            yield f"https://127.0.0.1:{int(server.stdout.readline())}/account"
        finally:
            server.stdin.close()
