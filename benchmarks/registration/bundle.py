"""A bundle of 1 GB: one large file, as models have, and the small ones beside it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from random import Random

from edge_runner.listing import EVALUATION_PATH, METRICS_PATH, MODEL_FILE_PATH, MODEL_PREFIX, list_files
from edge_training import bundle as bundles

SIZE_BYTES = 1_000_000_000
PIECE_BYTES = 5_000_000
LARGE_PATH = f"{MODEL_PREFIX}model.pkl"


@dataclass(frozen=True)
class Written:
    """The same bytes twice.

    Attributes:
        files: The files in a directory.
        bundle: The stored bundle.
    """

    files: Path
    bundle: Path


def write(folder: Path, size_bytes: int = SIZE_BYTES) -> Written:
    """Write files whose large one has so many random bytes, and pack them."""
    files, source = folder / "files", Random(size_bytes)
    small = {
        MODEL_FILE_PATH: "flavors: {}\n",
        METRICS_PATH: '{"name":"mae","step":1,"value":9.0}\n',
        EVALUATION_PATH: '{"metrics":{"mae":7.9}}',
    }
    for path, text in small.items():
        (files / path).parent.mkdir(parents=True, exist_ok=True)
        (files / path).write_text(text)
    with (files / LARGE_PATH).open("wb") as large:
        for start in range(0, size_bytes, PIECE_BYTES):
            large.write(source.randbytes(min(PIECE_BYTES, size_bytes - start)))
    return Written(files, bundles.pack(files, list_files(files), folder))
