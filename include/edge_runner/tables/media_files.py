"""A table of files that are no tables, such as images and recordings: one row each, from its content."""

from __future__ import annotations

import contextlib
import os
import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import polars as pl
import puremagic
import soundfile
from PIL import Image

from edge_runner.contracts.dtypes import DEFAULT_DTYPES
from edge_runner.contracts.file_columns import FILE_COLUMNS
from edge_runner.contracts.model import Column
from edge_runner.tables.files import DataFile
from edge_runner.tables.table import Part, Table

LOOKED_INTO = frozenset(FILE_COLUMNS) - {"path", "size_bytes"}
"""Columns for which a file is opened."""
SAMPLES_PER_BLOCK = 2**18
UNDECODABLE = (
    OSError,
    ValueError,
    SyntaxError,
    EOFError,
    IndexError,
    TypeError,
    MemoryError,
    Image.DecompressionBombError,
)
"""What Pillow's decoders raise for damaged images; one that would unpack to gigabytes counts as damaged."""
SOUND_TYPES = {
    "WAV": "wav",
    "WAVEX": "wav",
    "RF64": "wav",
    "FLAC": "flac",
    "OGG": "ogg",
    "MP3": "mpeg",
    "MPEG": "mpeg",
    "AIFF": "aiff",
}

FileRow = dict[str, Any]
"""A file by `FILE_COLUMNS`, as far as it was looked into."""


def table_of_files(columns: tuple[Column, ...], files: list[DataFile], scratch: Path) -> Table:
    """One row per file with the contract's columns.

    Args:
        columns: What is measured, of `FILE_COLUMNS`.
        files: The files, of whatever format.
        scratch: Where the table lies, one Parquet file per split.
    """
    scratch.mkdir(parents=True, exist_ok=True)
    wanted = [column.name for column in columns]
    schema = {name: DEFAULT_DTYPES[FILE_COLUMNS[name]] for name in wanted}
    parts = []
    for split in dict.fromkeys(file.split for file in files):
        path = scratch / f"{split}.parquet"
        with warnings.catch_warnings(action="ignore"):  # Pillow's tell of single files, such as their pixels
            rows = list(_measure_all([file for file in files if file.split == split], frozenset(wanted)))
        pl.DataFrame(
            [[row[name] for name in wanted] for row in rows], schema=schema, orient="row"
        ).write_parquet(path)
        parts.append(Part(split, {path: DataFile(path, split, split)}, schema, {}, {}))
    return Table(columns, tuple(parts))


def _measure_all(files: list[DataFile], wanted: frozenset[str]) -> Iterator[FileRow]:
    with ThreadPoolExecutor(max_workers=os.cpu_count(), thread_name_prefix="measure") as pool:
        yield from pool.map(lambda file: measure(file, wanted), files)


def measure(file: DataFile, wanted: frozenset[str]) -> FileRow:
    """What one file is; decoded only if that is asked."""
    measured: FileRow = dict.fromkeys(FILE_COLUMNS)
    measured["path"] = file.shown.removeprefix(f"{file.split}/")
    measured["size_bytes"] = file.path.stat().st_size
    if not wanted & LOOKED_INTO:
        return measured
    measured["decodable"] = False
    look = _image(file.path, wanted) or _sound(file.path, wanted) or {"media_type": _other_type(file.path)}
    return measured | look


def _image(path: Path, wanted: frozenset[str]) -> FileRow | None:
    """What Pillow sees; None when it is no image."""
    try:
        image = Image.open(path)
    except UNDECODABLE:
        return None
    with image:
        found: FileRow = {
            "media_type": Image.MIME.get(image.format or ""),
            "width": image.width,
            "height": image.height,
            "decodable": False,
        }
        if "decodable" in wanted:
            with contextlib.suppress(*UNDECODABLE):
                image.load()
                found["decodable"] = True
    return found


def _sound(path: Path, wanted: frozenset[str]) -> FileRow | None:
    """What libsndfile sees; None when it is no sound. A file that ends early is not decodable."""
    try:
        sound = soundfile.SoundFile(path)
    except (soundfile.SoundFileError, OSError, TypeError):
        return None
    with sound:
        found: FileRow = {
            "media_type": f"audio/{SOUND_TYPES.get(sound.format, 'x-' + sound.format.lower())}",
            "duration_s": sound.frames / sound.samplerate,
            "sample_rate": sound.samplerate,
            "channels": sound.channels,
            "decodable": False,
        }
        if "decodable" in wanted:
            with contextlib.suppress(soundfile.SoundFileError):
                found["decodable"] = _decoded_frames(sound) == sound.frames > 0
    return found


def _decoded_frames(sound: soundfile.SoundFile) -> int:
    return sum(len(block) for block in sound.blocks(SAMPLES_PER_BLOCK, dtype="float32"))


def _other_type(path: Path) -> str | None:
    """The media type by magic number; None when it is not known."""
    try:
        return puremagic.from_file(path, mime=True) or None
    except (puremagic.PureError, ValueError, OSError):
        return None
