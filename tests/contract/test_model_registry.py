"""What every `ModelRegistry` does."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from tests import bundles

from edge_training.bundle import Metric
from edge_training.deployments import Change, Place, Request, periods
from edge_training.errors import ExportRefused
from edge_training.ports.model_registry import Registration
from edge_training.stages.decide import PREVIOUS, by_hand
from edge_training.stages.promote import promote

KEY = "5" * 64


@pytest.fixture
def registration(tmp_path, name) -> Registration:
    return Registration(
        name=name,
        training_key=KEY,
        bundle=bundles.stored(tmp_path / "store"),
        tags={"partition": "2013-02-01", "site": "edge_site"},
        metrics=[Metric("mae", 9.0, 1), Metric("mae", 7.5, 2), Metric("holdout/mae", 7.9)],
        params={"window_days": "14"},
        description="for a test",
    )


def test_a_registered_version_is_found_by_its_training_key_with_its_tags(models, registration):
    version = models.register(registration)

    found = models.find(registration.name, KEY)
    assert found == version == models.get(registration.name, version.version)
    assert found.tags == {
        "partition": "2013-02-01",
        "site": "edge_site",
        "training_key": KEY,
        "bundle_digest": registration.bundle.stem,
        "state": "registered",
    }


@pytest.mark.parametrize("number", ["2", "2147483648", "9" * 21])
def test_a_number_that_no_version_has_is_not_found(models, registration, number):
    models.register(registration)
    assert models.get(registration.name, number) is None


def test_what_was_never_registered_is_not_found(models, name):
    assert models.find(name, KEY) is None
    assert models.get(name, "1") is None
    assert models.champion(name) is None


def test_registering_twice_gives_one_version(models, registration):
    first = models.register(registration)

    assert models.register(registration) == first
    assert models.get(registration.name, "2") is None


@pytest.mark.parametrize("damage", ["changed", "cut"])
def test_a_damaged_bundle_gives_no_version_and_a_whole_one_does(models, registration, damage):
    bundle = registration.bundle
    intact = bundle.read_bytes()
    changed = intact.replace(b'"mae":7.9', b'"mae":0.1')
    assert changed != intact
    bundle.write_bytes(changed if damage == "changed" else intact[: len(intact) // 2])

    with pytest.raises(ExportRefused, match=r"is damaged .*; clear export_model"):
        models.register(registration)

    assert models.search(registration.name) == []
    bundle.write_bytes(intact)
    assert models.register(registration).tags["bundle_digest"] == bundle.stem


def test_the_first_bundle_of_a_training_counts(models, registration, tmp_path):
    first = models.register(registration)
    other_bytes = bundles.stored(tmp_path / "other", {**bundles.FILES, "model/model.pkl": b"saved again"})

    again = models.register(
        Registration(registration.name, KEY, other_bytes, tags={"partition": "2013-02-01"})
    )

    assert again == first
    assert models.fetch(again, tmp_path / "fetched").read_bytes() == registration.bundle.read_bytes()


def test_a_rejected_version_is_kept_with_its_verdict_and_found(models, registration):
    refused = replace(registration, state="rejected", tags={**registration.tags, "verdict": "mae is 70"})

    version = models.register(refused)

    assert (version.tags["state"], version.tags["verdict"]) == ("rejected", "mae is 70")
    assert models.find(registration.name, KEY) == version == models.register(refused)


@pytest.mark.parametrize(("first", "then"), [("rejected", "registered"), ("registered", "rejected")])
def test_another_verdict_on_the_same_training_changes_its_version(models, registration, first, then):
    made = models.register(replace(registration, state=first, tags={"verdict": "the first one"}))

    changed = models.register(replace(registration, state=then, tags={"verdict": "the other one"}))

    assert (changed.name, changed.version, changed.run_id) == (made.name, made.version, made.run_id)
    assert changed.tags == {**made.tags, "verdict": "the other one", "state": then}
    assert models.find(registration.name, KEY) == changed


def test_another_verdict_brings_its_own_attachments_and_description(models, registration):
    refused = replace(registration, state="rejected", attachments={"card/card.md": b"no"})
    made = models.register(replace(refused, description="Rejected."))

    changed = models.register(
        replace(registration, attachments={"card/card.md": b"accepted", "card/new.md": b"new"})
    )

    assert (changed.run_id, made.description, changed.description) == (made.run_id, "Rejected.", "for a test")
    assert models.attached(changed, "card/card.md") == b"accepted"
    assert models.attached(changed, "card/new.md") == b"new"


def test_the_description_links_to_the_card(models, registration):
    version = models.register(
        replace(registration, card="card/card.html", attachments={"card/card.html": b"<p>"})
    )

    assert version.description.startswith("for a test [Model card](")
    assert version.description.endswith("/card/card.html)")
    assert models.get(version.name, version.version) == version


def test_without_a_card_the_description_is_what_was_said(models, registration):
    assert models.register(registration).description == "for a test"


def test_all_versions_of_a_model_are_found_in_the_order_of_their_numbers(models, registration):
    made = [models.register(replace(registration, training_key=f"{number:064}")) for number in range(11)]

    assert models.search(registration.name) == made


def test_versions_are_found_by_all_of_some_tags_whatever_their_model(models, registration, name):
    mark = f"mark of {name}"
    tagged = {"mark": mark, "site": "edge_site"}
    one = models.register(replace(registration, tags=tagged))
    other_site = models.register(
        replace(registration, training_key="6" * 64, tags={**tagged, "site": "other"})
    )
    other_model = models.register(replace(registration, name=f"{name}-b", tags=tagged))

    assert models.search(tags={"mark": mark}) == [one, other_site, other_model]
    assert models.search(tags=tagged) == [one, other_model]
    assert models.search(name, tagged) == [one]
    assert models.search(name, {"mark": "of nobody"}) == []
    assert models.search(f"{name}-c") == []


def test_versions_are_found_by_an_image_digest(models, registration):
    digest = {"image_digest": "sha256:" + "a1" * 32}
    version = models.set_tags(models.register(registration), digest)

    assert models.search(registration.name, digest) == [version]


def test_all_versions_of_all_models_are_found(models, registration):
    version = models.register(registration)

    assert version in models.search()


def test_another_training_of_the_same_model_is_another_version(models, registration):
    models.register(registration)

    second = models.register(Registration(registration.name, "6" * 64, registration.bundle))

    assert second.version == "2"
    assert models.find(registration.name, "6" * 64) == second


def test_new_tags_leave_the_others_as_they_are(models, registration):
    version = models.register(registration)

    changed = models.set_tags(version, {"image_digest": "sha256:1"})

    assert changed.tags == {**version.tags, "image_digest": "sha256:1"}
    assert models.get(version.name, version.version) == changed


def test_the_champion_is_the_version_promoted_last(models, registration):
    first = models.register(registration)
    second = models.register(Registration(registration.name, "6" * 64, registration.bundle))

    models.promote(first)
    assert models.champion(registration.name) == first
    models.promote(second)
    models.promote(second)
    assert models.champion(registration.name) == second


def test_a_version_gives_its_bundle_back_byte_for_byte(models, registration, tmp_path):
    version = models.register(registration)

    fetched = models.fetch(version, tmp_path / "another-worker")

    assert fetched.name == registration.bundle.name
    assert fetched.read_bytes() == registration.bundle.read_bytes()


def test_the_champion_goes_back_with_its_history(models, registration):
    """All of a deployment and a roll back, through whatever a registry makes of tags and aliases."""
    name, image = registration.name, {"image": f"host/edge/delay@sha256:{'1' * 64}"}
    place = Place("edge_site", "edge-service-delay", 18890)
    night, morning = (datetime(2013, 2, 4, hour, tzinfo=UTC) for hour in (3, 8))
    models.register(replace(registration, tags={**registration.tags, **image}))
    models.register(replace(registration, tags={**registration.tags, **image}, training_key="6" * 64))
    for version, minute in (("1", 0), ("2", 1)):
        request = Request.of("deploy_delay", f"night-{version}", night.replace(minute=minute), None)
        promote(models, name, place, night.replace(minute=minute), Change(request, version))

    back = Request.of("deploy_delay", "manual", morning, "ada")
    decision = by_hand(models, name, PREVIOUS, back, print)
    promote(models, name, place, morning, decision.change(back))

    champion, given_up = models.champion(name), models.get(name, "2")
    assert champion.version == "1"
    assert (periods(champion.tags)[-1].began, periods(champion.tags)[-1].until) == (
        Change(back, "1", True),
        "",
    )
    assert periods(given_up.tags)[-1].ended == Change(back, "1", True)
    assert champion.tags["state"] == given_up.tags["state"] == "registered"
