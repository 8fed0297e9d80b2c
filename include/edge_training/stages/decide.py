"""decide_rollout: which version is to serve, that of a training's event or the one that somebody has named.

What was asked for last serves, so a run that is tried or cleared later never takes it back unnoticed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal, cast, get_args

from edge_training.deployments import Change, Request, last_period, line
from edge_training.errors import BadRequest, ModelRegistryRefused
from edge_training.ports.model_registry import (
    STATE_REGISTERED,
    STATE_TAG,
    VERDICT_TAG,
    ModelRegistry,
    ModelVersion,
)
from edge_training.stages.push import IMAGE_TAG

Policy = Literal["newer", "always", "never"]
PREVIOUS: Final = "previous"
"""What somebody asks for who does not name a version."""
PARTITION_TAG = "partition"
MOST_NAMED = 5


@dataclass(frozen=True)
class Decision:
    """What is to be rolled out.

    Attributes:
        model_name: The model.
        model_version: The version that is to serve.
        image: Its serving image by digest.
        trained_by: The run that made it.
        is_rollback: Whether a version is given up for one that served before it.
        instead_of: The image that must serve now, as the version before it was asked for; empty when it does
            not matter.
    """

    model_name: str
    model_version: str
    image: str
    trained_by: str
    is_rollback: bool = False
    instead_of: str = ""

    def change(self, request: Request) -> Change:
        """What the versions say of it."""
        return Change(request, self.model_version, self.is_rollback)


def policy_of(requested: str, is_backfill: bool) -> Policy:
    """What a run's `deploy` parameter means: by itself, a backfill deploys nothing, any other run what is
    newer.

    Raises:
        BadRequest: There is no such policy.
    """
    if requested == "auto":
        return "never" if is_backfill else "newer"
    for policy in get_args(Policy):
        if policy == requested:
            return cast("Policy", policy)
    raise BadRequest(f"deploy={requested!r} is no policy; use auto, {', '.join(get_args(Policy))}.")


def of_event(registry: ModelRegistry, event: Mapping[str, Any], request: Request) -> Decision | str:
    """What a training's event asks for, or why that is not rolled out.

    Args:
        registry: Where the versions are.
        event: What push_image has written.
        request: This run.

    Raises:
        ModelRegistryRefused: The version may not serve.
    """
    champion = registry.champion(event["model_name"])
    if reason := reason_to_skip(event["deploy"], event["partition"], champion):
        return reason
    version = deployable(registry, event["model_name"], event["model_version"])
    if reason := given_up(version) or overtaken(version, champion, request):
        return reason
    return _decision(version)


def reason_to_skip(policy: str, partition: str, champion: ModelVersion | None) -> str | None:
    """Why a policy does not roll a version out, or None when it does.

    Args:
        policy: `newer`, `always` or `never`.
        partition: The version's partition.
        champion: What serves now.
    """
    if policy == "never":
        return (
            "The training run asked for no deployment; train with deploy=newer or deploy=always, or start "
            "this DAG with its version."
        )
    if policy == "newer" and champion is not None and partition < champion.tags.get(PARTITION_TAG, ""):
        return (
            f"The champion, version {champion.version}, was trained for the newer partition "
            f"{champion.tags[PARTITION_TAG]}; train with deploy=always, or start this DAG with the older "
            "version, to go back."
        )
    return None


def given_up(version: ModelVersion) -> str | None:
    """Why a training cannot bring a version back: somebody has rolled back from it."""
    last = last_period(version)
    if last is None or not last.ended.is_rollback:
        return None
    return (
        f"Version {version.version} of {version.name} was given up by {last.ended.by_whom}, who rolled back; "
        f"train another one, or start this DAG with version={version.version} to let it serve again."
    )


def overtaken(version: ModelVersion, champion: ModelVersion | None, request: Request) -> str | None:
    """Why a run may no longer let a version serve: the champion was asked for later, and is not older; or a
    roll back that was asked for later has given the version up.
    """
    if champion is None or champion.version == version.version:
        return None
    gone, present = last_period(version), last_period(champion)
    if gone is not None and gone.ended.is_rollback and gone.ended.request.asked > request.asked:
        return given_up(version)
    if present is None or present.began.request.asked <= request.asked:
        return None
    if version.tags.get(PARTITION_TAG, "") > champion.tags.get(PARTITION_TAG, ""):
        return None
    return (
        f"The champion, version {champion.version} of {champion.name}, was asked for later than this run, by "
        f"{present.began.by_whom}; start this DAG with version={version.version} if it is still wanted."
    )


def current(registry: ModelRegistry, name: str, number: str, request: Request) -> ModelVersion:
    """The version that a run lets serve, if its decision still holds: a cleared task may carry it out days
    later.

    Args:
        registry: Where the versions are.
        name: The model's name.
        number: The version's number.
        request: The run.

    Raises:
        ModelRegistryRefused: The registry no longer has the version, or it may not serve.
        BadRequest: Another one was asked for later; nothing is changed.
    """
    version = deployable(registry, name, number)
    if reason := overtaken(version, registry.champion(name), request):
        raise BadRequest(reason)
    return version


def by_hand(
    registry: ModelRegistry, name: str, wanted: str, request: Request, say: Callable[[str], object]
) -> Decision:
    """The version that somebody has named, or the one that served before the champion.

    Args:
        registry: Where the versions are.
        name: The model's name.
        wanted: A version's number, or `previous`.
        request: This run.
        say: Takes what is passed over.

    Raises:
        BadRequest: There is no such version, or the champion has changed since it was asked for.
        ModelRegistryRefused: The version may not serve.
    """
    versions, champion = registry.search(name), registry.champion(name)
    if wanted == PREVIOUS:
        return _previous(versions, champion, name, request, say)
    if not wanted.isdecimal():
        raise BadRequest(
            f"version={wanted!r} is no version; use {PREVIOUS}, or a number{_such_as(versions)}."
        )
    version = current(registry, name, wanted.lstrip("0") or "0", request)
    return _decision(version, is_rollback=version.version in _before(versions, champion))


def _previous(
    versions: Sequence[ModelVersion],
    champion: ModelVersion | None,
    name: str,
    request: Request,
    say: Callable[[str], object],
) -> Decision:
    """One step back along the line, over what may no longer serve."""
    if champion is None:
        raise BadRequest(f"{name} has no champion to go back from; name a version{_such_as(versions)}.")
    known = {version.version: version for version in versions}
    present = known[served[-1]] if (served := line(versions)) else champion
    last = last_period(present)
    if last is not None and last.began.request == request:
        return _decision(present, is_rollback=last.began.is_rollback)  # what this run has begun, it ends
    _require_settled(present, champion)
    _require_seen(champion, request)
    for number in reversed(_before(versions, champion)):
        if (objection := why_not(known[number])) is None:
            return _decision(known[number], True, champion.tags.get(IMAGE_TAG, ""))
        say(f"Version {number} of {name} {objection} and is passed over.")
    raise BadRequest(
        f"No version of {name} that may serve has served before version {champion.version}, the champion; "
        f"name one{_such_as([version for version in versions if version != champion])}."
    )


def _before(versions: Sequence[ModelVersion], champion: ModelVersion | None) -> list[str]:
    """Who served before the champion, the last one last."""
    served = line(versions)
    if champion is None or champion.version not in served:
        return served
    return served[: served.index(champion.version)]


def _require_settled(present: ModelVersion, champion: ModelVersion) -> None:
    if present.version == champion.version:
        return
    last = last_period(present)
    run = last.began.request.run if last else ""
    raise BadRequest(
        f"The history says that version {present.version} of {present.name} serves, and the champion is "
        f"version {champion.version}: a change has stopped half-way; clear promote_champion in "
        f"{run or 'the run that began it'}, or name the version that is to serve."
    )


def _require_seen(champion: ModelVersion, request: Request) -> None:
    """Who asks for the version before means before the champion of that moment."""
    last = last_period(champion)
    if last is None or datetime.fromisoformat(last.since) <= datetime.fromisoformat(request.asked):
        return
    raise BadRequest(
        f"Version {champion.version} of {champion.name} became the champion after this run was asked for, by "
        f"{last.began.by_whom}; start this DAG again if you want to go back from that one."
    )


def why_not(version: ModelVersion) -> str | None:
    """Why a version may not serve, as the rest of a sentence that begins with it."""
    state = version.tags.get(STATE_TAG, "unfinished")
    if state != STATE_REGISTERED:
        verdict = version.tags.get(VERDICT_TAG)
        return f"is {state} ({verdict})" if verdict else f"is {state}"
    return None if version.tags.get(IMAGE_TAG) else "has no image"


def deployable(registry: ModelRegistry, name: str, number: str) -> ModelVersion:
    """A version that may serve.

    Raises:
        ModelRegistryRefused: The registry does not have it, it is not registered, or it has no image.
    """
    found = registry.get(name, number)
    if found is None:
        raise ModelRegistryRefused(
            f"The model registry has no version {number} of {name}; name another one, or train the partition "
            "again."
        )
    if objection := why_not(found):
        raise ModelRegistryRefused(
            f"Version {number} of {name} {objection} and may not be the champion; deploy another one, or run "
            "its training again to the end, with other gates if it was rejected."
        )
    return found


def _decision(version: ModelVersion, is_rollback: bool = False, instead_of: str = "") -> Decision:
    tags = version.tags
    return Decision(
        version.name,
        version.version,
        tags[IMAGE_TAG],
        f"{tags.get('dag_id', '')}/{tags.get('run_id', '')}".strip("/"),
        is_rollback,
        instead_of,
    )


def _such_as(versions: Sequence[ModelVersion]) -> str:
    """Versions that may serve, the newest few, as the end of a sentence."""
    numbers = [version.version for version in versions if why_not(version) is None][-MOST_NAMED:]
    return f", such as {', '.join(numbers)}" if numbers else "; none is registered yet, train one"
