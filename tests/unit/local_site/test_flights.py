"""Cutting the example's data: one partition per day, one blob per airport, the same bytes every time."""

from __future__ import annotations

import io
import zipfile
from datetime import UTC, datetime

import polars as pl
import pytest

from local_site.flights import COLUMNS, cut, read_flights

ROWS = """\
2013,1,1,517,515,2,830,819,11,UA,1545,N14228,EWR,IAH,227,1400,5,15,2013-01-01T10:00:00Z
2013,1,1,NA,600,NA,NA,825,NA,DL,461,NA,LGA,ATL,NA,762,6,0,2013-01-01T11:00:00Z
2013,12,31,2400,2359,1,1,437,-10,B6,739,N793JB,EWR,PSE,195,1617,23,59,2014-01-01T04:00:00Z
2013,1,1,533,529,4,850,830,20,UA,1714,N24211,EWR,IAH,227,1416,5,29,2013-01-01T10:00:00Z
"""


@pytest.fixture
def flights(tmp_path):
    archive = tmp_path / "flights.csv.zip"
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("flights.csv", ",".join(COLUMNS) + "\n" + ROWS)
    return read_flights(archive)


def test_missing_values_are_nulls_and_types_are_the_contracts(flights):
    assert dict(flights.schema) == COLUMNS
    cancelled = flights.row(1, named=True)
    assert {name for name, value in cancelled.items() if value is None} == {
        "dep_time",
        "dep_delay",
        "arr_time",
        "arr_delay",
        "tailnum",
        "air_time",
    }
    assert cancelled["time_hour"] == datetime(2013, 1, 1, 11, tzinfo=UTC)


def test_each_day_and_airport_is_one_blob(flights):
    blobs = list(cut(flights))
    assert [blob.name for blob in blobs] == [
        "flights/date=2013-01-01/EWR.parquet",
        "flights/date=2013-01-01/LGA.parquet",
        "flights/date=2013-12-31/EWR.parquet",
    ]
    parts = [pl.read_parquet(io.BytesIO(blob.content)) for blob in blobs]
    assert parts[0]["flight"].to_list() == [1545, 1714]
    assert pl.concat(parts).sort("flight").equals(flights.sort("flight"))


def test_bytes_are_the_same_every_time(flights):
    assert [blob.md5 for blob in cut(flights)] == [blob.md5 for blob in cut(flights)]
