"""A process as an Airflow worker makes one for each task: everything is imported, nothing is connected, and
what the task says goes to a file.
"""

from __future__ import annotations

import asyncio
import inspect
import multiprocessing
import os
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from airflow.sdk import BaseOperator
from airflow.sdk.exceptions import TaskDeferred
from airflow.sdk.log import configure_logging

from benchmarks.context import task_context

PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(["benchmarks.ours", "benchmarks.peer", "benchmarks.triggerer"])


@dataclass(frozen=True)
class Executed:
    """How a task's first process ended.

    Attributes:
        began_at: When `execute` was called, in seconds since 1970.
        trigger: What it deferred to, as Airflow stores it; None when it did all itself.
    """

    began_at: float
    trigger: tuple[str, dict[str, Any]] | None


@contextmanager
def task_process(
    log_file: Path, variables: Mapping[str, str], work: Callable[..., Any], *arguments: Any
) -> Iterator[Future[Any]]:
    """Do work in a fresh process; asynchronous work in an event loop."""
    with ProcessPoolExecutor(1, PROCESSES) as pool:
        yield pool.submit(_in_task_process, log_file, variables, work, *arguments)


def executed(make: Callable[..., BaseOperator], *arguments: Any) -> Executed:
    """Call `execute` of the operator; to be run in a process of its own."""
    operator, context = make(*arguments), task_context()
    began_at = time.time()
    try:
        operator.execute(context)
    except TaskDeferred as deferred:
        return Executed(began_at, deferred.trigger.serialize())
    return Executed(began_at, None)


def _in_task_process(
    log_file: Path, variables: Mapping[str, str], work: Callable[..., Any], *arguments: Any
) -> Any:
    os.environ.update(variables)
    with log_file.open("ab", buffering=0) as output:
        configure_logging(json_output=True, output=output)
        result = work(*arguments)
        return asyncio.run(result) if inspect.iscoroutine(result) else result
