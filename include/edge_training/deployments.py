"""Where and when a model version has served: periods in one tag of it, the last of which may go on."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final

from edge_runner.protocol import canonical_json

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
class Period:
    """A time in which it served there.

    Attributes:
        place: Where.
        since: When it became the champion, ISO 8601 in UTC.
        until: When another one did; empty while it serves.
    """

    place: Place
    since: str
    until: str = ""


def periods(tags: Mapping[str, str]) -> list[Period]:
    """The periods of a version, oldest first; none where its tag makes no sense."""
    try:
        told = json.loads(tags.get(DEPLOYMENTS_TAG, "[]"))
        return [_period(**one) for one in told]
    except (ValueError, TypeError):
        return []


def begun(tags: Mapping[str, str], place: Place, now: datetime) -> dict[str, str]:
    """The tag of a version that serves there from now on, or goes on to."""
    found = periods(tags)
    if found and not found[-1].until and found[-1].place == place:
        return _tag(found)
    return _tag([*_ended(found, now), Period(place, _moment(now))])


def ended(tags: Mapping[str, str], now: datetime) -> dict[str, str]:
    """The tag of a version that no longer serves."""
    return _tag(_ended(periods(tags), now))


def _ended(found: list[Period], now: datetime) -> list[Period]:
    return [one if one.until else replace(one, until=_moment(now)) for one in found]


def _tag(found: list[Period]) -> dict[str, str]:
    told = [asdict(one.place) | {"since": one.since, "until": one.until} for one in found[-MOST_PERIODS:]]
    return {DEPLOYMENTS_TAG: canonical_json(told).decode()}


def _period(site: Any, service: Any, host_port: Any, since: Any, until: Any) -> Period:
    return Period(Place(str(site), str(service), int(host_port)), str(since), str(until))


def _moment(time: datetime) -> str:
    return time.astimezone(UTC).isoformat(timespec="seconds")
