"""Rows that break a rule stay on the site, where a person finds them."""

from __future__ import annotations

from datetime import UTC, datetime

import polars as pl
import pytest
from tests.unit.edge_runner.checks.tables import PARTITION, opened
from tests.unit.edge_runner.contracts.documents import column, contract

from edge_runner.checks import failing_rows
from edge_runner.checks.failing_rows import keep_failing_rows
from edge_runner.steps.validate import check


def kept(folder, text, *frames):
    compiled, table = opened(text, folder, *frames)
    found = check(compiled, table, {"contract": text, "partition": PARTITION}, folder).outcomes
    return keep_failing_rows(found, table, folder, folder)


def test_rows_of_a_broken_rule_are_kept_with_their_file(tmp_path):
    frames = [pl.DataFrame({"x": [1, 5], "y": ["a", "b"]}), pl.DataFrame({"x": [7, 2], "y": ["c", "d"]})]
    text = contract(column("x", logicalTypeOptions={"maximum": 4}), column("y", "string", required=True))
    outcomes = kept(tmp_path, text, *frames)
    assert [outcome.rows_file for outcome in outcomes] == ["failing_rows/01-maximum-x.parquet", None]
    assert pl.read_parquet(tmp_path / "failing_rows/01-maximum-x.parquet").rows() == [
        (5, "b", "holdout/0.parquet"),
        (7, "c", "holdout/1.parquet"),
    ]


@pytest.mark.parametrize("zone", ["UTC", "America/New_York", None])
@pytest.mark.parametrize("asked", [{"required": True}, {"unique": True}])
def test_timestamps_of_kept_rows_say_that_they_are_in_utc(tmp_path, zone, asked):
    hour = datetime(2013, 2, 1, 12, tzinfo=UTC)
    local = pl.Series([hour, hour], dtype=pl.Datetime("us", "UTC"))
    at = local.dt.convert_time_zone(zone) if zone else local.dt.replace_time_zone(None)
    frame = pl.DataFrame(
        {"x": pl.Series([None, None] if "required" in asked else [1, 1], dtype=pl.Int64), "at": at}
    )
    (outcome, *_) = kept(tmp_path, contract(column("x", **asked), column("at", "timestamp")), frame)
    found = pl.read_parquet(tmp_path / outcome.rows_file)["at"]
    assert found.dtype == pl.Datetime("us", "UTC")
    assert found.to_list() == [hour, hour]


def test_rows_of_a_repeated_key_stand_beside_each_other(tmp_path):
    frames = [pl.DataFrame({"x": [2, 1]}), pl.DataFrame({"x": [3, 2]})]
    (outcome,) = kept(tmp_path, contract(column("x", unique=True)), *frames)
    rows = pl.read_parquet(tmp_path / outcome.rows_file)
    assert sorted(rows.rows()) == [(2, "holdout/0.parquet"), (2, "holdout/1.parquet")]


@pytest.mark.parametrize("described", [column("x", required=True), column("x", unique=True)])
def test_no_more_rows_than_the_limit_are_kept(tmp_path, monkeypatch, described):
    monkeypatch.setattr(failing_rows, "KEPT_ROWS", 3)
    values = [None] * 10 if described.get("required") else [1] * 10
    (outcome,) = kept(tmp_path, contract(described), pl.DataFrame({"x": pl.Series(values, dtype=pl.Int64)}))
    assert pl.read_parquet(tmp_path / outcome.rows_file).height == 3


def test_rules_that_are_kept_or_only_warn_or_are_not_about_rows_leave_none(tmp_path):
    text = contract(
        column("x", required=True, quality=[{"metric": "nullValues", "mustBe": 9, "severity": "info"}]),
        quality=[{"metric": "rowCount", "mustBe": 9}],
    )
    outcomes = kept(tmp_path, text, pl.DataFrame({"x": [1]}))
    assert [outcome.verdict for outcome in outcomes] == ["failed", "passed", "warned"]
    assert not (tmp_path / "failing_rows").exists()


def test_rows_of_an_earlier_try_do_not_stay(tmp_path):
    (tmp_path / "failing_rows").mkdir()
    (tmp_path / "failing_rows/09-old.parquet").touch()
    kept(tmp_path, contract(column("x", required=True)), pl.DataFrame({"x": [1]}))
    assert not (tmp_path / "failing_rows").exists()


def test_name_of_a_rule_cannot_lead_out_of_the_folder(tmp_path):
    quality = [{"name": "../../a b/ü", "metric": "nullValues", "mustBe": 0}]
    frame = pl.DataFrame({"x": pl.Series([None], dtype=pl.Int64)})
    (outcome,) = kept(tmp_path, contract(column("x", quality=quality)), frame)
    assert outcome.rows_file == "failing_rows/01-a-b-x.parquet"
