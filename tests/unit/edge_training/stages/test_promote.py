"""The champion moves once, with its history; a crash between any two calls is mended by the next try."""

from __future__ import annotations

from contextlib import suppress

import pytest
from tests.fakes.crashing import Crash, Crashing, Interrupted
from tests.fakes.model_registry import InMemoryModelRegistry
from tests.unit.edge_training.stages.served import (
    MORNING,
    NIGHT,
    PLACE,
    PROMOTION_CALLS,
    given_up,
    image,
    moment,
    request,
    serve,
    served_in_turn,
    trained,
)

from edge_training.deployments import Change, Period, last_period, line, periods
from edge_training.errors import BadRequest, JobInterrupted, ModelRegistryRefused
from edge_training.ports.model_registry import ModelVersion


@pytest.fixture
def models(tmp_path) -> InMemoryModelRegistry:
    """Versions 1 and 2 have served, 2 is the champion, 3 has never served."""
    found = trained(tmp_path, 3)
    for number in (1, 2):
        serve(found, str(number), request(number), moment(number, NIGHT))
    return found


def history(models: InMemoryModelRegistry, version: str) -> list[Period]:
    return periods(models.get("delay", version).tags)


def test_both_versions_say_where_they_serve_since_when_until_when_and_why(tmp_path):
    models = served_in_turn(tmp_path, 2)

    first, second = (Change(request(number), str(number)) for number in (1, 2))
    assert history(models, "1") == [
        Period(PLACE, "2013-02-01T03:00:00+00:00", "2013-02-02T03:00:00+00:00", first, second)
    ]
    assert history(models, "2") == [Period(PLACE, "2013-02-02T03:00:00+00:00", began=second)]
    assert models.champion("delay").version == "2"


def test_both_versions_say_that_it_was_a_roll_back_by_whom_and_in_which_run(models):
    given_up(models, "2", "1", day=2)

    back = Change(request(2, MORNING, "ada"), "1", is_rollback=True)
    assert history(models, "2")[-1].ended == back
    assert (history(models, "1")[-1].began, history(models, "1")[-1].until) == (back, "")
    assert back.by_whom == "ada in deploy_delay/run-2-8"


def test_no_promotion_makes_more_calls_than_the_tests_die_at(models):
    serve(Crashing(models, PROMOTION_CALLS[-1]), "1", request(3), moment(3, NIGHT))
    assert models.champion("delay").version == "1"


@pytest.mark.parametrize("calls", PROMOTION_CALLS)
@pytest.mark.parametrize(("version", "is_rollback"), [("3", False), ("1", True)])
def test_a_crash_between_any_two_calls_is_mended_by_the_next_try(models, calls, version, is_rollback):
    by = request(3)
    with suppress(Crash):
        serve(Crashing(models, calls), version, by, moment(3, NIGHT), is_rollback)
    assert models.champion("delay").version in ("2", version)

    serve(models, version, by, moment(3, MORNING), is_rollback)

    assert models.champion("delay").version == version
    assert [found.version for found in models.search("delay") if serving(found)] == [version]
    assert len(history(models, version)) == (2 if is_rollback else 1)
    assert history(models, "2")[-1].ended == history(models, version)[-1].began


@pytest.mark.parametrize("calls", PROMOTION_CALLS)
def test_whatever_a_crash_has_left_the_next_change_leaves_one_version_serving(models, calls):
    with suppress(Crash):
        serve(Crashing(models, calls), "3", request(3), moment(3, NIGHT))

    serve(models, "2", request(4, user="ada"), moment(4, MORNING))

    assert models.champion("delay").version == "2"
    assert [found.version for found in models.search("delay") if serving(found)] == ["2"]
    assert line(models.search("delay"))[-1] == "2"


@pytest.mark.parametrize("calls", PROMOTION_CALLS)
@pytest.mark.parametrize(("version", "is_rollback"), [("1", True), ("2", False), ("3", False)])
def test_two_changes_at_once_leave_one_version_serving_which_is_the_champion(
    models, calls, version, is_rollback
):
    """The later one begins and ends between two calls of the earlier one, as after a worker's silence."""

    def later() -> None:
        serve(models, version, request(3, MORNING, "ada"), moment(3, MORNING), is_rollback)

    with suppress(BadRequest, JobInterrupted):
        serve(Interrupted(models, calls, later), "3", request(3), moment(3, NIGHT))
    with suppress(BadRequest):
        serve(models, "3", request(3), moment(4, NIGHT))

    champion = models.champion("delay").version
    assert [found.version for found in models.search("delay") if serving(found)] == [champion]
    assert line(models.search("delay"))[-1] == champion


def serving(version: ModelVersion) -> bool:
    """Whether it says that it serves."""
    last = last_period(version)
    return last is not None and not last.until


def test_the_champion_deployed_again_goes_on_serving(models):
    before = history(models, "2")
    serve(models, "2", request(3), moment(3, NIGHT))
    assert history(models, "2") == before


def test_nothing_is_written_when_another_version_was_asked_for_later(models):
    before = models.search("delay")
    with pytest.raises(BadRequest, match="was asked for later than this run"):
        serve(models, "1", request(1), moment(3, NIGHT))
    assert models.search("delay") == before


def test_a_version_the_registry_no_longer_has_cannot_become_champion(models):
    with pytest.raises(ModelRegistryRefused, match="train the partition again"):
        serve(models, "9", request(3), moment(3, NIGHT))


@pytest.mark.parametrize(("tags", "state"), [({"state": "rejected"}, "rejected"), ({}, "unfinished")])
def test_a_version_that_may_not_serve_cannot_become_champion(tags, state):
    class OneVersion(InMemoryModelRegistry):
        def get(self, name, version):
            return ModelVersion(name, version, {"image": image("9"), **tags}, "run", "source")

    models = OneVersion()
    with pytest.raises(ModelRegistryRefused, match=f"Version 9 of delay is {state} and may not be"):
        serve(models, "9", request(3), moment(3, NIGHT))
    assert models.champion("delay") is None
