"""Which version serves next: that of a training, the one before, or the one that somebody names."""

from __future__ import annotations

from contextlib import suppress

import pytest
from tests.fakes.crashing import Crash, Crashing
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

from edge_training.deployments import Change, begun, line
from edge_training.errors import BadRequest, EdgeError, ModelRegistryRefused
from edge_training.ports.model_registry import STATE_TAG, ModelVersion
from edge_training.stages import decide
from edge_training.stages.decide import Decision

NOON, EVENING = 12, 20


@pytest.fixture
def models(tmp_path) -> InMemoryModelRegistry:
    """Versions 1, 2 and 3 have served one after the other; 3 is the champion."""
    return served_in_turn(tmp_path, 3)


def by_hand(models, wanted: str, day: int = 3, hour: int = NOON, said: list | None = None) -> Decision:
    say = (said if said is not None else []).append
    return decide.by_hand(models, "delay", wanted, request(day, hour, "ada"), say)


def go_back(models, day: int = 3, hour: int = NOON) -> str:
    """One action of somebody, to its end; gives the version that serves then."""
    decision = by_hand(models, "previous", day, hour)
    serve(models, decision.model_version, request(day, hour, "ada"), moment(day, hour), decision.is_rollback)
    return decision.model_version


def of_event(models, version: str, day: int, hour: int = 0, deploy: str = "newer") -> Decision | str:
    event = {"model_name": "delay", "model_version": version, "deploy": deploy}
    event |= {"partition": models.get("delay", version).tags["partition"], "image": image(version)}
    return decide.of_event(models, event, request(day, hour))


@pytest.mark.parametrize(
    ("requested", "is_backfill", "policy"),
    [
        ("auto", False, "newer"),
        ("auto", True, "never"),
        ("newer", True, "newer"),
        ("always", True, "always"),
        ("never", False, "never"),
    ],
)
def test_backfills_deploy_only_when_asked(requested, is_backfill, policy):
    assert decide.policy_of(requested, is_backfill) == policy


def test_a_policy_nobody_knows_is_refused():
    with pytest.raises(BadRequest, match="use auto, newer, always, never"):
        decide.policy_of("sometimes", is_backfill=False)


CHAMPION = ModelVersion("delay", "4", {"partition": "2013-02-02"}, "run", "source")


@pytest.mark.parametrize(
    ("policy", "partition", "champion", "sentence"),
    [
        ("never", "2013-02-03", None, "asked for no deployment"),
        ("newer", "2013-02-01", CHAMPION, "version 4, was trained for the newer partition 2013-02-02"),
        ("newer", "2013-02-02", CHAMPION, None),
        ("newer", "2013-02-03", CHAMPION, None),
        ("newer", "2013-02-03", None, None),
        ("newer", "2013-02-03", ModelVersion("delay", "1", {}, "run", "source"), None),
        ("always", "2013-02-01", CHAMPION, None),
    ],
)
def test_only_what_is_not_older_than_the_champion_is_rolled_out(policy, partition, champion, sentence):
    reason = decide.reason_to_skip(policy, partition, champion)
    assert reason is None if sentence is None else sentence in reason


def test_the_version_of_a_training_is_deployed_with_its_image(models):
    assert of_event(models, "3", day=4) == Decision("delay", "3", image("3"), "train_delay/night-3")


def test_going_back_puts_the_version_before_the_champion_into_its_place(models):
    assert by_hand(models, "previous") == Decision(
        "delay", "2", image("2"), "train_delay/night-2", True, image("3")
    )


def test_going_back_again_goes_further_back_and_never_to_what_was_given_up(models):
    assert [go_back(models, hour=hour) for hour in (9, 10)] == ["2", "1"]
    with pytest.raises(BadRequest, match="has served before version 1, the champion; name one, such as 2, 3"):
        go_back(models, hour=11)


def test_what_is_named_may_be_what_was_given_up_and_going_back_from_it_is_one_step(models):
    go_back(models, hour=9)

    decision = by_hand(models, "3", hour=10)
    assert (decision.model_version, decision.is_rollback) == ("3", False)
    serve(models, "3", request(3, 10, "ada"), moment(3, 10))

    assert go_back(models, hour=11) == "2"


