"""Rules measured on tables, and what is refused before any data is read."""

from __future__ import annotations

from datetime import UTC, date, datetime

import polars as pl
import pytest
from tests.unit.edge_runner.checks.tables import outcomes
from tests.unit.edge_runner.contracts.documents import column, contract

from edge_runner.checks.rules import require_measurable
from edge_runner.contracts.compiler import compile_contract
from edge_runner.protocol import StepError


def test_each_kind_of_rule_is_measured(tmp_path):
    quality = [
        {"metric": "rowCount", "mustBe": 3},
        {"metric": "duplicateValues", "arguments": {"properties": ["x", "y"]}, "mustBe": 0},
        {"type": "sql", "query": "SELECT count(*) FROM {object}", "mustBe": 3},
        {"type": "text", "description": "looked at by a person"},
    ]
    text = contract(column("x", required=True, unique=True), column("y", "string"), quality=quality)
    frames = [pl.DataFrame({"x": [1, None], "y": ["a", "b"]}), pl.DataFrame({"x": [1], "y": ["a"]})]
    found = [(item.rule.name, item.counted, item.verdict) for item in outcomes(text, tmp_path, *frames)]
    assert found == [
        ("rowCount", 3, "passed"),
        ("duplicateValues", 1, "failed"),
        ("sql", 0, "passed"),
        ("looked at by a person", 0, "not_checked"),
        ("required", 1, "failed"),
        ("unique", 1, "failed"),
    ]


def latency(value, unit="d", zone="UTC", kind="timestamp"):
    options = {"defaultTimezone": zone} if kind == "timestamp" else {}
    levels = [{"property": "latency", "value": value, "unit": unit, "element": "t.x"}]
    return contract(column("x", kind, logicalTypeOptions=options), slaProperties=levels)


@pytest.mark.parametrize(
    ("text", "newest", "verdict"),
    [
        (latency(1), datetime(2013, 2, 1), "passed"),
        (latency(1), datetime(2013, 1, 31, 23, 59), "failed"),
        (latency(1), datetime(2013, 2, 1, tzinfo=UTC), "passed"),
        (latency(2, "h"), datetime(2013, 2, 1, 22), "passed"),
        (latency(2, "h"), datetime(2013, 2, 1, 21, 59), "failed"),
        (latency(1, zone="America/New_York"), datetime(2013, 2, 1), "passed"),
        (latency(1, zone="America/New_York"), datetime(2013, 1, 31, 23), "failed"),
        (latency(0), datetime(2013, 2, 3), "passed"),
        (latency(1, kind="date"), date(2013, 2, 1), "passed"),
        (latency(1, kind="date"), date(2013, 1, 31), "failed"),
    ],
)
def test_freshness_is_measured_to_the_end_of_the_partitions_day_in_the_columns_zone(
    tmp_path, text, newest, verdict
):
    frame = pl.DataFrame({"x": [newest.replace(year=2000), newest, None]})
    assert [item.verdict for item in outcomes(text, tmp_path, frame)] == [verdict]


@pytest.mark.parametrize(
    ("kind", "dtype"),
    [("date", pl.Date), *(("timestamp", pl.Datetime(unit)) for unit in ("ms", "us", "ns"))],
)
@pytest.mark.parametrize(("number", "verdict"), [(2**62, "passed"), (-(2**62), "failed")])
def test_moments_beyond_the_calendar_are_after_or_before_all_others(tmp_path, kind, dtype, number, verdict):
    values = pl.Series([number // 2**32 if kind == "date" else number]).cast(dtype)
    level = {"property": "latency", "value": 1, "unit": "d", "element": "x"}
    text = contract(column("x", kind), slaProperties=[level])
    assert [item.verdict for item in outcomes(text, tmp_path, pl.DataFrame({"x": values}))] == [verdict]


def test_data_without_a_moment_are_not_fresh(tmp_path):
    frame = pl.DataFrame({"x": pl.Series([None], dtype=pl.Datetime)})
    (outcome,) = outcomes(latency(10_000), tmp_path, frame)
    assert outcome.verdict == "failed"


@pytest.mark.parametrize(
    ("described", "words"),
    [
        (column("x", physicalType="GEOMETRY"), "physicalType 'GEOMETRY' of column 'x'"),
        (column("x", "string", logicalTypeOptions={"pattern": "(?=a)"}), "pattern of column 'x'"),
        (column("x", logicalTypeOptions={"minimum": 10**60}), "minimum of column 'x'"),
        (column("x", physicalType="DOUBLE"), "logicalType integer and of physicalType DOUBLE"),
        (column("x", "string", physicalType="STRUCT"), "logicalType string and of physicalType STRUCT"),
        (column("x", "object", properties=[column("y", physicalType="JSONB")]), "physicalType 'JSONB'"),
    ],
)
def test_what_cannot_be_computed_is_an_error_before_data_is_read(described, words):
    with pytest.raises(StepError) as caught:
        require_measurable(compile_contract(contract(described)))
    assert caught.value.kind == "ContractInvalid"
    assert words in caught.value.message
