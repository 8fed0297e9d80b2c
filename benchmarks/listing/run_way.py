"""One way to go through a listing, in a process of its own that has loaded no more than that takes.

`python -m benchmarks.listing.run_way WAY ENDPOINT CA_FILE DIRECTORY` prints what it took, as JSON.
"""

from __future__ import annotations

import json
import re
import sys
import time
from collections.abc import Callable
from pathlib import Path

CONTAINER = "box"
PREFIX = "date=2013-02-01/"
SAS = "sv=2019-02-02&sr=c&sp=rl&se=2113-01-01T00%3A00%3A00Z&sig=none"


def snapshot(endpoint: str, ca_file: Path, job_dir: Path) -> Callable[[], object]:
    """The step as a container runs it."""
    from edge_runner.protocol import Dirs
    from edge_runner.steps import snapshot

    request = {
        "endpoint": endpoint,
        "container": CONTAINER,
        "api_version": "2019-02-02",
        "ca_pem": ca_file.read_text(),
        "include": ["**"],
        "exclude": [],
        "ready": {"marker": ""},
        "parts": [{"partition": "2013-02-01", "prefix": PREFIX, "split": "holdout"}],
    }
    return lambda: snapshot.run(request, {"sas": SAS}, Dirs(job=job_dir))


def bare(endpoint: str, ca_file: Path, job_dir: Path) -> Callable[[], object]:
    """Fetch and parse every page with the step's own client, and keep nothing."""
    from edge_runner.blobs.access import StoreAccess
    from edge_runner.blobs.signature import Signature
    from edge_runner.blobs.store import BlobStore

    signature = Signature(SAS, job_dir / "renewed.json", job_dir / "wanted")
    access = StoreAccess(endpoint, CONTAINER, signature, "2019-02-02", ca_file.read_text())
    return lambda: sum(len(page.blobs) for page in BlobStore(access).list_pages(PREFIX))


def sdk(endpoint: str, ca_file: Path, job_dir: Path) -> Callable[[], object]:
    """The same with azure-storage-blob."""
    from azure.storage.blob import ContainerClient

    client = ContainerClient(
        endpoint, CONTAINER, credential=SAS, api_version="2019-02-02", connection_verify=str(ca_file)
    )
    return lambda: sum(1 for _ in client.list_blobs(PREFIX, include=["metadata"]))


WAYS = {"snapshot": snapshot, "bare": bare, "sdk": sdk}


def peak_mib() -> float:
    """The most memory this program has had; `ru_maxrss` would count what the process was before it."""
    (kib,) = re.findall(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    return int(kib) / 1024


def main(way: str, endpoint: str, ca_file: str, job_dir: str) -> None:
    """Measure one way; what it loads first is not measured in time, and is in memory."""
    work = WAYS[way](endpoint, Path(ca_file), Path(job_dir))
    began_s, cpu_before_s = time.perf_counter(), time.process_time()
    work()
    seconds, cpu_s = time.perf_counter() - began_s, time.process_time() - cpu_before_s
    print(json.dumps({"seconds": seconds, "cpu_s": cpu_s, "peak_mib": peak_mib()}))


if __name__ == "__main__":
    main(*sys.argv[1:])
