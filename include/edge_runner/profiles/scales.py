"""How values become keys of a sketch, and how a cut between keys is told to people.

A key is an integer that orders as the values do. Numbers keep their sign, exponent and first 13 binary
digits: the buckets of DDSketch (Masson, Rim and Lee, "DDSketch: A fast and fully-mergeable quantile sketch
with relative-error guarantees", PVLDB 12(12), 2019) without a logarithm, for a float is made of such buckets
already and the first bits of a 32-bit one are the bucket. Dates keep the day, timestamps the hour, times the
minute.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from typing import Any

import numpy as np
import polars as pl

from edge_runner.profiles.edges import EPOCH, Edge, day_of, hour_of, minute_of

RELATIVE_ERROR = 2.0**-12
"""A bucket's width, as a share of its values; whole numbers to 8192 have buckets of their own."""
NEXT_TO_ZERO = 1e-30
"""Where the bin of a column that is mostly zero ends."""
_DROPPED_BITS = 11
"""Of a 32-bit float: 21 bits stay, so no column has more than 2**21 buckets, whatever it holds."""
_SIGN = 1 << (31 - _DROPPED_BITS)
_LARGEST = float(np.finfo(np.float32).max)
_INFINITE = int(np.array([np.inf], dtype=np.float32).view(np.uint32)[0]) >> _DROPPED_BITS
_FIRST_DAY, _LAST_DAY = (date(1900, 1, 1) - EPOCH).days, (date(2200, 1, 1) - EPOCH).days
"""Days outside are counted with the first or last one."""
_DAY_HOURS = 24
_HOUR_MS = 3_600_000
_MINUTE_NS = 60 * 10**9
Key = int


def _next_to(key: Key) -> tuple[Key, Key]:
    return key - 1, key + 1


def _all(raw: np.ndarray) -> np.ndarray:
    return np.ones(len(raw), dtype=bool)


@dataclass(frozen=True)
class Scale:
    """One way to bucket values.

    Attributes:
        key_of: The expression that gives the raw bucket of a column's values; null for what has none.
        keys_of: Raw buckets as ordered keys; several may be one key.
        around: The keys next to a key, of values that the column could have.
        is_value: Which raw buckets hold values: that of NaN does not.
        roundest: The roundest edge that cuts above the first key and at or below the second one.
        cut_of: The smallest key that an edge does not cut off.
    """

    key_of: Callable[[pl.Expr], pl.Expr]
    keys_of: Callable[[np.ndarray], np.ndarray]
    roundest: Callable[[Key, Key], Edge]
    cut_of: Callable[[Any], Key]
    around: Callable[[Key], tuple[Key, Key]] = _next_to
    is_value: Callable[[np.ndarray], np.ndarray] = _all


def value_of(key: Key) -> float:
    """The number that a key stands for: the end of its bucket next to zero."""
    bits = np.array([min(abs(key), _INFINITE - 1) << _DROPPED_BITS], dtype=np.uint32)
    return math.copysign(float(bits.view(np.float32)[0]), key)


def key_of_number(value: float) -> Key:
    """The smallest key whose number is not below the value."""
    magnitude = min(abs(value), _LARGEST)
    key = int(np.array([magnitude], dtype=np.float32).view(np.uint32)[0]) >> _DROPPED_BITS
    if value_of(key) > magnitude:  # rounded up to 32 bits
        key -= 1
    if value <= 0:
        return -key
    return key if value_of(key) == magnitude else key + 1


def roundest_number(low: float, high: float) -> float:
    """The number above `low` and at most `high` with the fewest digits: a multiple of 1, 2 or 5 times 10^n.

    Raises:
        ValueError: when `low` is not below `high`.
    """
    if not low < high:
        raise ValueError("the interval is empty")
    if low < 0 <= high:
        return 0.0
    exact_high = Fraction(high)
    exponent = math.ceil(math.log10(max(abs(low), abs(high)))) + 1
    while True:
        for digit in (5, 2, 1):
            step = digit * Fraction(10) ** exponent
            found = float(math.floor(exact_high / step) * step)
            if low < found <= high:
                return found
        exponent -= 1


def _number_key(column: pl.Expr) -> pl.Expr:
    return column.cast(pl.Float32).reinterpret(dtype=pl.UInt32) // (1 << _DROPPED_BITS)


def _ordered(raw: np.ndarray) -> np.ndarray:
    """Sign and magnitude as one number; infinities count with the largest numbers."""
    magnitude: np.ndarray = np.minimum(raw.astype(np.int64) % _SIGN, _INFINITE - 1)
    return magnitude * np.where(raw.astype(np.int64) >= _SIGN, -1, 1)


def _is_number(raw: np.ndarray) -> np.ndarray:
    found: np.ndarray = raw % _SIGN <= _INFINITE
    return found


def _around(key: Key) -> tuple[Key, Key]:
    if key == 0:
        return key_of_number(-NEXT_TO_ZERO), key_of_number(NEXT_TO_ZERO)
    return _next_to(key)


def _around_integer(key: Key) -> tuple[Key, Key]:
    value = value_of(key)
    return min(key - 1, key_of_number(value - 1)), max(key + 1, key_of_number(value + 1))


def _roundest_key(low: Key, high: Key) -> float:
    return roundest_number(value_of(low), value_of(high))


def _calendar(day: date) -> Iterator[date]:
    """The last begin of a decade, year and month up to a day, and the day."""
    yield date(day.year - day.year % 10, 1, 1)
    yield date(day.year, 1, 1)
    yield day.replace(day=1)
    yield day


def _roundest_day(low: Key, high: Key) -> str:
    days = _calendar(EPOCH + timedelta(days=high))
    return next(day for day in days if (day - EPOCH).days > low).isoformat()


def _roundest_hour(low: Key, high: Key) -> str:
    day_of_high = EPOCH + timedelta(days=high // _DAY_HOURS)
    days = [(day - EPOCH).days * _DAY_HOURS for day in _calendar(day_of_high)]
    hours = [high - high % step for step in (12, 6, 1)]
    found = next(hour for hour in days + hours if hour > low)
    return datetime.fromtimestamp(found * 3600, UTC).strftime("%Y-%m-%dT%H:%M")


def _roundest_minute(low: Key, high: Key) -> str:
    found = next(
        minute for step in (720, 360, 180, 60, 30, 15, 10, 5, 1) if (minute := high - high % step) > low
    )
    return f"{found // 60:02}:{found % 60:02}"


SCALES: Mapping[str, Scale] = {
    "number": Scale(_number_key, _ordered, _roundest_key, key_of_number, _around, _is_number),
    "integer": Scale(_number_key, _ordered, _roundest_key, key_of_number, _around_integer),
    "date": Scale(
        lambda column: column.cast(pl.Int32).clip(_FIRST_DAY, _LAST_DAY),
        lambda raw: raw.astype(np.int64),
        _roundest_day,
        day_of,
    ),
    "timestamp": Scale(
        lambda column: (column.dt.timestamp("ms") // _HOUR_MS).clip(
            _FIRST_DAY * _DAY_HOURS, _LAST_DAY * _DAY_HOURS
        ),
        lambda raw: raw.astype(np.int64),
        _roundest_hour,
        hour_of,
    ),
    "time": Scale(
        lambda column: column.cast(pl.Int64) // _MINUTE_NS,
        lambda raw: raw.astype(np.int64),
        _roundest_minute,
        minute_of,
    ),
}
"""By kind of column."""
