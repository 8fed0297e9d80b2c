"""No planted value leaves the site: not in result, report, page, profile, output or error."""

from __future__ import annotations

import json
from decimal import Decimal

import polars as pl
import pytest
from tests.unit.edge_runner.contracts.documents import column, contract
from tests.unit.edge_runner.steps.canaries import CANARIES, RARE_FLAG, found_in, numbers_in, planted

from edge_runner.listing import PAGE_NAME, PROFILE_NAME, REPORT_NAME
from edge_runner.protocol import StepError, canonical_json, refused, succeeded
from edge_runner.steps import validate

FILES = (REPORT_NAME, PAGE_NAME, PROFILE_NAME)
HIDDEN = {canary.column for canary in CANARIES}


def described(classification=None, **options):
    """A contract of all columns, some of them with options."""
    keys = {"classification": classification} if classification else {}
    columns = [
        column(canary.column, canary.logical_type, **keys, **options.get(canary.column, {}))
        for canary in CANARIES
    ]
    return contract(*columns, column(RARE_FLAG, "boolean", **keys))


def deliver(dirs, train, holdout):
    for split, frame in (("train", train), ("holdout", holdout)):
        (dirs.data / split).mkdir()
        frame.write_parquet(dirs.data / split / "part.parquet")


def told(dirs, capfd, text, **request):
    """Everything that a step says, and how it ended."""
    try:
        value = validate.run(
            {"contract": text, "partition": "2013-02-01", "volume": "v", **request}, {}, dirs
        )
        result, sentence = succeeded("validate", value, "host"), ""
    except StepError as error:
        result, sentence = refused("validate", error), str(error)
    written = [(dirs.job / name).read_text() for name in FILES]
    said = "\n".join([canonical_json(result).decode(), sentence, *capfd.readouterr(), *written])
    return said, result["outcome"]


def test_valid_data(dirs, capfd):
    deliver(dirs, planted(), planted(300))
    said, outcome = told(dirs, capfd, described())
    assert outcome == "succeeded"
    assert found_in(said) == set()


@pytest.mark.parametrize("classification", ["restricted", "Restricted", " RESTRICTED "])
def test_restriction_is_understood_in_any_spelling(dirs, capfd, classification):
    deliver(dirs, planted(), planted(300))
    told(dirs, capfd, described(classification=classification))
    for split in json.loads((dirs.job / PROFILE_NAME).read_text())["splits"].values():
        assert all("restricts" in column["suppressed"] for column in split["columns"])


def test_rare_flag_is_not_told(dirs, capfd):
    deliver(dirs, planted(), planted(300))
    told(dirs, capfd, described())
    for split in json.loads((dirs.job / PROFILE_NAME).read_text())["splits"].values():
        (flag,) = [column for column in split["columns"] if column["name"] == RARE_FLAG]
        assert not {"categories", "rest"} & flag.keys()


def test_data_whose_planted_values_break_the_contract(dirs, capfd):
    deliver(dirs, planted(), planted(300))
    rules = {
        "name": {"logicalTypeOptions": {"maxLength": 5, "pattern": "^[a-z]+$"}, "unique": True},
        "free_text": {"logicalTypeOptions": {"pattern": "^text"}},
        "category": {"enum": [{"value": "low"}, {"value": "high"}]},
        "highest": {"logicalTypeOptions": {"maximum": 100}, "unique": True},
        "lowest": {"logicalTypeOptions": {"minimum": 0}},
        "ratio": {"logicalTypeOptions": {"maximum": 1}, "required": True},
        "amount": {"logicalTypeOptions": {"maximum": 20}},
        "born": {"logicalTypeOptions": {"minimum": "2000-01-01"}},
        "seen": {"logicalTypeOptions": {"minimum": "2000-01-01T00:00:00Z"}},
        "all_null": {"quality": [{"metric": "nullValues", "mustBe": 600}]},
    }  # fmt: skip
    said, outcome = told(dirs, capfd, described(**rules))
    assert outcome == "refused"
    assert found_in(said) == set()


