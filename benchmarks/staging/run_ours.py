"""The stage step in a process of its own, as a container runs it.

`python -m benchmarks.staging.run_ours ENDPOINT CA_FILE DIRECTORY DATA_DIGEST PARALLEL` stages the manifest
that lies in the directory, and prints the step's value as its last line.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from edge_runner.protocol import Dirs
from edge_runner.steps import stage


def main(endpoint: str, ca_file: str, folder: str, data_digest: str, parallel: str) -> None:
    """Stage once."""
    request = {
        "endpoint": endpoint,
        "container": "blobs",
        "api_version": "2019-02-02",
        "ca_pem": Path(ca_file).read_text(),
        "data_digest": data_digest,
        "parallel": int(parallel),
        "quota_bytes": None,
        "keep_s": 86400,
    }
    dirs = Dirs(cache=Path(folder, "cache"), inputs=Path(folder, "inputs"))
    print(json.dumps(stage.run(request, {"sas": "sig=none"}, dirs)))


if __name__ == "__main__":
    main(*sys.argv[1:])
