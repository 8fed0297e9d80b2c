"""The types of a contract and those of Polars: what fits what, and what rules compare with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import polars as pl

from edge_runner.contracts.document import invalid
from edge_runner.contracts.model import Column

LOGICAL_DTYPES: Mapping[str, Callable[[pl.DataType | type[pl.DataType]], bool]] = {
    "string": lambda dtype: dtype == pl.String or dtype == pl.Categorical or dtype == pl.Enum,
    "integer": lambda dtype: dtype.is_integer(),
    "number": lambda dtype: dtype.is_numeric(),
    "boolean": lambda dtype: dtype == pl.Boolean,
    "date": lambda dtype: dtype == pl.Date,
    "timestamp": lambda dtype: dtype == pl.Datetime,
    "time": lambda dtype: dtype == pl.Time,
    "object": lambda dtype: dtype == pl.Struct,
    "array": lambda dtype: dtype == pl.List or dtype == pl.Array,
}
DEFAULT_DTYPES: Mapping[str, pl.DataType] = {
    "string": pl.String(),
    "integer": pl.Int64(),
    "number": pl.Float64(),
    "boolean": pl.Boolean(),
    "date": pl.Date(),
    "timestamp": pl.Datetime("us"),
    "time": pl.Time(),
}
"""What a value of a text file becomes when the contract names no physical type."""
_SPELLINGS: Mapping[type[pl.DataType], str] = {
    pl.Boolean: "BOOLEAN BOOL",
    pl.Int8: "INT8 TINYINT",
    pl.Int16: "INT16 SMALLINT SHORT",
    pl.Int32: "INT32 INT INTEGER",
    pl.Int64: "INT64 BIGINT LONG",
    pl.UInt8: "UINT8 UTINYINT",
    pl.UInt16: "UINT16 USMALLINT",
    pl.UInt32: "UINT32 UINTEGER",
    pl.UInt64: "UINT64 UBIGINT",
    pl.Float32: "FLOAT FLOAT32 REAL",
    pl.Float64: "DOUBLE FLOAT64",
    pl.Decimal: "DECIMAL NUMERIC",
    pl.String: "STRING VARCHAR CHAR TEXT",
    pl.Binary: "BINARY BLOB BYTEA VARBINARY",
    pl.Date: "DATE",
    pl.Datetime: "TIMESTAMP DATETIME TIMESTAMPTZ",
    pl.Time: "TIME",
    pl.Struct: "STRUCT",
    pl.List: "LIST",
}
PHYSICAL_DTYPES: Mapping[str, type[pl.DataType]] = {
    name: dtype for dtype, names in _SPELLINGS.items() for name in names.split()
} | {"DOUBLE PRECISION": pl.Float64}


def require_known_types(columns: tuple[Column, ...]) -> None:
    """Refuse physical types that are not known or contradict the logical one, before any data is read.

    Raises:
        StepError: kind `ContractInvalid`.
    """
    for column in columns:
        if column.physical_type is not None and column.physical_type not in PHYSICAL_DTYPES:
            raise invalid(f"physicalType {column.physical_type!r} of column {column.name!r} is not supported")
        if column.physical_type is not None and column.logical_type is not None:
            _require_fit(column.name, column.logical_type, column.physical_type)
        require_known_types(column.fields)
        require_known_types((column.item,) if column.item else ())


def _require_fit(name: str, logical_type: str, physical_type: str) -> None:
    if not LOGICAL_DTYPES[logical_type](PHYSICAL_DTYPES[physical_type]):
        raise invalid(
            f"column {name!r} is of logicalType {logical_type} and of physicalType {physical_type}, which no "
            "value is",
            "correct one of them",
        )


def expected_dtype(column: Column) -> pl.DataType | None:
    """The type that a column's values are read as from text, and that rules see; None for objects, arrays and
    columns whose type the contract leaves open.
    """
    if column.physical_type is None:
        return DEFAULT_DTYPES.get(column.logical_type or "")
    found = PHYSICAL_DTYPES[column.physical_type]
    if found is pl.Decimal:
        return pl.Decimal(*column.sizes) if column.sizes else pl.Decimal(38, 9)
    if found is pl.Datetime:
        return pl.Datetime("us")
    return None if found in (pl.Struct, pl.List) else found()


def json_dtype(column: Column) -> pl.DataType | None:
    """The type of a column in a JSON document, with all in it; None when the contract leaves it open."""
    if column.logical_type == "object":
        inner = {field.name: json_dtype(field) for field in column.fields}
        known = {name: dtype for name, dtype in inner.items() if dtype is not None}
        return pl.Struct(known) if inner and len(known) == len(inner) else None
    if column.logical_type == "array":
        item = json_dtype(column.item) if column.item else None
        return None if item is None else pl.List(item)
    return expected_dtype(column)


def type_mismatch(column: Column, dtype: pl.DataType | None) -> str | None:
    """Explain why a file's column is not what the contract says.

    Args:
        column: The contract's column.
        dtype: Type in the file, None when it is missing.

    Returns:
        The end of a sentence, or None when it fits.
    """
    return _mismatch(column, dtype, column.name)


def _mismatch(column: Column, dtype: pl.DataType | None, path: str) -> str | None:
    if dtype is None:
        return f"has no column {path!r}"
    if column.logical_type is not None and not LOGICAL_DTYPES[column.logical_type](dtype):
        return f"has column {path!r} as {_shown(dtype)}, expected {column.logical_type}"
    if column.physical_type is not None and not _is_physical(column, dtype):
        sizes = (
            f"({', '.join(map(str, column.sizes))})" if isinstance(dtype, pl.Decimal) and column.sizes else ""
        )
        return f"has column {path!r} as {_shown(dtype)}, expected {column.physical_type}{sizes}"
    if isinstance(dtype, pl.Datetime) and column.has_timezone not in (None, dtype.time_zone is not None):
        expected = "a time zone" if column.has_timezone else "no time zone"
        return f"has column {path!r} as {dtype}, expected {expected}"
    return _inner_mismatch(column, dtype, path)


def _shown(dtype: pl.DataType) -> str:
    """A type by its name. What is in a struct may be long, and the categories of an enumeration are values of
    rows: neither is told.
    """
    name = str(dtype.base_type())
    if isinstance(dtype, pl.List | pl.Array):
        return f"{name}({_shown(instance(dtype.inner))})"
    return name if dtype.is_nested() or isinstance(dtype, pl.Enum | pl.Categorical) else str(dtype)


def _is_physical(column: Column, dtype: pl.DataType) -> bool:
    expected = PHYSICAL_DTYPES[column.physical_type or ""]
    if isinstance(dtype, pl.Decimal) and column.sizes:
        precision, scale = (*column.sizes, 0)[:2]
        return (dtype.precision, dtype.scale) == (precision, scale) and expected is pl.Decimal
    return dtype == expected


def _inner_mismatch(column: Column, dtype: pl.DataType, path: str) -> str | None:
    inner: list[tuple[Column, pl.DataType | None, str]] = []
    if isinstance(dtype, pl.Struct):
        found = {field.name: instance(field.dtype) for field in dtype.fields}
        inner = [(field, found.get(field.name), f"{path}.{field.name}") for field in column.fields]
    elif isinstance(dtype, pl.List | pl.Array) and column.item is not None:
        inner = [(column.item, instance(dtype.inner), f"{path}[]")]
    return next((said for args in inner if (said := _mismatch(*args)) is not None), None)


def instance(dtype: Any) -> pl.DataType:
    """A type within a nested one, which Polars may give as a class."""
    found: pl.DataType = dtype() if isinstance(dtype, type) else dtype
    return found


def normalised(column: Column, dtype: pl.DataType) -> pl.Expr:
    """A column in the form that rules compare with: text; timestamps in UTC without a zone.

    A time without a zone that its zone skipped when the clocks changed becomes null; of one that came twice,
    the earlier is meant.
    """
    found = pl.col(column.name)
    if dtype == pl.Categorical or dtype == pl.Enum:
        return found.cast(pl.String)
    if not isinstance(dtype, pl.Datetime):
        return found
    return in_utc(found, dtype.time_zone or column.timezone, dtype.time_zone is not None)


def in_utc(moments: pl.Expr, zone: str, is_zoned: bool) -> pl.Expr:
    """Timestamps in UTC without a zone."""
    if not is_zoned:
        if zone == "UTC":
            return moments
        moments = moments.dt.replace_time_zone(zone, ambiguous="earliest", non_existent="null")
    return moments.dt.convert_time_zone("UTC").dt.replace_time_zone(None)


def normalised_dtype(dtype: pl.DataType) -> pl.DataType:
    """The type of `normalised`'s values."""
    if dtype == pl.Categorical or dtype == pl.Enum:
        return pl.String()
    return pl.Datetime(dtype.time_unit) if isinstance(dtype, pl.Datetime) else dtype
