"""Which files of a partition hold data, in which format, and what their paths say."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Literal
from urllib.parse import unquote

from edge_runner.protocol import StepError

HIDDEN_PREFIXES = ("_", ".")
"""Names of markers such as `_SUCCESS`, which hold no rows by the convention of Hive and Spark."""
HIVE_NULL = "__HIVE_DEFAULT_PARTITION__"
Format = Literal["Parquet", "CSV", "JSON lines"]
FORMATS: Mapping[str, Format] = {
    ".parquet": "Parquet",
    ".csv": "CSV",
    ".csv.gz": "CSV",
    ".jsonl": "JSON lines",
    ".jsonl.gz": "JSON lines",
    ".ndjson": "JSON lines",
    ".ndjson.gz": "JSON lines",
}


@dataclass(frozen=True)
class DataFile:
    """One file of data.

    Attributes:
        path: Where it lies.
        shown: Its path below the data's folder, as sentences name it.
        split: The part of the data it belongs to.
    """

    path: Path
    shown: str
    split: str

    @property
    def is_compressed(self) -> bool:
        """Whether it is a gzip file."""
        return self.path.suffix.lower() == ".gz"

    def rejected(self, finding: str, remedy: str = "deliver it again") -> StepError:
        """The error that refuses this file."""
        return StepError("DataRejected", f"The file {self.shown} {finding}; {remedy}.")


def data_files(root: Path, splits: Iterable[str]) -> list[DataFile]:
    """The files below the splits' folders, sorted; hidden ones and markers are left out."""
    return [
        DataFile(path, path.relative_to(root).as_posix(), split)
        for split in splits
        for path in sorted((root / split).rglob("*"))
        if not path.is_dir() and not path.name.startswith(HIDDEN_PREFIXES)
    ]


def format_of(file: DataFile) -> Format:
    """The format that a file's name promises.

    Raises:
        StepError: kind `DataRejected`, when it is none of ours: it would be left out in silence.
    """
    name = file.path.name.lower()
    found = next(
        (FORMATS[suffix] for suffix in sorted(FORMATS, key=len, reverse=True) if name.endswith(suffix)), None
    )
    if found is None:
        raise StepError(
            "DataRejected",
            f"The file {file.shown} is no {', '.join(FORMATS)} file; leave it out of the partition's prefix.",
        )
    return found


def common_format(files: list[DataFile]) -> Format:
    """The format of all files; Parquet when there are none.

    Raises:
        StepError: kind `DataRejected`, when there are several.
    """
    first: dict[Format, DataFile] = {}
    for file in files:
        first.setdefault(format_of(file), file)
    if len(first) > 1:
        mixed = " and ".join(f"{format_} ({file.shown})" for format_, file in first.items())
        raise StepError("DataRejected", f"The data mix formats: {mixed}; deliver all files in one format.")
    return next(iter(first), "Parquet")


def hive_values(file: DataFile) -> dict[str, str | None]:
    """What the folders of a path say of its rows: `date=2013-02-01/part.parquet`.

    Returns:
        Each name's text, percent-decoded; None where Hive writes a null.

    Raises:
        StepError: kind `DataRejected`, when two folders disagree.
    """
    values: dict[str, str | None] = {}
    for name, text in _assignments(PurePosixPath(file.shown).parent.parts):
        value = None if text == HIVE_NULL else text
        if values.setdefault(name, value) != value:
            raise file.rejected(f"has {name} twice in its path, with different values", "name it once")
    return values


def _assignments(folders: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    for folder in folders:
        name, sign, text = folder.partition("=")
        if sign and name:
            yield unquote(name), unquote(text)