@pytest.mark.parametrize("damage", ["truncated", "pages overwritten", "other type"])
def test_data_that_cannot_be_read(dirs, capfd, damage):
    deliver(dirs, planted(), planted(300))
    path = dirs.data / "holdout" / "part.parquet"
    content = path.read_bytes()
    if damage == "truncated":
        path.write_bytes(content[: len(content) // 2])
    elif damage == "pages overwritten":
        path.write_bytes(content[:500] + b"\xff" * 2_000 + content[2_500:])
    else:
        planted(300).with_columns(pl.col("highest").cast(pl.String)).write_parquet(path)
    said, outcome = told(dirs, capfd, described())
    assert outcome == "refused"
    assert found_in(said) == set()


@pytest.mark.parametrize("suffix", ["csv", "jsonl"])
def test_text_files_with_cells_of_another_type(dirs, capfd, suffix):
    cells = [str(row) for row in range(200)] + ["canary-7f3a9c"]
    lines = ["x", *cells] if suffix == "csv" else [json.dumps({"x": cell}) for cell in cells]
    (dirs.data / "holdout").mkdir()
    (dirs.data / "holdout" / f"part.{suffix}").write_text("\n".join(lines) + "\n")
    said, outcome = told(dirs, capfd, contract(column("x", "integer")))
    assert outcome == "refused"
    assert found_in(said) == set()


def test_data_that_have_drifted_from_a_reference(dirs, capfd):
    (dirs.job / "champion").mkdir()
    deliver(dirs, planted(), planted(300).with_columns(pl.lit("green").alias("name")))
    told(dirs, capfd, described())
    reference = json.loads((dirs.job / PROFILE_NAME).read_text())
    reference["splits"]["train"] = reference["splits"]["holdout"]
    said, outcome = told(dirs, capfd, described(), reference_profile=reference, drift={"psi": {"stop": 0.2}})
    assert outcome == "refused"
    assert "column name of the window has PSI" in said
    assert found_in(said) == set()


def test_scanner_finds_what_a_leaking_profile_tells(dirs, capfd):
    """Public columns are told without suppression, by the same code: the planted texts are found then."""
    deliver(dirs, planted(), planted(300))
    said, _ = told(dirs, capfd, described(classification="public"))
    assert found_in(said) >= {"name", "category"}


@pytest.mark.parametrize("canary", CANARIES, ids=lambda canary: canary.column)
def test_scanner_finds_each_value_as_it_is(canary):
    leak = canary.value.hex() if isinstance(canary.value, bytes) else str(canary.value)
    assert found_in(json.dumps({"max": leak})) == {canary.column}


@pytest.mark.parametrize("spelling", ["{:.2e}", "{:.3g}", "{:,.0f}", "{:.0f}"])
@pytest.mark.parametrize(
    "canary",
    [one for one in CANARIES if isinstance(one.value, int | float | Decimal) and abs(one.value) > 1],
    ids=lambda canary: canary.column,
)
def test_scanner_finds_rounded_numbers(canary, spelling):
    assert canary.column in found_in(f"<td>{spelling.format(canary.value)}</td>")


@pytest.mark.parametrize("text", ["CANARY-7F3A9C", "Y2FuYXJ5LTdmM2E5Yw==", "63616e6172792d376633613963"])
def test_scanner_finds_encoded_texts(text):
    assert found_in(text) == {"name"}


@pytest.mark.parametrize("text", ["1907-03-05", "5 March 1907", '"from":"1907"'])
def test_scanner_finds_days_by_their_year(text):
    assert found_in(text) == {"born"}


def test_scanner_reads_numbers_as_they_are_written():
    found = numbers_in('987\u202f654, \u22125.5 and 1e3 in "v":[12,13]')
    assert {987654.0, -5.5, 1000.0, 12.0, 13.0} <= set(found)


def test_planted_values_are_in_the_data_that_are_checked():
    assert found_in(" ".join(str(value) for row in planted().rows() for value in row)) >= HIDDEN - {
        "key",
        "clock",
    }
