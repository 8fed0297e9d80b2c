"""Which files hold data, and what their paths say."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_runner.protocol import StepError
from edge_runner.tables.files import DataFile, common_format, data_files, format_of, hive_values


def file(shown):
    return DataFile(Path("/data", shown), shown, shown.split("/")[0])


def test_files_of_the_splits_are_listed_without_hidden_ones_and_markers(tmp_path):
    for name in ("train/b.csv", "train/a.csv", "holdout/x/c.csv", "holdout/_SUCCESS", "holdout/.c.csv.crc"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    shown = [found.shown for found in data_files(tmp_path, ["train", "holdout"])]
    assert shown == ["train/a.csv", "train/b.csv", "holdout/x/c.csv"]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a.parquet", "Parquet"),
        ("a.CSV", "CSV"),
        ("a.csv.gz", "CSV"),
        ("a.jsonl", "JSON lines"),
        ("a.ndjson.gz", "JSON lines"),
    ],
)
def test_format_follows_from_the_name(name, expected):
    assert format_of(file(f"train/{name}")) == expected


@pytest.mark.parametrize("name", ["a.txt", "a.parquet.gz", "a.json", "a.gz", "csv"])
def test_file_of_no_known_format_is_refused(name):
    with pytest.raises(StepError) as caught:
        format_of(file(f"train/{name}"))
    assert f"The file train/{name} is no" in caught.value.message


def test_formats_may_not_be_mixed():
    with pytest.raises(StepError) as caught:
        common_format([file("train/a.csv.gz"), file("train/b.csv"), file("holdout/c.parquet")])
    assert "CSV (train/a.csv.gz) and Parquet (holdout/c.parquet)" in caught.value.message


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        ("train/date=2013-02-01/airport=J%20F%3DK/a.csv", {"date": "2013-02-01", "airport": "J F=K"}),
        ("train/date=__HIVE_DEFAULT_PARTITION__/a.csv", {"date": None}),
        ("train/x=/a=b.csv", {"x": ""}),
        ("train/plain/=x/a.csv", {}),
        ("train/x=1/x=1/a.csv", {"x": "1"}),
    ],
)
def test_folders_say_what_their_rows_have_in_common(shown, expected):
    assert hive_values(file(shown)) == expected


def test_folders_that_disagree_are_refused():
    with pytest.raises(StepError) as caught:
        hive_values(file("train/x=1/x=2/a.csv"))
    assert "train/x=1/x=2/a.csv has x twice in its path" in caught.value.message
