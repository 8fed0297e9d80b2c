"""Where and when a model version has served, and why: periods in one tag of it, the last of which may go on.

A change of the champion is written to both versions, that which begins to serve and that which ends. The line
of those that served before is made from the periods of all versions, so there is no second record of it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final

from edge_runner.protocol import canonical_json
from edge_training.ports.model_registry import ModelVersion

DEPLOYMENTS_TAG: Final = "deployments"
MOST_PERIODS = 50
"""A tag has no room for all of them for ever: the oldest go."""


@dataclass(frozen=True)
class Place:
    """Where a version serves.

    Attributes:
        site: Name of the site.
        service: Name of the container.
        host_port: Port on the VM's loopback address.
    """

    site: str
    service: str
    host_port: int


@dataclass(frozen=True)
class Request:
    """The run that wants another version to serve.

    Attributes:
        run: Its DAG and its id.
        asked: When it was asked for, ISO 8601 in UTC; clearing it does not change that.
        user: Who asked; empty when a training did.
    """

    run: str = ""
    asked: str = ""
    user: str = ""

    @classmethod
    def of(cls, dag_id: str, run_id: str, asked: datetime, user: str | None) -> Request:
        """The request of a run."""
        moment = asked.astimezone(UTC).isoformat(timespec="microseconds")
        return cls(f"{dag_id}/{run_id}", moment, user or "")


@dataclass(frozen=True)
class Change:
    """Another version serves from a moment on.

    Attributes:
        request: Who wanted it.
        version: The one that serves then.
        is_rollback: Whether it was put back, and the other one given up.
    """

    request: Request = Request()
    version: str = ""
    is_rollback: bool = False

    @property
    def by_whom(self) -> str:
        """Who, for people."""
        user, run = self.request.user, self.request.run
        return f"{user} in {run}" if user else run


NOT_TOLD: Final = Change()
"""What versions say that served before changes were written down."""


@dataclass(frozen=True)
class Period:
    """A time in which it served there.

    Attributes:
        place: Where.
        since: When it became the champion, ISO 8601 in UTC.
        until: When another one did; empty while it serves.
        began: The change that let it serve.
        ended: The change that let another one serve.
    """

    place: Place
    since: str
    until: str = ""
    began: Change = NOT_TOLD
    ended: Change = NOT_TOLD


def periods(tags: Mapping[str, str]) -> list[Period]:
    """The periods of a version, oldest first; none where its tag makes no sense."""
    try:
        told = json.loads(tags.get(DEPLOYMENTS_TAG, "[]"))
        return [_period(**one) for one in told]
    except (ValueError, TypeError):
        return []


def last_period(version: ModelVersion) -> Period | None:
    """The newest period of a version; None where it has never served."""
    found = periods(version.tags)
    return found[-1] if found else None


def line(versions: Iterable[ModelVersion]) -> list[str]:
    """The versions that served one after the other, the present one last, each once.

    A roll back goes back along the line: what it gave up is no longer part of it.
    """
    told = [(one.since, found.version, one) for found in versions for one in periods(found.tags)]
    served: list[str] = []
    for _, version, period in sorted(told, key=lambda one: one[0]):
        if period.began.is_rollback and version in served:
            del served[served.index(version) + 1 :]
        else:
            served = [*(other for other in served if other != version), version]
    return served


def begun(
    tags: Mapping[str, str], place: Place, now: datetime, change: Change, goes_on: bool = True
) -> dict[str, str]:
    """The tag of a version that serves there from now on, or goes on to.

    Args:
        tags: The version's tags.
        place: Where it serves.
        now: The time.
        change: Why.
        goes_on: Whether a period that has not ended may be this one.
    """
    found = periods(tags)
    if goes_on and found and not found[-1].until and found[-1].place == place:
        return _tag(found)
    return _tag([*_ended(found, now, change), Period(place, _moment(now), began=change)])


def ended(tags: Mapping[str, str], now: datetime, change: Change) -> dict[str, str]:
    """The tag of a version that no longer serves."""
    return _tag(_ended(periods(tags), now, change))


def _ended(found: list[Period], now: datetime, change: Change) -> list[Period]:
    return [one if one.until else replace(one, until=_moment(now), ended=change) for one in found]


def _tag(found: list[Period]) -> dict[str, str]:
    return {DEPLOYMENTS_TAG: canonical_json([_told(one) for one in found[-MOST_PERIODS:]]).decode()}


def _told(period: Period) -> dict[str, Any]:
    changes = {"began": period.began, "ended": period.ended}
    told = {name: _flat(change) for name, change in changes.items() if change != NOT_TOLD}
    return asdict(period.place) | {"since": period.since, "until": period.until} | told


def _flat(change: Change) -> dict[str, Any]:
    return asdict(change.request) | {"version": change.version, "is_rollback": change.is_rollback}


def _period(
    site: Any,
    service: Any,
    host_port: Any,
    since: Any,
    until: Any,
    began: Mapping[str, Any] | None = None,
    ended: Mapping[str, Any] | None = None,
) -> Period:
    place = Place(str(site), str(service), int(host_port))
    return Period(place, str(since), str(until), _change(**(began or {})), _change(**(ended or {})))


def _change(
    run: Any = "", asked: Any = "", user: Any = "", version: Any = "", is_rollback: Any = False
) -> Change:
    return Change(Request(str(run), str(asked), str(user)), str(version), bool(is_rollback))


def _moment(time: datetime) -> str:
    return time.astimezone(UTC).isoformat(timespec="seconds")
