"""What every `ValidationArchive` does, and how a version keeps what was attached to it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests import bundles

from edge_runner.listing import listing_of
from edge_training.errors import ModelRegistryRefused
from edge_training.ports.model_registry import Registration
from edge_training.ports.validations import Validation

FILES = {"report.json": b'{"rows": 3}', "report.html": b"<p>\xc3\xa9</p>", "profile.json": b"{}"}


@pytest.fixture
def validation(name) -> Validation:
    return Validation(
        model_name=name,
        job_name="edge-validate-1",
        partition="2013-02-01",
        passed=True,
        files=FILES,
        tags={"site": "edge_site"},
        metrics={"rows": 3.0, "worst_psi": 0.25},
    )


def test_a_check_gives_its_files_back(validations, validation):
    kept = validations.archive.keep(validation)

    assert kept.files == listing_of(FILES)
    assert kept.run_id in kept.url
    assert validations.archive.fetch(kept.run_id, kept.files) == FILES


@pytest.mark.parametrize(("passed", "status"), [(True, "FINISHED"), (False, "FAILED")])
def test_a_check_is_a_run_that_says_how_it_went(validations, validation, passed, status):
    kept = validations.archive.keep(replace(validation, passed=passed))

    [run] = validations.runs(validation.model_name)
    assert (run.run_id, run.status, run.name) == (kept.run_id, status, "validate 2013-02-01")
    assert run.metrics == {"rows": 3.0, "worst_psi": 0.25}
    wanted = {"kind": "validation", "validation_job": "edge-validate-1", "site": "edge_site"}
    assert run.tags.items() >= wanted.items()


def test_the_same_check_has_one_run_and_its_first_files_count(validations, validation):
    first = validations.archive.keep(validation)

    again = validations.archive.keep(replace(validation, files={"report.html": b"later"}))

    assert again == first
    assert len(validations.runs(validation.model_name)) == 1


def test_another_check_has_another_run(validations, validation):
    first = validations.archive.keep(validation)

    second = validations.archive.keep(replace(validation, job_name="edge-validate-2"))

    assert second.run_id != first.run_id


def test_a_check_without_a_profile_has_the_files_it_has(validations, validation):
    files = {"report.json": b"{}"}

    kept = validations.archive.keep(replace(validation, files=files, passed=False))

    assert validations.archive.fetch(kept.run_id, kept.files) == files


@pytest.mark.parametrize("changed", [{"report.json": b"other"}, {"other.json": b"{}"}])
def test_files_that_are_not_as_they_were_kept_are_refused(validations, validation, changed):
    kept = validations.archive.keep(validation)

    with pytest.raises(ModelRegistryRefused, match="clear validate_data"):
        validations.archive.fetch(kept.run_id, listing_of(changed))


def test_a_run_that_is_gone_names_the_remedy(validations, validation):
    with pytest.raises(ModelRegistryRefused, match="clear validate_data"):
        validations.archive.fetch("0" * 32, listing_of(FILES))


def test_a_version_keeps_what_was_attached_beside_its_bundle(models, name, tmp_path):
    bundle = bundles.stored(tmp_path / "store")
    attachments = {"validation/profile.json": b'{"version": 1}'}

    version = models.register(Registration(name, "5" * 64, bundle, attachments=attachments))

    assert models.attached(version, "validation/profile.json") == b'{"version": 1}'
    assert models.attached(version, "validation/other.json") is None
    assert models.fetch(version, tmp_path / "fetched").read_bytes() == bundle.read_bytes()


def test_a_version_without_attachments_has_none(models, name, tmp_path):
    version = models.register(Registration(name, "5" * 64, bundles.stored(tmp_path / "store")))

    assert models.attached(version, "validation/profile.json") is None
