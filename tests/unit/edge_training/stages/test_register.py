"""register_model: what is written to the registry."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.bundles import FILES, stored
from tests.fakes.model_registry import InMemoryModelRegistry
from tests.fakes.validations import InMemoryValidations

from edge_training.bundle import Metric
from edge_training.errors import GateFailed
from edge_training.lineage.tags import Lineage
from edge_training.ports.validations import Validation
from edge_training.stages.register import Evaluation, data_files, register

LINEAGE = Lineage(
    data_digest="d" * 64,
    partition="2013-02-01",
    window="2013-01-18/2013-01-31",
    code_digest="c" * 64,
    git_commit="abc123",
    training_image="registry.test/edge/training@sha256:" + "1" * 64,
    contract_digest="e" * 64,
    contract_result='{"passed":12}',
    validation_run_id="run-1",
    profile_digest="f" * 64,
    profile_path="validation/profile.json",
    drift="{}",
    params='{"depth":3}',
    seed="7",
    training_seconds="12.5",
    peak_memory_bytes="1048576",
    container_peak_memory_bytes="",
    site="edge_site",
    site_hardware="",
    dag_id="train_flight_delay",
    run_id="manual__1",
)
GOOD = Evaluation(
    {"mae": 7.9},
    [{"metric": "mae", "bound": "at_most", "limit": 60.0, "value": 7.9, "passed": True}],
    slices=[],
    champion_version="6",
)
BAD = Evaluation(
    {"mae": 70.5},
    [
        {"metric": "mae", "bound": "at_most", "limit": 60.0, "value": 70.5, "passed": False},
        {"metric": "r2", "bound": "at_least", "limit": 0.5, "value": None, "passed": False},
    ],
    slices=[],
    champion_version="6",
)


def test_a_version_carries_its_lineage_curves_and_parameters(tmp_path):
    models, bundle, attached = InMemoryModelRegistry(), stored(tmp_path), {"validation/profile.json": b"{}"}

    value = register(models, bundle, "flight_delay", "k" * 64, LINEAGE, GOOD, {"depth": 3}, attached)

    version = models.get("flight_delay", "1")
    assert version is not None
    assert version.tags == {
        **LINEAGE.tags(),
        "metrics": '{"mae":7.9}',
        "gates": '[{"bound":"at_most","limit":60.0,"metric":"mae","passed":true,"value":7.9}]',
        "slices": "[]",
        "verdict": "passed all gates",
        "champion_before": "6",
        "training_key": "k" * 64,
        "bundle_digest": bundle.stem,
        "state": "registered",
    }
    registration = models.registrations["flight_delay", "1"]
    assert list(registration.metrics) == [
        Metric("mae", 9.0, 1),
        Metric("mae", 7.5, 2),
        Metric("holdout/mae", 7.9),
    ]
    assert registration.params == {"depth": "3"}
    assert registration.attachments.items() >= attached.items()
    assert value == {
        "model_name": "flight_delay",
        "model_version": "1",
        "bundle_digest": bundle.stem,
        "registry_run_id": version.run_id,
    }


def test_what_the_script_logged_with_mlflow_is_in_its_run_and_our_parameters_come_first(tmp_path):
    run = b'{"params":{"alpha":"0.25","depth":"9"},"tags":{"team":"blue"}}'
    models, bundle = InMemoryModelRegistry(), stored(tmp_path, {**FILES, "run.json": run})

    register(models, bundle, "flight_delay", "k" * 64, LINEAGE, GOOD, {"depth": 3}, {})

    registration = models.registrations["flight_delay", "1"]
    assert registration.params == {"alpha": "0.25", "depth": "3"}
    assert registration.run_tags == {"team": "blue"}


def test_a_model_that_fails_a_gate_is_kept_as_rejected_with_the_reason_and_goes_no_further(tmp_path):
    models, bundle = InMemoryModelRegistry(), stored(tmp_path)
    reason = "mae is 70.5, at most 60 is allowed; r2 is not measured, at least 0.5 is allowed"

    for _ in range(2):  # a retry ends alike, and makes no second version
        with pytest.raises(GateFailed) as caught:
            register(models, bundle, "flight_delay", "k" * 64, LINEAGE, BAD, {}, {})
        assert f"{reason}. It is kept as version 1 of flight_delay, rejected" in str(caught.value)
        assert caught.value.details == {"gates": list(BAD.gates)}

    version = models.find("flight_delay", "k" * 64)
    assert version is not None
    assert (version.version, version.tags["state"], version.tags["verdict"]) == ("1", "rejected", reason)


def test_a_model_that_passes_once_the_gates_are_changed_goes_on_as_the_same_version(tmp_path):
    models, bundle = InMemoryModelRegistry(), stored(tmp_path)
    with pytest.raises(GateFailed):
        register(models, bundle, "flight_delay", "k" * 64, LINEAGE, BAD, {}, {})

    value = register(models, bundle, "flight_delay", "k" * 64, LINEAGE, GOOD, {}, {})

    assert value["model_version"] == "1"
    version = models.get("flight_delay", "1")
    assert version is not None
    assert (version.tags["state"], version.tags["verdict"]) == ("registered", "passed all gates")


@pytest.mark.parametrize(("champion", "before"), [("", "none"), ("6", "6"), (None, "unchanged")])
def test_a_version_knows_which_champion_it_was_to_follow(tmp_path, champion, before):
    """None: it is the champion itself, and keeps what it was first compared with."""
    models, bundle = InMemoryModelRegistry(), stored(tmp_path)
    first = replace(BAD, champion_version="unchanged")
    with pytest.raises(GateFailed):
        register(models, bundle, "flight_delay", "k" * 64, LINEAGE, first, {}, {})

    again = replace(GOOD, champion_version=champion)
    register(models, bundle, "flight_delay", "k" * 64, LINEAGE, again, {}, {})

    version = models.get("flight_delay", "1")
    assert version is not None
    assert version.tags["champion_before"] == before


def test_a_model_card_lies_beside_the_model_and_the_description_links_to_it(tmp_path):
    models = InMemoryModelRegistry()

    register(models, stored(tmp_path), "flight_delay", "k" * 64, LINEAGE, GOOD, {}, {})

    version = models.get("flight_delay", "1")
    assert version is not None
    for path in ("card/model_card.md", "card/model_card.html"):
        assert b"flight_delay of 2013-02-01" in (models.attached(version, path) or b"")
    assert version.description == (
        "Trained on 2013-01-18/2013-01-31 at edge_site, evaluated on 2013-02-01. "
        "[Model card](memory:/1/card/model_card.html)"
    )


def test_the_card_of_a_model_whose_gates_were_changed_tells_the_new_verdict(tmp_path):
    models, bundle = InMemoryModelRegistry(), stored(tmp_path)
    with pytest.raises(GateFailed):
        register(models, bundle, "flight_delay", "k" * 64, LINEAGE, BAD, {}, {})
    version = models.get("flight_delay", "1")
    assert version is not None
    assert b"**Rejected**: mae is 70.5" in (models.attached(version, "card/model_card.md") or b"")
    assert version.description.startswith("Rejected: mae is 70.5, at most 60 is allowed; r2 is ")

    register(models, bundle, "flight_delay", "k" * 64, LINEAGE, GOOD, {}, {})

    assert b"**Accepted**: passed all gates" in (models.attached(version, "card/model_card.md") or b"")
    accepted = models.get("flight_delay", "1")
    assert accepted is not None
    assert accepted.description.startswith("Trained on ")


def test_the_report_on_the_data_lies_beside_the_model():
    archive = InMemoryValidations()
    files = {"report.html": b"<p>", "profile.json": b"{}"}
    kept = archive.keep(Validation("flight_delay", "edge-validate-1", "2013-02-01", True, files))

    found = data_files(archive, {"validation_run_id": kept.run_id, "report": list(kept.files)})

    assert found == {"validation/report.html": b"<p>", "validation/profile.json": b"{}"}
