"""What a contract may ask of files that are no tables, such as images and recordings: one row per file."""

from __future__ import annotations

from collections.abc import Mapping

from edge_runner.contracts.document import invalid
from edge_runner.contracts.model import Column

FILE_COLUMNS: Mapping[str, str] = {
    "path": "string",
    "size_bytes": "integer",
    "media_type": "string",
    "decodable": "boolean",
    "width": "integer",
    "height": "integer",
    "duration_s": "number",
    "sample_rate": "integer",
    "channels": "integer",
}
"""Each column and its logical type: path below the split's folder; media type by the file's content; whether
all of it can be decoded as image or sound; pixels of an image; seconds, samples per second and channels of a
recording. What a file does not have is null.
"""


def require_file_columns(columns: tuple[Column, ...]) -> None:
    """Refuse columns that are not measured, or are of another type.

    Raises:
        StepError: kind `ContractInvalid`.
    """
    for column in columns:
        kind = FILE_COLUMNS.get(column.name)
        if kind is None or column.physical_type is not None or column.logical_type not in (None, kind):
            asked = f"column {column.name!r} of logicalType {column.logical_type!r}"
            known = ", ".join(f"{name} ({of})" for name, of in FILE_COLUMNS.items())
            raise invalid(f"files have no {asked}", f"use {known}, without a physicalType")
