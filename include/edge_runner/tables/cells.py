"""Reads text as the types of a contract, strictly: a cell that is not of its type becomes null."""

from __future__ import annotations

import polars as pl

from edge_runner.contracts.dtypes import expected_dtype, in_utc
from edge_runner.contracts.formats import ISO, ZONE, text_format
from edge_runner.contracts.model import Column

TRUE, FALSE = "true", "false"


def read_cells(column: Column) -> pl.Expr:
    """The column of text as its type; null where it cannot be read."""
    text = pl.col(column.name)
    dtype = expected_dtype(column) or pl.String()
    if dtype == pl.Boolean:
        lower = text.str.to_lowercase()
        return pl.when(lower.is_in([TRUE, FALSE])).then(lower == TRUE)
    if isinstance(dtype, pl.Decimal):
        # Polars rounds what has more digits behind the point.
        exact = text.str.contains(rf"^[+-]?[0-9]*(?:\.[0-9]{{0,{dtype.scale}}})?$")
        return pl.when(exact).then(text).cast(dtype, strict=False)
    if dtype.is_float():
        value = text.cast(dtype, strict=False)
        return pl.when(~(value.is_infinite() & text.str.contains("[0-9]"))).then(value)
    if dtype == pl.Binary:
        return text.cast(pl.Binary)
    if dtype == pl.Date or dtype == pl.Time:
        return _moment(column, "date" if dtype == pl.Date else "time").cast(dtype)
    if dtype == pl.Datetime:
        return _timestamp(column)
    return text.cast(dtype, strict=False)


def _moment(column: Column, kind: str) -> pl.Expr:
    """A date or time of day, in the column's pattern or ISO 8601."""
    text = pl.col(column.name)
    if column.pattern is not None and (written := text_format(column.pattern)) is not None:
        checked = pl.when(text.str.contains(f"^{written.pattern}$")).then(text)
        return _strptime(checked, kind, written.directive)
    checked = pl.when(text.str.contains(f"^{ISO[kind]}$")).then(text)
    if kind == "date":
        return _strptime(checked, kind, "%Y-%m-%d")
    return _strptime(_with_seconds(checked), kind, "%H:%M:%S%.f")


def _with_seconds(text: pl.Expr) -> pl.Expr:
    """A time that ends with its minutes, completed."""
    ends_with_minutes = text.str.contains("(?:^|T)[0-9]{2}:[0-9]{2}$")
    return pl.when(ends_with_minutes).then(text + ":00").otherwise(text)


def _strptime(text: pl.Expr, kind: str, directive: str) -> pl.Expr:
    if kind == "date":
        return text.str.to_date(directive, strict=False)
    return text.str.to_time(directive, strict=False)


def _timestamp(column: Column) -> pl.Expr:
    """A timestamp in UTC without a zone; one without a zone stands in the column's own."""
    text = pl.col(column.name)
    written = text_format(column.pattern) if column.pattern is not None else None
    zone = text.str.extract(f"({ZONE})$") if written is None or written.has_zone else pl.lit(None, pl.String)
    local = pl.when(zone.is_null()).then(text).otherwise(text.str.head(-zone.str.len_chars().cast(pl.Int64)))
    if written is not None:
        moment = _to_datetime(local, f"^{written.pattern}$", written.directive)
        must_have_zone: bool | None = written.has_zone
    else:
        local = _with_seconds(local.str.replace(" ", "T", literal=True))
        moment = _to_datetime(local, f"^{ISO['date']}T{ISO['time']}$", "%Y-%m-%dT%H:%M:%S%.f")
        must_have_zone = column.has_timezone
    in_zone = (
        pl.when(zone.is_null())
        .then(in_utc(moment, column.timezone, is_zoned=False))
        .otherwise(moment - _offset(zone))
    )
    return in_zone if must_have_zone is None else pl.when(zone.is_not_null() == must_have_zone).then(in_zone)


def _to_datetime(text: pl.Expr, pattern: str, directive: str) -> pl.Expr:
    checked = pl.when(text.str.contains(pattern)).then(text)
    return checked.str.to_datetime(directive, time_unit="us", strict=False)


def _offset(zone: pl.Expr) -> pl.Expr:
    """How far a zone such as +02:00 is before UTC; beyond a day it is none, and the result null."""
    digits = zone.str.replace_all("[Z:]", "")
    hours, minutes = (digits.str.slice(at, 2).cast(pl.Int64, strict=False) for at in (1, 3))
    ahead = pl.when(digits.str.starts_with("-")).then(-1).otherwise(1) * (hours * 60 + minutes)
    known = pl.when((hours < 24) & (minutes < 60)).then(ahead)
    return pl.duration(minutes=pl.when(digits == "").then(0).otherwise(known))
