"""What the check on the site leaves is what the worker lets out: both ends of one wire."""

from __future__ import annotations

import json

import polars as pl
import pytest
from tests.unit.edge_runner.contracts.documents import column, contract

from edge_runner.listing import listing_of
from edge_runner.protocol import Dirs, StepError
from edge_runner.steps import validate
from edge_training.project import Drift
from edge_training.stages.validation_report import listed_files
from edge_training.validation_files import FIELDS, NAMES, metrics_of, read_document, require_known

CONTRACT = contract(column("x", required=True))
NO_LIMITS = Drift(psi_warn=None)


def checked(tmp_path, values, reference=None, drift=NO_LIMITS):
    """What a check says of a column, and the files that it leaves."""
    dirs = Dirs(data=tmp_path / "data", job=tmp_path / "job")
    for split in ("train", "holdout"):
        (dirs.data / split).mkdir(parents=True, exist_ok=True)
        pl.DataFrame({"x": pl.Series(values, dtype=pl.Int64)}).write_parquet(dirs.data / split / "a.parquet")
    dirs.job.mkdir(exist_ok=True)
    request = {
        "contract": CONTRACT,
        "partition": "2013-02-01",
        "model": "delay",
        "data_digest": "d" * 64,
        "reference_profile": reference,
        "volume": "edge-validate-1",
        "drift": drift.request(),
    }
    try:
        found = validate.run(request, {}, dirs)
    except StepError as error:
        found = error.details
    return found, {name: (dirs.job / name).read_bytes() for name in NAMES}


@pytest.mark.parametrize("values", [range(1000), [*range(999), None]], ids=["kept", "rejected"])
def test_a_check_leaves_the_files_that_it_lists_and_no_others(tmp_path, values):
    found, files = checked(tmp_path, values)
    assert listed_files(found) == listing_of(files)
    for name, content in files.items():
        require_known(name, content)


def test_its_documents_hold_exactly_what_was_agreed(tmp_path):
    _, files = checked(tmp_path, range(1000))
    assert {name: json.loads(files[name]).keys() for name in FIELDS} == FIELDS


def test_its_profile_is_what_later_data_is_compared_with(tmp_path):
    _, files = checked(tmp_path, range(1000))
    reference = read_document(files["profile.json"])
    found, _ = checked(tmp_path, range(1000), reference)
    assert metrics_of(found, ()) | {"rows": 0} == {
        "rows": 0,
        "partition_rows": 1000.0,
        "rules_failed": 0.0,
        "rules_warned": 0.0,
        "worst_psi": 0.0,
        "worst_js": 0.0,
    }


@pytest.mark.parametrize(
    "drift", [Drift(psi_warn=None, psi_stop=0.2), Drift(psi_warn=None, js_stop=0.2), Drift(psi_stop=0.2)]
)
def test_limits_of_a_project_are_limits_of_the_check(tmp_path, drift):
    _, files = checked(tmp_path, range(1000))
    reference = read_document(files["profile.json"])
    found, after = checked(tmp_path, range(5000, 6000), reference, drift)
    assert json.loads(after["report.json"])["verdict"] == "rejected"
    assert metrics_of(found, ())["worst_psi"] > 1
    assert metrics_of(found, ("x",)).keys() == {"rows", "partition_rows", "rules_failed", "rules_warned"}
