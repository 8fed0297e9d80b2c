"""For each rule about rows, the expression that is true for those that break it: it counts and finds them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import reduce
from typing import Any

import numpy as np
import polars as pl

from edge_runner.checks.patterns import in_rust
from edge_runner.contracts.formats import LONGEST_HOSTNAME, STRING_PATTERNS
from edge_runner.contracts.model import Metric, Rule

NEAR = 1e-9
"""How far a quotient of floats may be from a whole number: 0.3 is a multiple of 0.1."""
ROUNDING = 2.0**-50
"""What dividend, divisor and quotient of 64 bits may be rounded by together, as a share of the quotient."""

BEYOND_INTEGERS = 2.0**64
LARGEST: Mapping[type[pl.DataType], float] = {
    pl.Float16: float(np.finfo(np.float16).max),
    pl.Float32: float(np.finfo(np.float32).max),
}


def broken(rule: Rule, schema: Mapping[str, pl.DataType]) -> pl.Expr:
    """Where a row breaks a rule; null where the rule has nothing to say.

    Args:
        rule: A rule whose metric is in `PREDICATES`.
        schema: The normalised data's types.
    """
    name = rule.columns[0]
    dtype = schema[name]
    argument = _comparable(rule, dtype)
    column = pl.col(name)
    if dtype == pl.Decimal or _is_beyond(argument, dtype):  # compared as floats, as the contract's bounds are
        column = column.cast(pl.Float64)
    elif isinstance(dtype, pl.Array):
        column = column.arr.to_list()
    if rule.metric is Metric.NO_MULTIPLE and dtype.is_integer() and isinstance(argument, int):
        return column % argument != 0
    return PREDICATES[rule.metric](column, argument)


def _comparable(rule: Rule, dtype: pl.DataType) -> Any:
    """A rule's argument as numbers of the column's kind; listed values that it cannot have are left out."""
    if rule.metric not in (Metric.MISSING, Metric.NOT_IN_SET) or not dtype.is_numeric():
        return _whole(rule.argument) if dtype.is_integer() else rule.argument
    if dtype.is_integer():
        return tuple(value for value in map(_whole, rule.argument) if not isinstance(value, float))
    return tuple(None if value is None else float(value) for value in rule.argument)


def _whole(value: Any) -> Any:
    """A whole number as such: as a float it would equal its neighbours among the integers, too."""
    is_whole = isinstance(value, float) and value.is_integer() and abs(value) < BEYOND_INTEGERS
    return int(value) if is_whole else value


def _is_beyond(argument: Any, dtype: pl.DataType) -> bool:
    """Whether a bound is beyond a narrow float's largest number: as such a float it would be infinite."""
    largest = LARGEST.get(type(dtype))
    return largest is not None and isinstance(argument, int | float) and abs(argument) > largest


def _is_null(column: pl.Expr, path: tuple[str, ...] | None) -> pl.Expr:
    if path is None:
        return column.is_null()
    field = reduce(lambda parent, name: parent.struct.field(name), path, column)
    parent = reduce(lambda above, name: above.struct.field(name), path[:-1], column)
    return field.is_null() & parent.is_not_null()


def _is_listed(column: pl.Expr, argument: tuple[Any, ...]) -> pl.Expr:
    values = [value for value in argument if value is not None]
    is_float = any(isinstance(value, float) for value in values)
    return (column.cast(pl.Float64) if is_float else column).is_in(values)


def _is_missing(column: pl.Expr, argument: tuple[Any, ...]) -> pl.Expr:
    is_listed = _is_listed(column, argument).fill_null(value=False)
    return is_listed | column.is_null() if None in argument else is_listed


def _outside(is_inside: pl.Expr, column: pl.Expr, bound: Any) -> pl.Expr:
    """Values that are not inside; NaN never is, although Polars sorts it above all numbers."""
    return (~is_inside) | column.is_nan() if isinstance(bound, int | float) else ~is_inside


def _is_no_multiple(column: pl.Expr, factor: float) -> pl.Expr:
    quotient = column.cast(pl.Float64) / factor
    off = (quotient - quotient.round()).abs() > pl.max_horizontal(quotient.abs() * ROUNDING, NEAR)
    return off | ~quotient.is_finite()


def _breaks_format(column: pl.Expr, name: str) -> pl.Expr:
    fits = column.str.contains(STRING_PATTERNS[name])
    return ~(fits & (column.str.len_bytes() <= LONGEST_HOSTNAME)) if name == "hostname" else ~fits


def _needs_more_bits(column: pl.Expr, ends: tuple[Any, Any]) -> pl.Expr:
    beyond = (column < ends[0]) | (column > ends[1])
    return beyond & column.is_finite() if isinstance(ends[0], float) else _outside(~beyond, column, ends[0])


PREDICATES: Mapping[Metric, Callable[[pl.Expr, Any], pl.Expr]] = {
    Metric.NULLS: _is_null,
    Metric.MISSING: _is_missing,
    Metric.NOT_IN_SET: lambda column, values: ~_is_listed(column, values),
    Metric.NOT_MATCHING: lambda column, pattern: ~column.str.contains(in_rust(pattern)),
    Metric.BELOW: lambda column, bound: _outside(column >= bound, column, bound),
    Metric.NOT_ABOVE: lambda column, bound: _outside(column > bound, column, bound),
    Metric.ABOVE: lambda column, bound: _outside(column <= bound, column, bound),
    Metric.NOT_BELOW: lambda column, bound: _outside(column < bound, column, bound),
    Metric.NO_MULTIPLE: _is_no_multiple,
    Metric.SHORTER: lambda column, length: column.str.len_chars() < length,
    Metric.LONGER: lambda column, length: column.str.len_chars() > length,
    Metric.OF_ANOTHER_FORMAT: _breaks_format,
    Metric.OUT_OF_BITS: _needs_more_bits,
    Metric.FEWER_ITEMS: lambda column, items: column.list.len() < items,
    Metric.MORE_ITEMS: lambda column, items: column.list.len() > items,
    Metric.REPEATED_ITEMS: lambda column, _: column.list.n_unique() < column.list.len(),
}
