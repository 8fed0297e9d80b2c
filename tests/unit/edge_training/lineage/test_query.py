"""A question is a version, an image or a partition; anything else is answered with what to ask."""

from __future__ import annotations

import pytest
from tests.fakes.model_registry import InMemoryModelRegistry
from tests.unit.edge_training.lineage.versions import DIGESTS, three_versions

from edge_training.errors import BadRequest
from edge_training.lineage.query import answers


@pytest.fixture
def models(tmp_path) -> InMemoryModelRegistry:
    return three_versions(tmp_path)


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("flight_delay:1", [("1", False, "")]),
        ("flight_delay:3", [("3", True, "")]),
        ("flight_delay:champion", [("3", True, "")]),
        (DIGESTS["2"], [("2", False, "")]),
        (f"registry.test:5000/edge/flight_delay@{DIGESTS['3']}", [("3", True, "")]),
        ("2013-02-03", [("3", True, "evaluated on")]),
        ("2013-02-01", [("1", False, "evaluated on"), ("2", False, "trained on"), ("3", True, "trained on")]),
        ("2013-01-18", [("1", False, "trained on")]),
    ],
)
def test_every_version_that_belongs_to_it_answers(models, asked, found):
    told = [(answer.version.version, answer.is_champion, answer.use) for answer in answers(models, asked)]
    assert told == found


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        ("flight_delay", "'flight_delay' is no model version, image digest or partition; ask for one like"),
        ("flight_delay:latest", "is no model version"),
        ("sha256:12", "is no model version"),
        ("flight_delay:9", "no version 9 of flight_delay; ask for one of flight_delay:1, 2, 3"),
        ("delay:1", "no version 1 of delay; its models are flight_delay"),
        ("delay:champion", "delay has no champion; its models are flight_delay"),
        ("sha256:" + "9" * 64, "push_image has tagged"),
        ("2013-03-01", "No version was trained or evaluated on 2013-03-01"),
        ("2013-02-30", "'2013-02-30' is no day; ask for one like 2013-02-01"),
        ("2013-2-3", "'2013-2-3' is no day"),
    ],
)
def test_a_question_without_an_answer_names_the_remedy(models, asked, sentence):
    with pytest.raises(BadRequest) as caught:
        answers(models, asked)
    assert sentence in str(caught.value)


def test_a_registry_without_models_says_so():
    with pytest.raises(BadRequest, match="it has no model yet, train one"):
        answers(InMemoryModelRegistry(), "delay:1")
