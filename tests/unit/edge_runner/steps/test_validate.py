"""The step on real Parquet files: what is refused, what is said, and what is never said."""

from __future__ import annotations

import errno
import gzip
import io
import json
from datetime import datetime

import polars as pl
import pytest
from PIL import Image
from tests.unit.edge_runner.contracts.documents import column, contract

from edge_runner.contracts import uniqueness
from edge_runner.contracts.compiler import compile_contract
from edge_runner.protocol import Dirs, StepError
from edge_runner.steps import validate

CANARY = "canary-7f3a9c"
VOLUME = "edge-validate-0123"


@pytest.fixture
def dirs(tmp_path):
    (tmp_path / "job").mkdir()
    return Dirs(data=tmp_path / "data", job=tmp_path / "job")


def write(dirs, name, frame):
    path = dirs.data / name
    path.parent.mkdir(parents=True, exist_ok=True)
    frame.write_parquet(path)
    return path


def run(dirs, text):
    return validate.run({"contract": text, "partition": "2013-02-01", "volume": VOLUME}, {}, dirs)


def refusal(dirs, text):
    with pytest.raises(StepError) as caught:
        run(dirs, text)
    return caught.value


def ints(*values):
    return pl.DataFrame({"x": pl.Series(values, dtype=pl.Int64)})


def test_all_rows_of_both_splits_are_checked_and_the_partition_is_counted(dirs):
    write(dirs, "train/day=1/a.parquet", ints(1, 2))
    write(dirs, "train/day=2/b c.parquet", ints(3))
    write(dirs, "holdout/day=3/a.parquet", ints(4, 5))
    report = run(dirs, contract(column("x", required=True, unique=True)))
    assert (report["rows"], report["partition_rows"]) == (5, 2)
    assert [(rule["rule"], rule["outcome"], rule["failed_rows"]) for rule in report["rules"]] == [
        ("required", "passed", 0),
        ("unique", "passed", 0),
    ]


def test_rows_of_both_splits_that_break_a_rule_are_counted_together(dirs):
    write(dirs, "train/a.parquet", ints(1, None, 9))
    write(dirs, "holdout/a.parquet", ints(9, 9, 2))
    rules = refusal(dirs, contract(column("x", required=True, logicalTypeOptions={"maximum": 5}))).details[
        "rules"
    ]
    assert [(rule["rule"], rule["failed_rows"]) for rule in rules] == [("required", 1), ("maximum", 3)]


def test_nulls_above_the_limit_name_column_share_and_limit(dirs):
    write(dirs, "holdout/a.parquet", ints(1, None, 3, None))
    quality = [{"name": "gaps", "metric": "nullValues", "unit": "percent", "mustBeLessThan": 40}]
    error = refusal(dirs, contract(column("x", quality=quality)))
    assert error.kind == "DataRejected"
    assert error.message == (
        "The data of partition 2013-02-01 and its window breaks the contract: gaps of column x is broken by "
        "50 percent of rows, must be less than 40 percent; such rows are kept on the VM, in the Docker "
        "volume edge-validate-0123, in work/failing_rows/01-gaps-x.parquet; deliver corrected data, or "
        "change the contract."
    )
    assert pl.read_parquet(dirs.job / "failing_rows/01-gaps-x.parquet").height == 2
    assert error.details["rules"][0]["failed_rows"] == 2


def test_wrong_type_names_file_and_column(dirs):
    write(dirs, "train/day=1/good.parquet", ints(1))
    write(dirs, "holdout/day=2/bad.parquet", pl.DataFrame({"x": ["1"]}))
    error = refusal(dirs, contract())
    assert error.kind == "DataRejected"
    assert "the file holdout/day=2/bad.parquet has column 'x' as String, expected integer" in error.message


def test_missing_column_names_file_and_column(dirs):
    write(dirs, "holdout/a.parquet", pl.DataFrame({"y": [1]}))
    assert "the file holdout/a.parquet has no column 'x'" in refusal(dirs, contract()).message


def test_columns_that_the_contract_does_not_name_may_differ_between_files(dirs):
    write(dirs, "train/a.parquet", pl.DataFrame({"x": [1], "extra": ["text"]}))
    write(dirs, "holdout/b.parquet", pl.DataFrame({"extra": [2.5], "x": [2]}))
    assert run(dirs, contract())["rows"] == 2


