"""Checks of data on a real MLflow server: crashes on the way, and what people do to runs."""

from __future__ import annotations

import uuid
from dataclasses import replace

import httpx
import pytest
from tests.contract.validations import runs_on
from tests.mlflow_faults import Crash, FaultySession, crash

from edge_runner.listing import listing_of
from edge_training.adapters.mlflow.session import MlflowSession
from edge_training.adapters.mlflow.validations import MlflowValidationArchive
from edge_training.errors import ModelRegistryRefused, ModelRegistryUnavailable
from edge_training.ports.validations import KeptValidation, Validation

FILES = {"report.html": b"<p>3 rows</p>", "profile.json": b"{}"}


@pytest.fixture
def validation() -> Validation:
    """A check of a model nobody else uses."""
    name = f"checks-{uuid.uuid4().hex[:12]}"
    return Validation(name, "edge-validate-1", "2013-02-01", True, FILES, metrics={"rows": 3.0})


def assert_one_whole_check(url: str, validation: Validation, kept: KeptValidation) -> None:
    """One run with every file and every figure once."""
    [run] = runs_on(url, validation.model_name)
    assert (run.run_id, run.status, run.metrics) == (kept.run_id, "FINISHED", {"rows": 3.0})
    assert MlflowValidationArchive(MlflowSession(url)).fetch(kept.run_id, kept.files) == FILES
    query = {"run_id": kept.run_id, "metric_key": "rows"}
    points = httpx.get(f"{url}/api/2.0/mlflow/metrics/get-history", params=query, trust_env=False).json()
    assert len(points["metrics"]) == 1


def test_a_crash_before_any_call_is_repaired_by_the_next_try(site, validation):
    """Every try dies one call later than the one before, until one comes through."""
    tries = 0
    while True:
        session = FaultySession(site.mlflow_url, tries, crash)
        try:
            kept = MlflowValidationArchive(session).keep(validation)
            break
        except Crash:
            tries += 1

    assert tries > 4
    assert_one_whole_check(site.mlflow_url, validation, kept)


def test_a_crash_before_the_last_word_lets_the_next_try_bring_its_own_files(site, validation):
    """Until a check is whole nobody has been told of its files."""
    earlier = replace(validation, files={**FILES, "report.html": b"<p>earlier</p>"})
    with pytest.raises(Crash):
        MlflowValidationArchive(FaultySession(site.mlflow_url, "set_terminated", crash)).keep(earlier)

    kept = MlflowValidationArchive(MlflowSession(site.mlflow_url)).keep(validation)

    assert kept.files == listing_of(FILES)
    assert_one_whole_check(site.mlflow_url, validation, kept)


def test_a_check_that_somebody_deleted_is_kept_anew(site, validation):
    session = MlflowSession(site.mlflow_url)
    first = MlflowValidationArchive(session).keep(validation)
    session.call(lambda client: client.delete_run(first.run_id))

    again = MlflowValidationArchive(session).keep(validation)

    assert again.run_id != first.run_id
    assert_one_whole_check(site.mlflow_url, validation, again)


def test_an_artifact_that_was_replaced_by_a_large_one_is_not_read(site, validation, tmp_path):
    session = MlflowSession(site.mlflow_url)
    kept = MlflowValidationArchive(session).keep(validation)
    large = tmp_path / "profile.json"
    large.write_bytes(bytes(6 * 2**20))
    session.call(lambda client: client.log_artifact(kept.run_id, str(large), "validation"))

    with pytest.raises(ModelRegistryRefused, match="has 6291456 bytes, at most 5242880 are read"):
        MlflowValidationArchive(session).fetch(kept.run_id, kept.files)


def test_a_server_that_is_away_is_tried_again(validation):
    archive = MlflowValidationArchive(MlflowSession("http://127.0.0.1:9", patience_s=0))
    with pytest.raises(ModelRegistryUnavailable):
        archive.keep(validation)


def test_the_reports_address_is_one_that_mlflows_pages_know(site, validation):
    kept = MlflowValidationArchive(MlflowSession(f"{site.mlflow_url}/")).keep(validation)
    [run] = runs_on(site.mlflow_url, validation.model_name)
    place, _, fragment = kept.url.partition("/#/")
    assert place == site.mlflow_url
    assert fragment.endswith(f"/runs/{run.run_id}/artifacts/validation/report.html")
    assert "<title>MLflow</title>" in httpx.get(f"{place}/", trust_env=False).text
