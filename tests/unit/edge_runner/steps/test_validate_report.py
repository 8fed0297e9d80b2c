"""What a check of the data leaves behind, and what it thinks of a champion's profile."""

from __future__ import annotations

import hashlib
import json

import numpy as np
import polars as pl
import pytest
from tests.unit.edge_runner.contracts.documents import column, contract

from edge_runner.listing import PAGE_NAME, PROFILE_NAME, REPORT_NAME
from edge_runner.protocol import StepError
from edge_runner.steps import validate

CONTRACT = contract(column("x", "number", required=True), name="flights")
REQUEST = {
    "contract": CONTRACT,
    "partition": "2013-02-09",
    "volume": "v",
    "model": "flight_delay",
    "data_digest": "ab" * 32,
}


def deliver(dirs, shift=0.0, nulls=0):
    random = np.random.default_rng(5)
    for split, rows, moved in (("train", 3_000, 0.0), ("holdout", 500, shift)):
        values = [*(random.normal(size=rows) + moved), *[None] * nulls]
        (dirs.data / split).mkdir(exist_ok=True)
        pl.DataFrame({"x": pl.Series(values, dtype=pl.Float64)}).write_parquet(
            dirs.data / split / "a.parquet"
        )


def run(dirs, **request):
    return validate.run(REQUEST | request, {}, dirs)


def refusal(dirs, **request):
    with pytest.raises(StepError) as caught:
        run(dirs, **request)
    return caught.value


def written(dirs, name):
    return json.loads((dirs.job / name).read_text())


def assert_listed(dirs, listing):
    assert [entry["path"] for entry in listing] == [PROFILE_NAME, PAGE_NAME, REPORT_NAME]
    for entry in listing:
        content = (dirs.job / entry["path"]).read_bytes()
        assert (entry["size"], entry["sha256"]) == (len(content), hashlib.sha256(content).hexdigest())


@pytest.fixture
def champion(dirs):
    """The profile of an earlier run on like data."""
    deliver(dirs)
    run(dirs)
    return written(dirs, PROFILE_NAME)


def test_report_says_what_was_checked(dirs):
    deliver(dirs)
    value = run(dirs)
    report = written(dirs, REPORT_NAME)
    assert_listed(dirs, value["report"])
    assert (report["model"], report["partition"], report["data_digest"]) == (
        "flight_delay", "2013-02-09", "ab" * 32,
    )  # fmt: skip
    assert report["contract"] == {
        "name": "flights", "version": "1.0.0", "digest": hashlib.sha256(CONTRACT.encode()).hexdigest(),
    }  # fmt: skip
    assert (report["rows"], report["files"]) == ({"train": 3_000, "holdout": 500}, {"train": 1, "holdout": 1})
    assert (report["verdict"], report["rules"]) == ("passed", value["rules"])


def test_same_data_give_the_same_bytes(dirs):
    deliver(dirs)
    assert run(dirs)["report"] == run(dirs)["report"]


def test_rejected_data_are_reported_too(dirs):
    deliver(dirs, nulls=30)
    error = refusal(dirs)
    assert_listed(dirs, error.details["report"])
    report = written(dirs, REPORT_NAME)
    assert (report["verdict"], report["rejection"]) == ("rejected", error.message)
    assert written(dirs, PROFILE_NAME)["splits"].keys() == {"train", "holdout"}


def test_data_that_cannot_be_read_are_reported_without_a_profile(dirs):
    deliver(dirs)
    (dirs.data / "holdout" / "a.parquet").write_bytes(b"no parquet")
    assert_listed(dirs, refusal(dirs).details["report"])
    assert written(dirs, PROFILE_NAME)["splits"] == {}


def test_contract_that_cannot_be_checked_leaves_no_report(dirs):
    assert refusal(
        dirs, contract=contract(column("x", quality=[{"metric": "median", "mustBe": 0}]))
    ).kind == ("ContractInvalid")
    assert list(dirs.job.iterdir()) == []


def test_data_like_the_champions_are_near(dirs, champion, capsys):
    value = run(dirs, reference_profile=champion, drift={"psi": {"warn": 0.1, "stop": 0.25}})
    assert value["drift"]["x"]["psi"] < 0.1
    assert value["drift"]["x"]["verdict"] == "ok"
    assert capsys.readouterr().out.splitlines()[-1] == "drift: 1 of 1 columns compared"


@pytest.mark.parametrize("drift", [{}, None])
def test_without_thresholds_drift_is_told_and_not_judged(dirs, champion, drift):
    deliver(dirs, shift=3)
    value = run(dirs, reference_profile=champion, drift=drift)
    assert value["drift"]["x"]["psi"] > 1
    assert value["drift"]["x"]["verdict"] == "unjudged"


def test_drift_past_a_warning_is_told_and_ends_nothing(dirs, champion, capsys):
    deliver(dirs, shift=3)
    value = run(dirs, reference_profile=champion, drift={"psi": {"warn": 0.1}})
    assert value["drift"]["x"]["verdict"] == "warn"
    assert written(dirs, REPORT_NAME)["verdict"] == "warned"
    *_, compared, warned = capsys.readouterr().out.splitlines()
    assert compared == "drift: 1 of 1 columns compared"
    assert warned.startswith("warning: column x of the partition has PSI")


def test_drift_past_a_stop_rejects_the_data(dirs, champion):
    deliver(dirs, shift=3)
    error = refusal(dirs, reference_profile=champion, drift={"js": {"stop": 0.2}})
    assert error.kind == "DataRejected"
    assert (
        "have moved too far from what the champion was trained on: column x of the partition has PSI"
        in error.message
    )
    assert error.details["drift"]["x"]["verdict"] == "stop"


def test_broken_rule_is_told_before_drift(dirs, champion):
    deliver(dirs, shift=3, nulls=30)
    error = refusal(dirs, reference_profile=champion, drift={"js": {"stop": 0.2}})
    assert "required of column x" in error.message


def test_a_window_that_has_moved_is_told_apart_from_its_partition(dirs, champion, capsys):
    deliver(dirs, shift=3)
    (dirs.data / "train" / "a.parquet").write_bytes((dirs.data / "holdout" / "a.parquet").read_bytes())
    run(dirs, reference_profile=champion, drift={"psi": {"warn": 0.1}})
    *_, partition, window = capsys.readouterr().out.splitlines()
    assert partition.startswith("warning: column x of the partition has PSI")
    assert window.startswith("warning: column x of the window has PSI")


@pytest.mark.parametrize(
    ("lack", "said"),
    [
        ("version 3, the champion, has no profile", "version 3, the champion, has no profile"),
        (None, "there is no profile to compare with"),
    ],
)
def test_why_there_is_nothing_to_compare_with_is_told(dirs, capsys, lack, said):
    deliver(dirs)
    request = {"reference_profile": None, "reference_lack": lack, "drift": {"psi": {"stop": 0}}}
    assert run(dirs, **request)["drift"] == {}
    assert f"drift: not compared, {said}" in capsys.readouterr().out
    assert written(dirs, REPORT_NAME)["drift"]["note"] == said


def test_champions_profile_of_another_version_ends_nothing(dirs, champion):
    run(dirs, reference_profile=champion | {"version": 0}, drift={"psi": {"stop": 0}})
    assert "version 0, expected 1" in written(dirs, REPORT_NAME)["drift"]["note"]
