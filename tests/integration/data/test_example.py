"""The example's data from the store to the contract's report, and the ways a delivery of it can be bad."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

from edge_runner.protocol import StepError
from edge_runner.steps import validate
from local_site.flights import FlightsBlob, upload

CONTRACT = (Path(__file__).parents[3] / "include/flight_delay/contract.yaml").read_text()
WEEK = [f"2013-01-{day}" for day in range(25, 32)]
PARTITION = "2013-02-01"


def parquet(frame):
    buffer = io.BytesIO()
    frame.write_parquet(buffer)
    return buffer.getvalue()


def deliver(box, flights_box, change=lambda frame: frame):
    """Copy a day and the day before into the test's container, one file of it changed."""
    for day in (WEEK[-1], PARTITION):
        for airport in ("EWR", "JFK", "LGA"):
            name = f"flights/date={day}/{airport}.parquet"
            content = flights_box.client.download_blob(name).readall()
            if day == PARTITION and airport == "JFK":
                content = parquet(change(pl.read_parquet(io.BytesIO(content))))
            box.put(name, content)


def check(box, contract=CONTRACT):
    parts = {"train": f"flights/date={WEEK[-1]}/", "holdout": f"flights/date={PARTITION}/"}
    digest = box.snapshot(**parts)["data_digest"]
    box.stage(digest)
    dirs = replace(box.dirs, data=box.view(digest))
    return validate.run({"contract": contract, "partition": PARTITION, "volume": "edge-validate-0"}, {}, dirs)


def refusal(box, contract=CONTRACT):
    with pytest.raises(StepError) as caught:
        check(box, contract)
    return caught.value


def test_flights_keep_their_contract(box, flights_box):
    deliver(box, flights_box)
    report = check(box)
    assert (report["rows"], report["partition_rows"]) == (1854, 926)
    assert {rule["outcome"] for rule in report["rules"]} == {"passed"}


def test_wrong_column_type_in_one_file_names_file_and_column(box, flights_box):
    deliver(box, flights_box, lambda frame: frame.with_columns(pl.col("distance").cast(pl.String)))
    error = refusal(box)
    assert error.kind == "DataRejected"
    file = f"holdout/flights/date={PARTITION}/JFK.parquet"
    assert f"the file {file} has column 'distance' as String, expected integer" in error.message


def test_nulls_above_the_limit_name_column_share_and_limit(box, flights_box):
    deliver(box, flights_box, lambda frame: frame.with_columns(tailnum=None).cast({"tailnum": pl.String}))
    contract = CONTRACT.replace("mustBeLessThan: 30", "mustBeLessThan: 10")
    error = refusal(box, contract)
    assert error.kind == "DataRejected"
    assert "nullValues of column tailnum is broken by" in error.message
    assert "percent of rows, must be less than 10 percent" in error.message


def test_unknown_rule_is_refused_before_the_data_is_read(box, flights_box):
    deliver(box, flights_box)
    error = refusal(box, CONTRACT.replace("metric: rowCount", "metric: rowTotal"))
    assert error.kind == "ContractInvalid"
    assert "the metric 'rowTotal' of table 'flights'" in error.message


def test_truncated_file_that_was_delivered_so_is_named(box, flights_box):
    deliver(box, flights_box)
    name = f"flights/date={PARTITION}/JFK.parquet"
    box.put(name, box.client.download_blob(name).readall()[:-100])
    error = refusal(box)
    assert error.kind == "DataRejected"
    assert f"holdout/{name} is no readable Parquet file" in error.message


def test_upload_leaves_equal_blobs_alone_and_replaces_others(box):
    blobs = [FlightsBlob("a", b"abc"), FlightsBlob("b", b"def")]
    assert upload(box.client, blobs) == (2, 0)
    before = box.client.get_blob_client("a").get_blob_properties().etag
    assert upload(box.client, [*blobs[:1], FlightsBlob("b", b"other")]) == (1, 1)
    assert box.client.get_blob_client("a").get_blob_properties().etag == before
    assert box.client.download_blob("b").readall() == b"other"
