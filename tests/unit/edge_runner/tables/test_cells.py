"""Text is read strictly: what is not exactly of the type is null."""

from __future__ import annotations

from datetime import date, datetime, time
from decimal import Decimal

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_runner.contracts.model import Column
from edge_runner.tables.cells import read_cells


def read(described, *texts):
    return pl.DataFrame({"x": texts}, schema={"x": pl.String}).select(read_cells(described))["x"].to_list()


@pytest.mark.parametrize(
    ("described", "good", "bad"),
    [
        (Column("x", "string"), {"": "", " a ": " a "}, []),
        (Column("x", None), {"1": "1"}, []),
        (
            Column("x", "integer"),
            {"1": 1, "-0": 0, "+7": 7, str(2**63 - 1): 2**63 - 1},
            ["", " 1", "1 ", "1.0", "1e3", "1_0", "0x1", str(2**63), "\u0661"],
        ),
        (Column("x", "integer", "INT8"), {"-128": -128}, ["128"]),
        (Column("x", "integer", "UINT64"), {str(2**64 - 1): 2**64 - 1}, ["-1"]),
        (
            Column("x", "number"),
            {"1": 1.0, ".5": 0.5, "1e3": 1000.0, "inf": float("inf")},
            ["", " 1", "1,5", "1_0", "one", "1e999"],
        ),
        (Column("x", "number", "FLOAT"), {"1.5": 1.5, "-inf": float("-inf")}, ["1e300", "-1e39"]),
        (
            Column("x", "number", "DECIMAL", (5, 2)),
            {"1.25": Decimal("1.25"), "-999.99": Decimal("-999.99")},
            ["1.256", "1000", "1e2", "x"],
        ),
        (Column("x", "boolean"), {"true": True, "FALSE": False}, ["1", "yes", "t", ""]),
        (
            Column("x", "date"),
            {"2013-02-01": date(2013, 2, 1)},
            ["2013-2-1", "2013-02-30", " 2013-02-01", "20130201", "2013-02-01T00:00:00"],
        ),
        (
            Column("x", "date", pattern="dd.MM.yyyy"),
            {"01.02.2013": date(2013, 2, 1)},
            ["1.2.2013", "2013-02-01"],
        ),
        (
            Column("x", "time"),
            {"08:30": time(8, 30), "08:30:01.5": time(8, 30, 1, 500_000)},
            ["8:30", "24:00", "08:30:60", "08:30Z"],
        ),
        (
            Column("x", "timestamp"),
            {
                "2013-02-01T08:30:00": datetime(2013, 2, 1, 8, 30),
                "2013-02-01 08:30": datetime(2013, 2, 1, 8, 30),
                "2013-02-01T08:30:00.25Z": datetime(2013, 2, 1, 8, 30, 0, 250_000),
                "2013-02-01T08:30:00+02:00": datetime(2013, 2, 1, 6, 30),
                "2013-02-01T08:30:00-0130": datetime(2013, 2, 1, 10, 0),
            },
            ["2013-02-01", "2013-02-01T08:30:00+25:00", "2013-02-30T00:00:00Z", "2013-02-01T08:30:00z", "x"],
        ),
        (
            Column("x", "timestamp", has_timezone=True),
            {"2013-02-01T08:30:00Z": datetime(2013, 2, 1, 8, 30)},
            ["2013-02-01T08:30:00"],
        ),
        (
            Column("x", "timestamp", has_timezone=False, timezone="Europe/Berlin"),
            {"2013-02-01T08:30:00": datetime(2013, 2, 1, 7, 30)},
            ["2013-02-01T08:30:00Z", "2013-03-31T02:30:00"],
        ),
        (
            Column("x", "timestamp", pattern="yyyy/MM/dd HH:mm:ss.SSS"),
            {"2013/02/01 08:30:00.125": datetime(2013, 2, 1, 8, 30, 0, 125_000)},
            ["2013/02/01 08:30:00.1", "2013/02/01 08:30:00.125Z"],
        ),
        (
            Column("x", "timestamp", pattern="yyyy-MM-ddTHH:mm:ssZ"),
            {"2013-02-01T08:30:00+02:00": datetime(2013, 2, 1, 6, 30)},
            ["2013-02-01T08:30:00"],
        ),
    ],
)
def test_cells_of_every_type(described, good, bad):
    assert read(described, *good, None) == [*good.values(), None]
    assert read(described, *bad) == [None] * len(bad)


@settings(deadline=None)
@given(st.datetimes(min_value=datetime(1700, 1, 1), max_value=datetime(2200, 1, 1), timezones=st.timezones()))
def test_every_timestamp_is_read_as_the_moment_that_it_means(moment):
    offset = moment.utcoffset()
    if offset.seconds % 60 == 0:
        expected = moment.replace(tzinfo=None) - offset
        assert read(Column("x", "timestamp"), moment.isoformat()) == [expected]
