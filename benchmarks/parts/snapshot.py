"""The snapshot step over 100,000 blobs: peak memory of its process, and time beside the bare listing.

A local server sends pages of 5000 made beforehand over TLS, so nothing hides the step's own work. The bare
listing fetches and parses the same pages with the same client and keeps nothing (the step also suspends
Python's cyclic garbage collector); azure-storage-blob does what the bare listing does. Medians of 5, in turn,
each in a fresh process, whose start is not counted.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from benchmarks.bench import Scratch
from benchmarks.figures import Figure, median_of
from benchmarks.listing.run_way import WAYS
from local_site.layout import Layout
from local_site.pki import ensure_certificates

BLOBS = 100_000
REPEATS = 5


def figures(scratch: Scratch) -> Iterator[Figure]:
    """All ways, in turn."""
    folder = scratch.fresh("certificates")
    certificates = Layout(folder, folder)
    ensure_certificates(certificates, ("localhost",))
    said: dict[str, list[dict[str, float]]] = {way: [] for way in WAYS}
    with served(certificates) as endpoint:
        for _ in range(REPEATS):
            for way, results in said.items():
                results.append(json.loads(run(way, endpoint, certificates.ca_file, scratch.fresh("job"))))

    def taken(way: str, what: str) -> float | None:
        return median_of(result[what] for result in said[way])

    for what, name, unit in (
        ("seconds", "time", "s"),
        ("cpu_s", "CPU", "CPU s"),
        ("peak_mib", "memory", "MiB"),
    ):
        figure = f"snapshot of {BLOBS:,} blobs, {name}"
        yield Figure(figure, taken("snapshot", what), taken("bare", what), "the bare listing", unit)
    figure = f"bare listing of {BLOBS:,} blobs"
    yield Figure(figure, taken("bare", "seconds"), taken("sdk", "seconds"), "azure-storage-blob", "s")


def run(*arguments: object) -> str:
    """Go through the listing once; gives what that took, as JSON."""
    command = [sys.executable, "-m", "benchmarks.listing.run_way", *map(str, arguments)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()[-1]


@contextmanager
def served(certificates: Layout) -> Iterator[str]:
    """The server for the length of a block; gives its endpoint."""
    files = certificates.server_certificate_file, certificates.server_key_file
    command = [sys.executable, "-m", "benchmarks.listing.server", *map(str, files), str(BLOBS)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdin is not None
        assert server.stdout is not None
        try:
            yield f"https://127.0.0.1:{int(server.stdout.readline())}/account"
        finally:
            server.stdin.close()