def test_naming_a_version_that_served_before_gives_up_all_after_it(models):
    decision = by_hand(models, "1")
    assert (decision.is_rollback, decision.instead_of) == (True, "")
    serve(models, "1", request(3, NOON, "ada"), moment(3, NOON), decision.is_rollback)

    with pytest.raises(BadRequest, match="No version of delay that may serve has served before version 1"):
        by_hand(models, "previous", hour=EVENING)


def test_naming_a_version_that_never_served_gives_up_nothing(tmp_path):
    models = trained(tmp_path, 3)
    serve(models, "2", request(2), moment(2, NIGHT))
    assert by_hand(models, "1").is_rollback is False
    assert by_hand(models, "3").is_rollback is False


def test_naming_the_champion_deploys_it_again(models):
    assert by_hand(models, "3") == Decision("delay", "3", image("3"), "train_delay/night-3")


@pytest.mark.parametrize(
    ("tags", "said"), [({STATE_TAG: "rejected"}, "is rejected"), ({"image": ""}, "has no image")]
)
def test_what_may_not_serve_is_passed_over_and_said(models, tags, said):
    models.set_tags(models.get("delay", "2"), tags)
    told: list[str] = []
    assert by_hand(models, "previous", said=told).model_version == "1"
    assert told == [f"Version 2 of delay {said} and is passed over."]


def test_a_version_that_was_deleted_is_passed_over(models):
    models.delete(models.get("delay", "2"))
    assert by_hand(models, "previous").model_version == "1"


@pytest.mark.parametrize(
    ("wanted", "kind", "sentence"),
    [
        ("9", ModelRegistryRefused, "no version 9 of delay; name another one, or train the partition again"),
        ("latest", BadRequest, "version='latest' is no version; use previous, or a number, such as 1, 2, 3"),
        ("-1", BadRequest, "version='-1' is no version"),
    ],
)
def test_a_version_that_is_none_is_refused_with_those_that_there_are(models, wanted, kind, sentence):
    with pytest.raises(kind, match=sentence):
        by_hand(models, wanted)


@pytest.mark.parametrize(
    ("tags", "objection"),
    [
        ({STATE_TAG: "rejected", "verdict": "mae is 20.5"}, r"is rejected \(mae is 20\.5\)"),
        ({"image": ""}, "has no image"),
    ],
)
def test_a_named_version_that_may_not_serve_is_refused(models, tags, objection):
    models.set_tags(models.get("delay", "2"), tags)
    with pytest.raises(ModelRegistryRefused, match=f"Version 2 of delay {objection} and may not be the"):
        by_hand(models, "2")


def test_a_version_whose_registration_has_not_ended_is_unfinished():
    assert (
        decide.why_not(ModelVersion("delay", "1", {"image": image("1")}, "run", "source")) == "is unfinished"
    )


def test_a_model_without_a_champion_has_nothing_to_go_back_from(tmp_path):
    with pytest.raises(
        BadRequest, match=r"delay has no champion to go back from; name a version, such as 1\.$"
    ):
        by_hand(trained(tmp_path, 1), "previous")
    with pytest.raises(BadRequest, match="name a version; none is registered yet, train one"):
        by_hand(InMemoryModelRegistry(), "previous")


def test_a_champion_without_a_history_has_nothing_before_it(tmp_path):
    """Say, it was made champion in the registry's own pages."""
    models = trained(tmp_path, 2)
    models.promote(models.get("delay", "2"))
    with pytest.raises(BadRequest, match="has served before version 2, the champion; name one, such as 1"):
        by_hand(models, "previous")


def test_a_second_click_does_not_go_a_step_further(models):
    """Both saw version 3 serve; the second run waited until the first had ended."""
    go_back(models, hour=MORNING)
    with pytest.raises(BadRequest, match="became the champion after this run was asked for, by ada in "):
        by_hand(models, "previous", hour=7)


def test_going_back_from_a_champion_that_nobody_has_seen_is_refused(models):
    """Version 2 was meant: the nightly deployment of version 3 ran when this was asked for."""
    with pytest.raises(BadRequest, match="Version 3 of delay became the champion after this run was asked"):
        by_hand(models, "previous", hour=1)


def test_a_run_that_has_gone_back_goes_no_further_when_it_is_cleared(models):
    go_back(models)
    again = by_hand(models, "previous")
    assert (again.model_version, again.is_rollback) == ("2", True)


