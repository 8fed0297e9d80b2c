"""A version whose tags are not those that were written together shows no state."""

from __future__ import annotations

import pytest

from edge_training.adapters.mlflow.seal import SEAL_TAG, seal, unsealed

TAGS = {"partition": "2013-02-01", "verdict": "passed", "bundle_digest": "d" * 64}
FINISHED = {**TAGS, **seal(TAGS, "registered"), "state": "registered"}


def test_what_was_written_together_has_its_state_and_shows_no_seal():
    assert unsealed(FINISHED) == {**TAGS, "state": "registered"}


def test_tags_that_came_later_break_no_seal():
    assert unsealed({**FINISHED, "image": "host/a@sha256:1"})["state"] == "registered"


@pytest.mark.parametrize(
    "changed",
    [
        {"verdict": "failed"},
        {"state": "rejected"},
        seal({**TAGS, "verdict": "failed"}, "registered"),
        seal(TAGS, "rejected"),
        {SEAL_TAG: "no JSON"},
        {SEAL_TAG: "[]"},
        {SEAL_TAG: "{}"},
    ],
)
def test_what_was_not_written_together_is_unfinished(changed):
    mixed = {**FINISHED, **changed}
    assert unsealed(mixed) == {name: mixed[name] for name in TAGS}


def test_a_tag_that_is_missing_makes_a_version_unfinished():
    assert "state" not in unsealed({name: value for name, value in FINISHED.items() if name != "verdict"})


def test_the_state_of_a_version_without_a_seal_counts():
    assert unsealed({"state": "registered"}) == {"state": "registered"}