def test_files_may_hold_a_logical_type_in_different_widths(dirs):
    write(dirs, "train/a.parquet", pl.DataFrame({"x": pl.Series([1], dtype=pl.Int16)}))
    write(dirs, "holdout/b.parquet", pl.DataFrame({"x": pl.Series([70000], dtype=pl.Int32)}))
    report = run(dirs, contract(column("x", logicalTypeOptions={"maximum": 70000}, unique=True)))
    assert [rule["outcome"] for rule in report["rules"]] == ["passed", "passed"]


@pytest.mark.parametrize("what", ["truncated", "no parquet", "empty"])
def test_unreadable_file_is_named(dirs, what):
    write(dirs, "train/a.parquet", ints(1))
    path = write(dirs, "holdout/b.parquet", ints(*range(1000)))
    content = path.read_bytes()
    path.write_bytes(
        {"truncated": content[: len(content) // 2], "no parquet": b"x,y\n1,2\n", "empty": b""}[what]
    )
    error = refusal(dirs, contract())
    assert error.kind == "DataRejected"
    assert "The file holdout/b.parquet is no readable Parquet file" in error.message


def test_file_with_damaged_pages_is_named(dirs):
    write(dirs, "train/a.parquet", ints(1))
    path = write(dirs, "holdout/b.parquet", pl.DataFrame({"x": pl.Series(range(100_000))}))
    content = bytearray(path.read_bytes())
    content[100:20_000] = b"\xff" * 19_900
    path.write_bytes(content)
    error = refusal(dirs, contract(column("x", logicalTypeOptions={"minimum": 0})))
    assert (error.kind, "holdout/b.parquet" in error.message) == ("DataRejected", True)


@pytest.mark.parametrize("rows", [None, 0])
def test_partition_without_rows_is_rejected(dirs, rows):
    write(dirs, "train/a.parquet", ints(1))
    if rows == 0:
        write(dirs, "holdout/b.parquet", ints())
    error = refusal(dirs, contract())
    assert (error.kind, "has no rows" in error.message) == ("DataRejected", True)


def test_file_of_another_format_is_not_left_out_in_silence(dirs):
    write(dirs, "holdout/a.parquet", ints(1))
    (dirs.data / "holdout/b.txt").write_text("x\n1\n")
    assert "The file holdout/b.txt is no .parquet" in refusal(dirs, contract()).message


def test_formats_are_not_mixed(dirs):
    write(dirs, "train/a.parquet", ints(1))
    (dirs.data / "holdout").mkdir()
    (dirs.data / "holdout/b.csv").write_text("x\n1\n")
    assert (
        "The data mix formats: Parquet (train/a.parquet) and CSV (holdout/b.csv)"
        in refusal(dirs, contract()).message
    )


def test_markers_of_hive_and_spark_are_no_data(dirs):
    write(dirs, "holdout/a.parquet", ints(1))
    (dirs.data / "holdout/_SUCCESS").touch()
    assert run(dirs, contract())["rows"] == 1


def test_contract_that_cannot_be_checked_is_refused_before_data_is_read(dirs):
    (dirs.data / "holdout").mkdir(parents=True)
    (dirs.data / "holdout/unreadable.parquet").write_bytes(b"no parquet")
    error = refusal(dirs, contract(column("x", quality=[{"metric": "medianValue", "mustBe": 0}])))
    assert error.kind == "ContractInvalid"


def test_warning_is_reported_and_does_not_end_the_run(dirs, capsys):
    write(dirs, "holdout/a.parquet", ints(1, None))
    quality = [{"metric": "nullValues", "mustBe": 0, "severity": "warning"}]
    report = run(dirs, contract(column("x", quality=quality)))
    assert report["rules"][0]["outcome"] == "warned"
    assert "warning: nullValues of column x is broken by 1 rows" in capsys.readouterr().out


def test_first_broken_rules_are_told_and_the_rest_counted(dirs):
    write(dirs, "holdout/a.parquet", ints(1, 1, None))
    options = {"minimum": 2, "exclusiveMinimum": 3, "multipleOf": 5}
    error = refusal(dirs, contract(column("x", required=True, unique=True, logicalTypeOptions=options)))
    assert "required of column x is broken by 1 rows" in error.message
    assert "(and 2 more)" in error.message


def test_no_value_of_a_row_is_in_report_log_or_error(dirs, capsys):
    write(dirs, "holdout/a.parquet", pl.DataFrame({"x": [CANARY, CANARY, None], "n": [987654321, 1, 2]}))
    described = contract(
        column(
            "x", "string", required=True, unique=True, logicalTypeOptions={"maxLength": 3, "pattern": "^a"}
        ),
        column("n", logicalTypeOptions={"maximum": 10}),
    )
    error = refusal(dirs, described)
    said = error.message + json.dumps(error.details) + "".join(capsys.readouterr())
    assert CANARY not in said
    assert "987654321" not in said


def put(dirs, name, content):
    path = dirs.data / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


ROWS = b"x,y\n1,a\n2,b\n"
BAD_FILES = {
    "ragged": ("b.csv", b"x,y\n1,a\n2\n", "has 1 cells in row 3, expected 2"),
    "open quote": ("b.csv", b'x,y\n1,"a\n2,b\n', "opens a quote that is never closed"),
    "wrong encoding": ("b.csv", "x,y\n1,é\n".encode("latin-1"), "is not written in UTF-8"),
    "UTF-16 with its mark": ("b.csv", "x,y\n1,a\n".encode("utf-16"), "is not written in UTF-8"),
    "gzip that ends early": ("b.csv.gz", gzip.compress(ROWS)[:-5], "is no whole gzip file"),
    "no gzip": ("b.csv.gz", ROWS, "is no whole gzip file"),
    "empty CSV": ("b.csv", b"", "is empty"),
    "empty gzip": ("b.csv.gz", gzip.compress(b""), "is empty"),
    "empty JSON lines": ("b.jsonl", b"", "is empty"),
    "cut JSON lines": ("b.jsonl", b'{"x": 1}\n{"x": 2, "y"', "has a line that is no JSON object (line 2)"),
    "another schema": ("b.csv", b"a,b\n1,2\n", "has no column 'x'"),
}


@pytest.mark.parametrize("case", BAD_FILES)
def test_bad_text_file_is_named_with_what_is_wrong(dirs, case):
    name, content, words = BAD_FILES[case]
    good = b'{"x": 1}\n' if ".jsonl" in name else ROWS
    put(dirs, f"train/a.{name.partition('.')[2]}", gzip.compress(good) if name.endswith(".gz") else good)
    put(dirs, f"holdout/{name}", content)
    error = refusal(dirs, contract(column("x"), column("y", "string")) if b"y" in good else contract())
    assert error.kind == "DataRejected"
    assert f"he file holdout/{name} {words}" in error.message


@pytest.mark.parametrize("name", ["a.csv", "a.csv.gz"])
def test_byte_order_mark_is_no_part_of_the_first_columns_name(dirs, name):
    content = b"\xef\xbb\xbf" + ROWS
    put(dirs, f"holdout/{name}", gzip.compress(content) if name.endswith(".gz") else content)
    assert run(dirs, contract(column("x"), column("y", "string")))["partition_rows"] == 2


def test_cells_that_are_not_of_their_type_are_counted_by_file_and_kept_on_the_site(dirs, capsys):
    put(dirs, "train/a.csv", f"x,y\n1,a\n{CANARY},b\n".encode())
    put(dirs, "holdout/b.csv", b"x,y\n1.5,c\n3,d\n")
    error = refusal(dirs, contract(column("x"), column("y", "string")))
    assert "column x has 2 cells that are no integer (train/a.csv: 1, holdout/b.csv: 1)" in error.message
    assert "in work/failing_rows/01-type-x.parquet" in error.message
    assert error.details["rules"][0]["rule"] == "type"
    kept = pl.read_parquet(dirs.job / "failing_rows/01-type-x.parquet")
    assert kept.rows() == [(CANARY, "b", "train/a.csv"), ("1.5", "c", "holdout/b.csv")]
    assert CANARY not in error.message + json.dumps(error.details) + "".join(capsys.readouterr())


def test_file_of_ten_thousand_columns_is_read_for_those_of_the_contract(dirs):
    write(dirs, "holdout/a.parquet", pl.DataFrame({f"c{number}": [number] for number in range(10_000)}))
    assert run(dirs, contract(column("c9999", required=True)))["rows"] == 1


def test_csv_file_of_ten_thousand_columns_is_read_for_those_of_the_contract(dirs):
    names = [f"c{number}" for number in range(10_000)]
    put(dirs, "holdout/a.csv", "\n".join([",".join(names), ",".join("1" for _ in names), ""]).encode())
    assert run(dirs, contract(column("c9999", required=True)))["rows"] == 1


def test_nested_types_are_held_against_the_contract(dirs):
    described = contract(column("x", "object", properties=[column("a", required=True)]))
    write(dirs, "holdout/a.parquet", pl.DataFrame({"x": [{"a": 1}, {"a": None}, None]}))
    assert "required field a of column x is broken by 1 rows" in refusal(dirs, described).message
    write(dirs, "holdout/a.parquet", pl.DataFrame({"x": [{"a": "text"}]}))
    assert "has column 'x.a' as String, expected integer" in refusal(dirs, described).message


def test_timestamp_without_a_zone_is_refused_where_the_contract_asks_for_one(dirs):
    described = contract(column("x", "timestamp", logicalTypeOptions={"timezone": True}))
    write(dirs, "holdout/a.parquet", pl.DataFrame({"x": [datetime(2013, 1, 1)]}))
    assert "the file holdout/a.parquet has column 'x' as" in refusal(dirs, described).message
    assert "expected a time zone" in refusal(dirs, described).message


def test_nan_and_infinity_are_numbers_that_keep_no_bound_they_are_beyond(dirs):
    write(dirs, "holdout/a.parquet", pl.DataFrame({"x": [1.0, float("nan"), float("inf"), float("-inf")]}))
    described = column("x", "number", required=True, logicalTypeOptions={"minimum": 0, "maximum": 9})
    error = refusal(dirs, contract(described))
    assert [rule["failed_rows"] for rule in error.details["rules"]] == [0, 2, 2]


def test_column_of_the_path_is_checked_like_any_other(dirs):
    write(dirs, "train/x=1/a.parquet", pl.DataFrame({"y": [1]}))
    write(dirs, "holdout/x=7/a.parquet", pl.DataFrame({"y": [1, 2]}))
    error = refusal(dirs, contract(column("x", logicalTypeOptions={"maximum": 5}), column("y")))
    assert "maximum 5 of column x is broken by 2 rows" in error.message


@pytest.mark.parametrize("name", ["a[1].parquet", "a*.parquet", "a?'b.parquet", "x=1/ü {a}.parquet"])
def test_names_that_look_like_patterns_are_names(dirs, name):
    write(dirs, f"holdout/{name}", ints(1, 1))
    write(dirs, "holdout/a1.parquet", ints(2))
    quality = [{"type": "sql", "query": "SELECT count(*) FROM {object}", "mustBe": 3}]
    error = refusal(dirs, contract(column("x", unique=True), quality=quality))
    assert [rule["failed_rows"] for rule in error.details["rules"]] == [0, 1]
    kept = pl.read_parquet(dirs.job / "failing_rows/02-unique-x.parquet")
    assert set(kept["edge_file"]) == {f"holdout/{name}"}


def test_contract_of_columns_that_are_all_in_the_path_counts_every_row(dirs):
    write(dirs, "holdout/p=7/a.parquet", ints(1, 2, 3))
    report = run(dirs, contract(column("p"), quality=[{"metric": "rowCount", "mustBe": 3}]))
    assert (report["rows"], report["rules"][0]["outcome"]) == (3, "passed")


@pytest.mark.parametrize("name", ["a.csv", "a.jsonl"])
def test_text_file_without_a_column_of_the_contract_counts_every_row(dirs, name):
    put(dirs, f"holdout/p=7/{name}", {"a.csv": b"x\n1\n2\n", "a.jsonl": b'{"x":1}\n{"x":2}\n'}[name])
    assert run(dirs, contract(column("p")))["rows"] == 2


def test_what_a_try_that_was_ended_left_behind_is_removed(dirs):
    write(dirs, "holdout/a.parquet", ints(1))
    (dirs.job / "scratch/converted").mkdir(parents=True)
    run(dirs, contract())
    assert not (dirs.job / "scratch").exists()


def test_full_disk_is_not_the_datas_fault(dirs, monkeypatch):
    write(dirs, "holdout/a.parquet", ints(1))

    def full(**kwargs):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(uniqueness, "ROWS_IN_MEMORY", 0)
    monkeypatch.setattr(uniqueness.tempfile, "TemporaryDirectory", full)
    with pytest.raises(OSError, match="No space left"):
        run(dirs, contract(column("x", unique=True)))


def test_query_is_a_rule_like_any_other(dirs):
    write(dirs, "train/a.parquet", ints(1))
    write(dirs, "holdout/a.parquet", ints(987654321))
    quality = [{"name": "newest", "type": "sql", "query": "SELECT max(x) FROM {object}", "mustBeLessThan": 9}]
    error = refusal(dirs, contract(quality=quality))
    assert "newest gives a value that is not allowed, must be less than 9;" in error.message
    assert "987654321" not in error.message + json.dumps(error.details)


def test_rule_for_people_is_told_as_not_checked(dirs, capsys):
    write(dirs, "holdout/a.parquet", ints(1))
    quality = [{"type": "text", "description": "The sensors were calibrated."}]
    report = run(dirs, contract(quality=quality))
    assert report["rules"][0]["outcome"] == "not_checked"
    assert (
        "note: The sensors were calibrated. is written for people and not checked" in capsys.readouterr().out
    )


def test_nothing_but_failing_rows_and_the_report_is_left_in_the_job(dirs):
    put(dirs, "holdout/a.csv", b"x\n1\n1\n")
    refusal(dirs, contract(column("x", unique=True)))
    left = sorted(path.name for path in dirs.job.iterdir())
    assert left == ["failing_rows", "profile.json", "report.html", "report.json"]


IMAGES = contract(
    column("size_bytes", logicalTypeOptions={"minimum": 100}),
    column("media_type", "string", enum=[{"value": "image/png"}]),
    column(
        "decodable",
        "boolean",
        quality=[
            {
                "metric": "invalidValues",
                "arguments": {"validValues": [True]},
                "unit": "percent",
                "mustBeLessThan": 25,
            }
        ],
    ),
    quality=[{"metric": "rowCount", "mustBeGreaterThan": 2}],
)
FILES = IMAGES.replace("name: t\n", "name: t\n  physicalType: files\n")


def png(size=64):
    buffer = io.BytesIO()
    Image.effect_noise((size, size), 50).save(buffer, "PNG")
    return buffer.getvalue()


def test_files_that_are_no_tables_have_contracts_too(dirs):
    for number in range(4):
        put(dirs, f"train/{number}.png", png())
    put(dirs, "holdout/9.png", png())
    report = run(dirs, FILES)
    assert (report["rows"], report["partition_rows"]) == (5, 1)
    assert {rule["outcome"] for rule in report["rules"]} == {"passed"}


def test_files_that_are_small_of_another_type_or_damaged_are_counted(dirs):
    put(dirs, "train/a.png", png())
    put(dirs, "train/b.png", png()[:2000])
    put(dirs, "train/c.png", b"no image")
    put(dirs, "holdout/d.jpg", png())
    error = refusal(dirs, FILES)
    counts = {rule["rule"]: (rule["failed_rows"], rule["outcome"]) for rule in error.details["rules"]}
    assert counts == {
        "rowCount": (0, "passed"),
        "minimum": (1, "failed"),
        "enum": (0, "passed"),
        "invalidValues": (2, "failed"),
    }


def test_partition_without_files_is_rejected(dirs):
    put(dirs, "train/a.png", png())
    (dirs.data / "holdout").mkdir()
    assert "has no rows in 0 files" in refusal(dirs, FILES).message


def test_column_that_files_do_not_have_is_refused():
    with pytest.raises(StepError) as caught:
        compile_contract(
            contract(column("colour", "string")).replace("name: t\n", "name: t\n  physicalType: files\n")
        )
    assert (caught.value.kind, "files have no column 'colour'" in caught.value.message) == (
        "ContractInvalid",
        True,
    )