@pytest.mark.parametrize("calls", PROMOTION_CALLS)
def test_a_run_that_died_while_it_went_back_ends_it_when_all_of_it_is_cleared(models, calls):
    decision, by = by_hand(models, "previous"), request(3, NOON, "ada")
    with suppress(Crash):
        serve(Crashing(models, calls), decision.model_version, by, moment(3, NOON), decision.is_rollback)

    assert go_back(models) == "2"
    assert models.champion("delay").version == "2"
    assert line(models.search("delay")) == ["1", "2"]


def test_a_run_that_has_gone_back_is_refused_when_it_is_cleared_after_another_change(models):
    go_back(models, hour=MORNING)
    serve(models, "3", request(3, NOON, "ada"), moment(3, NOON))
    for wanted in ("previous", "2"):
        with pytest.raises(BadRequest, match="by ada in deploy_delay/run-3-12; start this DAG"):
            by_hand(models, wanted, hour=MORNING)


def test_a_change_that_stopped_half_way_is_ended_before_somebody_goes_back(tmp_path):
    """Version 3 serves, and its run has died before the champion was moved."""
    models = trained(tmp_path, 3)
    for number in (1, 2):
        serve(models, str(number), request(number), moment(number, NIGHT))
    third = models.get("delay", "3")
    models.set_tags(third, begun(third.tags, PLACE, moment(3, NIGHT), Change(request(3), "3")))

    with pytest.raises(BadRequest) as caught:
        by_hand(models, "previous")
    assert str(caught.value) == (
        "The history says that version 3 of delay serves, and the champion is version 2: a change has "
        "stopped half-way; clear promote_champion in deploy_delay/run-3-0, or name the version that is to "
        "serve."
    )
    assert by_hand(models, "2").model_version == "2"


@pytest.mark.parametrize("deploy", ["newer", "always"])
def test_a_training_never_brings_back_what_was_given_up(models, deploy):
    given_up(models, "3", "2", day=3)
    assert of_event(models, "3", day=4, deploy=deploy) == (
        "Version 3 of delay was given up by ada in deploy_delay/run-3-8, who rolled back; train another one, "
        "or start this DAG with version=3 to let it serve again."
    )


def test_a_new_training_is_deployed_after_a_roll_back(tmp_path):
    models = trained(tmp_path, 4)
    for number in (2, 3):
        serve(models, str(number), request(number), moment(number, NIGHT))
    given_up(models, "3", "2", day=3)
    assert of_event(models, "4", day=4).model_version == "4"


def test_what_was_given_up_and_named_again_is_a_version_like_others(models):
    given_up(models, "3", "2", day=3)
    serve(models, "3", request(4, user="ada"), moment(4, NIGHT))
    assert of_event(models, "3", day=5).model_version == "3"


@pytest.mark.parametrize("version", ["1", "2"])
def test_an_old_run_that_is_cleared_takes_nothing_back(models, version):
    """Its policy lets every version serve, but the champion was asked for later."""
    assert of_event(models, version, day=int(version), deploy="always") == (
        "The champion, version 3 of delay, was asked for later than this run, by deploy_delay/run-3-0; start "
        f"this DAG with version={version} if it is still wanted."
    )


def test_an_old_run_that_is_cleared_may_bring_what_is_newer(tmp_path):
    """Its deployment failed while the site was away; an older partition was deployed meanwhile."""
    models = trained(tmp_path, 2)
    serve(models, "1", request(4, user="ada"), moment(4, NIGHT))
    assert of_event(models, "2", day=2).model_version == "2"


@pytest.mark.parametrize("day", [3, 4])
def test_a_decision_is_carried_out_unless_something_was_asked_for_later(models, day):
    """The third task of an old run is cleared by itself."""
    if day == 4:
        assert decide.current(models, "delay", "2", request(day)) == models.get("delay", "2")
        return
    with pytest.raises(BadRequest, match="was asked for later than this run"):
        decide.current(models, "delay", "2", request(2))


def test_a_decision_for_what_was_given_up_later_is_not_carried_out(models):
    """The roll-out of version 3 is cleared by itself, after somebody has gone back from it."""
    given_up(models, "3", "2", day=3)
    with pytest.raises(EdgeError, match="was given up by ada"):
        decide.current(models, "delay", "3", request(3))
    assert decide.current(models, "delay", "3", request(4)) == models.get("delay", "3")
