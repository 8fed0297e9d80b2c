"""What a fault has come to for the peer, held against the same end as ours: one completed training, or one
clear error and nothing left running.

Where ours must not use up a retry, the peer may: it does not promise that, and its tries stand in its row.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from tests.chaos.faults.log import LINES, NUMBERED
from tests.chaos.logs import LAST_LINE
from tests.chaos.scene import Scene
from tests.chaos.verdict import Verdict, left_running

DELETED = "deleted"


@dataclass(frozen=True)
class PeerVerdict(Verdict):
    """One row of the peer's table.

    Attributes:
        as_it_should: Whether the fault ended as it should.
        started: How many containers of that training were ever started.
        running_at_end: How many of them ran at the moment the task had ended.
        left_running: How many ran even after the time in which ours must have been stopped.
        state: The task's state; `deleted` with its run, `never ended` when the suite had to end it.
        last_line_shown: Whether the task's log has the script's last line; None when it never got there.
        lines_shown: Share of the script's numbered lines in the task's log; None when it printed none.
    """

    as_it_should: bool
    started: int
    running_at_end: int
    left_running: int
    state: str
    last_line_shown: bool | None
    lines_shown: float | None

    @property
    def good(self) -> bool:
        """Whether the fault ended as it should."""
        return self.as_it_should


@dataclass(frozen=True)
class Seen:
    """What was seen of a scene whose runs are over.

    Attributes:
        states: Of the task in each run.
        well: How often a container ended with 0.
        at_once: Whether two containers ran at the same time.
        running_at_end: How many ran when the runs were over.
        left: How many ran long after.
        error: What the task says about its failure.
        names_cause: Whether its log says what the fault was.
        last_line_shown: Whether its log has the script's last line.
        lines_shown: Share of the numbered lines.
    """

    states: tuple[str, ...]
    well: int
    at_once: bool
    running_at_end: int
    left: int
    error: str
    names_cause: bool
    last_line_shown: bool | None
    lines_shown: float | None


def judge(scene: Scene, weights: set[str], reference: str, seconds: float, missed: str) -> PeerVerdict:
    """Hold a scene whose runs are over against what should have come of it.

    Args:
        scene: The scene.
        weights: SHA-256 of the weights that its tries have saved.
        reference: That of the undisturbed run; empty when this is that run.
        seconds: How long it took.
        missed: Why the fault could not be injected, or that the runs did not end.
    """
    at_end = len(scene.engine.running(dag_id=scene.dag_id))
    seen = look(scene, at_end)
    stop_what_is_left(scene)
    tries = scene.tries()
    wrong = [*not_as_it_should(seen, must_complete=scene.fault.completes), *scene.wrong]
    if missed and not scene.given_up:
        wrong = [f"not hit: {missed}", *wrong]
    elif tries is not None and tries < scene.fault.tries[0]:
        wrong = [f"not hit: try {tries} was the last one", *wrong]
    equal = weights == {reference} if weights and reference else None
    if equal is False:
        wrong.append("the weights differ from those of an undisturbed run")
    fault = scene.fault
    return PeerVerdict(
        fault.name,
        fault.step,
        fault.point,
        "; ".join(wrong) or as_expected(scene, seen, tries),
        seen.well,
        None,
        equal,
        round(seconds, 1),
        tries,
        as_it_should=not wrong,
        started=scene.engine.trainings_started(scene.nonce),
        running_at_end=seen.running_at_end,
        left_running=seen.left,
        state=" and ".join(seen.states),
        last_line_shown=seen.last_line_shown,
        lines_shown=seen.lines_shown,
    )


def unjudged(scene: Scene, seconds: float) -> PeerVerdict:
    """The row of a scene that could not be played to its end."""
    fault, outcome = scene.fault, f"not measured: {'; '.join(scene.wrong)}"
    row = (fault.name, fault.step, fault.point, outcome, 0, None, None, round(seconds, 1), None)
    return PeerVerdict(*row, False, 0, 0, 0, "unknown", None, None)


def look(scene: Scene, running_at_end: int) -> Seen:
    """See what has come of a scene; waits for the end of what still runs, as long as for ours."""
    left = len(left_running(scene))
    entries = log_entries(scene)
    text = "\n".join(said(entry) for entry in entries)
    well = scene.engine.trainings_that_ended_well(scene.nonce)
    numbers = set(NUMBERED.findall(text.encode()))
    return Seen(
        states=task_states(scene),
        well=well,
        at_once=scene.engine.trainings_at_once(scene.nonce),
        running_at_end=running_at_end,
        left=left,
        error=error_of(entries),
        names_cause=names_cause(scene, entries),
        last_line_shown=LAST_LINE in text if well else None,
        lines_shown=len(numbers) / LINES if scene.fault.params.get("log_mb") else None,
    )


def names_cause(scene: Scene, entries: list[dict[str, Any]]) -> bool:
    """Whether a log says what the fault was; the names of the run and of its job, and its command, do not."""
    _, _, token = scene.nonce.rpartition("-")
    told = [said(entry) for entry in entries if token not in said(entry)]
    return bool(re.search(scene.fault.fails_with, "\n".join(told)))


def not_as_it_should(seen: Seen, *, must_complete: bool) -> list[str]:
    """What is wrong, in words for a reader who knows neither operator."""
    wrong = wrong_end(seen) if must_complete else wrong_failure(seen)
    if seen.at_once:
        wrong.append("two containers trained at the same time")
    if seen.left:
        wrong.append("a container still runs" if seen.left == 1 else f"{seen.left} containers still run")
    if must_complete and seen.last_line_shown is False:
        wrong.append("the log lacks the last line")
    if seen.lines_shown is not None and seen.lines_shown < 1:
        wrong.append(f"the log shows {seen.lines_shown:.1%} of the lines and does not say so")
    return wrong


def as_expected(scene: Scene, seen: Seen, tries: int | None) -> str:
    """The words for a good end."""
    if scene.fault.completes or DELETED in seen.states:
        return "as it should"
    return f"failed as it should, after {tries} tries" if (tries or 0) > 1 else "failed as it should"


def wrong_end(seen: Seen) -> list[str]:
    """What is wrong with a scene that should have completed."""
    wrong = []
    failed = [state for state in seen.states if state != "success"]
    if seen.well > 1:
        wrong.append(f"the training ran to its end {seen.well} times")
    if failed:
        how = "never ended" if failed[0] == "never ended" else f"failed ({seen.error})"
        wrong.append(f"{how} though the training had finished" if seen.well else how)
    elif not seen.well:
        wrong.append("succeeded, though no training finished")
    return wrong


def wrong_failure(seen: Seen) -> list[str]:
    """What is wrong with a scene that should have failed."""
    wrong = []
    if "success" in seen.states:
        wrong.append("succeeded")
    if seen.well:
        wrong.append("the training ran on to its end, though nobody waited for it")
    elif not seen.names_cause and DELETED not in seen.states:
        wrong.append(f"failed without a word of the cause ({seen.error})")
    return wrong


def stop_what_is_left(scene: Scene) -> None:
    """Kill what still runs, so that it disturbs no other fault."""
    for container in scene.engine.containers(dag_id=scene.dag_id):
        if container.status == "running":
            scene.engine.kill(container.id)


def task_states(scene: Scene) -> tuple[str, ...]:
    """The task's state in each run."""
    if scene.given_up:
        return ("never ended",)
    known = scene.known_runs()
    return tuple(
        str(scene.api.task(scene.dag_id, run_id, "train_model")["state"]) if run_id in known else DELETED
        for run_id in scene.runs
    )


def log_entries(scene: Scene) -> list[dict[str, Any]]:
    """The log of the last try in the first run; empty when the run is gone."""
    if scene.runs[0] not in scene.known_runs():
        return []
    return scene.api.log(scene.dag_id, scene.runs[0], scene.task("train_model"))


def said(entry: dict[str, Any]) -> str:
    """What an entry of a log says, its exception included."""
    return "\n".join([str(entry.get("event", "")), *exceptions(entry)])


def exceptions(entry: dict[str, Any]) -> list[str]:
    """The exceptions that an entry carries, as `Type: sentence`."""
    return [f"{one['exc_type']}: {one['exc_value']}" for one in entry.get("error_detail") or []]


def error_of(entries: list[dict[str, Any]]) -> str:
    """The last thing a log calls an error, on one line."""
    for entry in reversed(entries):
        if entry.get("level") in ("error", "critical"):
            return (exceptions(entry) or [str(entry.get("event", ""))])[-1].splitlines()[0]
    return "without an error in its log"
