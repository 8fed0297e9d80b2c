"""What may be thrown away: first of all, what may not."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from edge_training.errors import BadRequest
from edge_training.identity import CACHE_VOLUME, container_name, set_aside_name
from edge_training.ports.site_inventory import SiteContainer, SiteImage, SiteVolume
from edge_training.stages.retention import (
    JobFacts,
    RetentionPolicy,
    image_changes,
    may_go,
    own_volume,
    surplus_forwarders,
    surplus_jobs,
    surplus_trainings,
    surplus_volumes,
    unreadable_volumes,
)

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
POLICY = RetentionPolicy(keep_jobs=2, keep_failures_days=14, keep_images=1, min_age_hours=12)
FREE = JobFacts(run_unfinished=False, watched_elsewhere=False)


def job(number: int, days: float, step: str = "train", model: str = "m", **changes: object) -> SiteContainer:
    """A job that ended well some days ago."""
    key = f"{number:064x}"[::-1]
    name = container_name(step, key)
    ended = NOW - timedelta(days=days)
    made = SiteContainer(
        id=f"id-{step}-{number}",
        name=name,
        status="exited",
        exit_code=0,
        labels={"step": step, "key": key, "model": model},
        created=ended - timedelta(minutes=5),
        finished=ended,
        volumes=frozenset({name}),
    )
    return replace(made, **changes)


def surplus(*containers: SiteContainer, policy: RetentionPolicy = POLICY) -> list[SiteContainer]:
    return surplus_jobs(containers, policy, NOW)


def test_the_latest_successes_of_each_model_and_step_stay():
    jobs = [job(number, days=number) for number in (3, 1, 4, 2)]
    others = [job(5, days=5, step="export"), job(6, days=6, model="other")]
    assert {found.id for found in surplus(*jobs, *others)} == {"id-train-3", "id-train-4"}


def test_nothing_young_goes_however_little_is_to_be_kept():
    nothing = replace(POLICY, keep_jobs=0, keep_failures_days=0)
    young = job(1, days=0.4)
    failed = job(2, days=0.4, exit_code=1)
    never_started = job(3, days=0.4, status="created", finished=None)
    assert surplus(young, failed, never_started, policy=nothing) == []
    assert surplus(job(4, days=0.6), policy=nothing) != []


def test_what_runs_stays_however_old():
    assert (
        surplus(job(1, days=400, status="running", finished=None), policy=replace(POLICY, keep_jobs=0)) == []
    )


@pytest.mark.parametrize("bad_end", [{"exit_code": 1}, {"exit_code": 143}, {"status": "dead"}])
def test_failures_stay_their_days_and_take_no_ones_place(bad_end):
    failures = [job(number, days=number, **bad_end) for number in (1, 5, 13)]
    successes = [job(20, days=20), job(21, days=21)]
    assert surplus(*failures, *successes) == []
    assert surplus(job(15, days=15, **bad_end)) != []


def test_what_was_set_aside_is_a_failure_even_with_exit_code_0():
    """Its result could not be read."""
    odd = job(1, days=13, name=set_aside_name("edge-train-1", 1))
    assert surplus(odd, policy=replace(POLICY, keep_jobs=0)) == []


def test_a_container_that_never_started_goes():
    assert surplus(job(1, days=1, status="created", finished=None)) != []


@pytest.mark.parametrize("status", ["created", "running"])
def test_an_input_of_a_job_that_has_not_ended_stays(status):
    trained = job(1, days=100, exit_code=1)
    evaluation = job(2, days=0, step="evaluate", status=status, finished=None)
    evaluation = replace(evaluation, volumes=frozenset({evaluation.name, own_volume(trained)}))
    assert surplus(trained, evaluation) == []
    assert surplus(trained, replace(evaluation, status="exited", finished=NOW)) == [trained]


def test_what_was_set_aside_stays_while_its_successor_runs_on_the_same_volume():
    failed = job(1, days=100, exit_code=1)
    successor = replace(failed, id="new", status="running", finished=None)
    assert surplus(replace(failed, name=set_aside_name(failed.name, 1)), successor) == []


@pytest.mark.parametrize("status", ["created", "running", "exited"])
def test_a_training_stays_as_long_as_any_later_step_mounts_its_volume(status):
    """Without its container nobody could tell whether the log in that volume has a copy."""
    trained = job(1, days=100, exit_code=1)
    set_aside = replace(trained, id="old", name=set_aside_name(trained.name, 1))
    evaluation = job(2, days=50, step="evaluate", status=status)
    evaluation = replace(evaluation, volumes=frozenset({evaluation.name, own_volume(trained)}))
    assert surplus_trainings([trained, set_aside, evaluation], POLICY, NOW) == []
    assert surplus_trainings([trained, set_aside], POLICY, NOW) == [trained, set_aside]


def test_only_trainings_own_a_log():
    jobs = [job(1, days=100, exit_code=1), job(2, days=100, step="export", exit_code=1)]
    assert surplus_trainings(jobs, POLICY, NOW) == jobs[:1]


@pytest.mark.parametrize("role", ["service", "storage-forwarder", "storage-network"])
def test_services_and_forwarders_are_no_jobs(role):
    assert surplus(job(1, days=400, labels={"role": role}), policy=replace(POLICY, keep_jobs=0)) == []


def test_what_nobody_needs_may_go():
    assert may_go(job(1, days=1), FREE, POLICY, NOW)


def test_what_an_unfinished_run_has_to_do_with_stays_however_old():
    assert not may_go(job(1, days=400), replace(FREE, run_unfinished=True), POLICY, NOW)


def test_another_airflows_claim_counts_as_long_as_a_failure_is_kept():
    claimed = replace(FREE, watched_elsewhere=True)
    assert not may_go(job(1, days=13, step="export"), claimed, POLICY, NOW)
    assert may_go(job(1, days=15, step="export"), claimed, POLICY, NOW)


@pytest.mark.parametrize(
    "values", [{"keep_jobs": -1}, {"keep_failures_days": -1}, {"keep_images": -1}, {"min_age_hours": 0}]
)
def test_a_policy_that_keeps_too_little_is_refused(values):
    with pytest.raises(BadRequest, match=next(iter(values))):
        RetentionPolicy(**values)


def volume(days: float = 1, **changes: object) -> SiteVolume:
    made = SiteVolume(
        "edge-export-1", {"role": "job-volume"}, created=NOW - timedelta(days=days), in_use=False
    )
    return replace(made, **changes)


def test_a_job_volume_that_nobody_mounts_goes():
    assert surplus_volumes([volume()], POLICY, NOW) == [volume()]


@pytest.mark.parametrize(
    "kept",
    [
        volume(in_use=True),
        volume(days=0.1),
        volume(name=CACHE_VOLUME, labels={"role": "cache"}),
        volume(labels={"step": "train"}),
    ],
)
def test_volumes_in_use_young_ones_and_the_cache_stay(kept):
    assert surplus_volumes([kept], POLICY, NOW) == []
    assert unreadable_volumes([kept], POLICY, NOW) == []


def test_a_trainings_volume_whose_container_somebody_removed_stays_and_is_known():
    """It may hold the only copy of the raw log."""
    training = volume(days=400, name=container_name("train", "1" * 64))
    assert surplus_volumes([training, volume()], POLICY, NOW) == [volume()]
    assert unreadable_volumes([training, volume()], POLICY, NOW) == [training]


def forwarder(number: int, days: float) -> SiteContainer:
    return SiteContainer(
        id=f"forwarder-{number}",
        name=f"edge-storage-{number}",
        status="running",
        exit_code=0,
        labels={"role": "storage-forwarder"},
        created=NOW - timedelta(days=days),
        addresses=frozenset({f"10.0.0.{number}"}),
    )


def gone(*containers: SiteContainer) -> list[str]:
    return [found.id for found in surplus_forwarders(containers, POLICY, NOW)]


def test_old_forwarders_go_and_the_newest_stays():
    assert gone(forwarder(1, days=30), forwarder(2, days=20), forwarder(3, days=10)) == [
        "forwarder-1",
        "forwarder-2",
    ]


@pytest.mark.parametrize("status", ["created", "running"])
def test_a_forwarder_that_a_job_leads_through_stays(status):
    waiting = job(1, days=5, status=status, finished=None, peers=frozenset({"10.0.0.1"}))
    assert gone(forwarder(1, days=30), forwarder(2, days=1), waiting) == []


def test_a_forwarder_that_was_led_through_not_long_ago_stays():
    assert gone(forwarder(1, 30), forwarder(2, 1), job(1, days=0.1, peers=frozenset({"10.0.0.1"}))) == []
    assert gone(forwarder(1, 30), forwarder(2, 1), job(1, days=1, peers=frozenset({"10.0.0.1"}))) != []


def test_a_young_forwarder_stays():
    assert gone(forwarder(1, days=0.2), forwarder(2, days=0.1)) == []


def image(number: int, hours_unused: float | None, model: str = "m", **changes: object) -> SiteImage:
    since = None if hours_unused is None else NOW - timedelta(hours=hours_unused)
    made = SiteImage(
        f"sha256:{number}", {"model": model}, (f"registry/m@sha256:{number}",), False, False, since
    )
    return replace(made, **changes)


def ids(images: tuple[SiteImage, ...]) -> list[str]:
    return [found.id.removeprefix("sha256:") for found in images]


def test_an_image_that_is_found_unused_is_only_marked():
    """It may have been pulled a moment ago, for a container that is about to be created."""
    changes = image_changes([image(1, None), image(2, None)], POLICY, NOW)
    assert ids(changes.mark_unused) == ["1", "2"]
    assert changes.remove == ()


def test_an_image_goes_when_it_was_unused_for_long_and_is_not_among_the_latest():
    images = [image(1, 100), image(2, 50), image(3, 200), image(4, 300, model="other")]
    assert ids(image_changes(images, POLICY, NOW).remove) == ["1", "3"]


def test_an_image_that_was_unused_only_for_a_while_stays():
    assert image_changes([image(1, 11), image(2, 1)], POLICY, NOW).remove == ()


def test_an_image_that_is_used_again_loses_its_mark_and_stays():
    changes = image_changes([image(1, 100, in_use=True), image(2, 50)], POLICY, NOW)
    assert ids(changes.mark_used) == ["1"]
    assert changes.remove == ()


def test_an_image_that_somebody_gave_a_name_is_left_alone():
    changes = image_changes([image(1, 100, named=True), image(2, None, named=True), image(3, 1)], POLICY, NOW)
    assert (changes.remove, changes.mark_unused) == ((), ())
