"""Runs the steps of a start side by side, each as soon as what it needs is there."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass

from local_site.progress import Progress


@dataclass(frozen=True)
class Step:
    """One step of a start.

    Attributes:
        name: What it does, as shown to the user.
        run: Does it.
        after: Names of steps that must be done before.
    """

    name: str
    run: Callable[[], object]
    after: tuple[str, ...] = ()


def run_steps(steps: Sequence[Step], progress: Progress) -> None:
    """Run all steps.

    Raises:
        Exception: The first failure; steps already running are waited for, others are not begun.
    """
    waiting = {step.name: step for step in steps}
    done: set[str] = set()
    running: dict[Future[object], Step] = {}
    with ThreadPoolExecutor(max_workers=len(steps)) as pool:
        while waiting or running:
            for step in [step for step in waiting.values() if done.issuperset(step.after)]:
                running[pool.submit(_timed, step, progress)] = waiting.pop(step.name)
            if not running:
                raise ValueError(f"Steps wait for steps that do not exist: {sorted(waiting)}.")
            finished, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in finished:
                step = running.pop(future)
                future.result()
                done.add(step.name)


def _timed(step: Step, progress: Progress) -> None:
    started = time.monotonic()
    try:
        step.run()
    except Exception:
        progress.failed(step.name)
        raise
    progress.done(step.name, time.monotonic() - started)
