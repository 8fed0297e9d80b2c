"""The lives of the trainings' containers: every start and every end, as Docker told them.

A container that is started again lives twice, so ends are counted, not containers. Docker tells nothing of an
end that its own daemon did not see; what is left on the site then speaks for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations

STARTED, ENDED = "start", "die"


@dataclass(frozen=True)
class Left:
    """How a container that does not run was found.

    Attributes:
        exit_code: Its exit code.
        finished_ns: When it ended, in nanoseconds since 1970.
    """

    exit_code: int
    finished_ns: int


@dataclass
class Life:
    """From a container's start to its end.

    Attributes:
        container: Its id.
        began_ns: In nanoseconds since 1970.
        ended_ns: None while no end was seen.
        exit_code: None likewise.
    """

    container: str
    began_ns: int
    ended_ns: int | None = None
    exit_code: int | None = None


class History:
    """All lives, by the key of their training."""

    def __init__(self) -> None:
        self._lives: dict[str, list[Life]] = {}
        self._taken: set[tuple[str, str, int]] = set()

    def take(self, key: str, container: str, action: str, time_ns: int, exit_code: int | None) -> None:
        """Note an event; one that Docker tells again, after a break, counts once."""
        event = (container, action, time_ns)
        if event in self._taken:
            return
        self._taken.add(event)
        lives = self._lives.setdefault(key, [])
        last = next((life for life in reversed(lives) if life.container == container), None)
        if action == STARTED:
            lives.append(Life(container, time_ns))
        elif action == ENDED and last is not None and last.ended_ns is None:
            last.ended_ns, last.exit_code = time_ns, exit_code

    def lives(self, key: str, left: Mapping[str, Left] | None = None) -> list[Life]:
        """The lives of a training's containers; an end that was not seen is taken from what was left.

        Args:
            key: The training.
            left: Its containers that do not run, by id.
        """
        known = [Life(**vars(life)) for life in self._lives.get(key, [])]
        newest = {life.container: life for life in known}
        for container, found in (left or {}).items():
            life = newest.get(container)
            if life is not None and life.ended_ns is None:
                life.ended_ns, life.exit_code = found.finished_ns, found.exit_code
            elif life is None or life.exit_code != found.exit_code:
                known.append(Life(container, found.finished_ns, found.finished_ns, found.exit_code))
        return known


def ended_well(lives: list[Life]) -> int:
    """How many of these lives ended with 0, two of the same container included."""
    return sum(life.exit_code == 0 for life in lives)


def at_once(lives: list[Life]) -> bool:
    """Whether two containers ever ran at the same time."""
    spans = [(life.container, life.began_ns, end_of(life, lives)) for life in lives]
    return any(
        one != other and began < other_ended and other_began < ended
        for (one, began, ended), (other, other_began, other_ended) in combinations(spans, 2)
    )


def end_of(life: Life, lives: list[Life]) -> float:
    """When a life ended; at the latest when its container was started again."""
    if life.ended_ns is not None:
        return life.ended_ns
    later = [one.began_ns for one in lives if one.container == life.container]
    return min((began for began in later if began > life.began_ns), default=float("inf"))
