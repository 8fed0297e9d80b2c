"""Airflow's own triggerer without its database: the same two processes, pipes and log files, but triggers
come from the benchmark and events go to it.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, cast

import psutil
import structlog
from airflow.executors.workloads.task import TaskInstanceDTO
from airflow.executors.workloads.trigger import RunTrigger
from airflow.jobs.triggerer_job_runner import TriggerLoggingFactory, TriggerRunnerSupervisor
from airflow.models.trigger import Trigger

from benchmarks.context import RUN_ID
from benchmarks.worker import PROCESSES

CAPACITY = 1000
START_LIMIT_S = 60
STOP_LIMIT_S = 30
OWN_LOG = "triggerer.log"


class WithoutDatabase(TriggerRunnerSupervisor):
    """Airflow's supervisor of triggers; what it would read and write in the database comes through a pipe."""

    client_end: Connection

    def load_triggers(self) -> None:
        """Take the triggers that the benchmark asks for."""
        while self.client_end.poll():
            command = self.client_end.recv()
            if command is None:
                self.stop = True
            else:
                self.watch(*command)

    def watch(self, number: int, trigger: tuple[str, dict[str, Any]], log_path: str) -> None:
        """Run a trigger and write what it says to a file."""
        classpath, kwargs = trigger
        task = TaskInstanceDTO(
            id=uuid.uuid4(),
            task_id=f"train_model_{number}",
            dag_id="benchmark",
            run_id=RUN_ID,
            try_number=1,
            dag_version_id=uuid.uuid4(),
            pool_slots=1,
            priority_weight=1,
        )
        self.logger_cache[number] = TriggerLoggingFactory(log_path=log_path, ti=cast(Any, task))
        encrypted = Trigger.encrypt_kwargs(kwargs)
        self.creating_triggers.append(
            RunTrigger(id=number, classpath=classpath, encrypted_kwargs=encrypted, ti=task)
        )

    def on_trigger_event(self, trigger_id: int, event: Any) -> None:
        """Tell the benchmark."""
        self.client_end.send((trigger_id, event.payload))

    def on_trigger_failure(self, trigger_id: int, exc: list[str] | None) -> None:
        """Tell the benchmark."""
        self.client_end.send((trigger_id, {"failed": "".join(exc or ["no event"])}))

    def heartbeat(self) -> None:
        """Nobody waits for it."""

    def clean_unused(self) -> None:
        """There is no table to clean."""

    def emit_metrics(self) -> None:
        """Nobody collects them."""


@dataclass
class Triggerer:
    """A running triggerer, as the benchmark sees it.

    Attributes:
        connection: The pipe to it.
        pids: Its two processes.
        log_dir: Where its log files are.
        events: What triggers have fired, by their number.
    """

    connection: Connection
    pids: tuple[int, int]
    log_dir: Path
    events: dict[int, Any] = field(default_factory=dict)
    _triggers: int = 0

    def watch(self, trigger: tuple[str, dict[str, Any]]) -> tuple[int, Path]:
        """Run a trigger; gives its number and its log file."""
        self._triggers += 1
        log_path = f"trigger-{self._triggers}.log"
        self.connection.send((self._triggers, trigger, str(self.log_dir / log_path)))
        return self._triggers, self.log_dir / log_path

    def fired(self, number: int) -> Any:
        """What a trigger has fired; None as long as it has not."""
        while self.connection.poll():
            trigger, payload = self.connection.recv()
            self.events[trigger] = payload
        return self.events.get(number)

    def cpu_s(self) -> float:
        """CPU seconds that both processes have used."""
        times = [psutil.Process(pid).cpu_times() for pid in self.pids]
        return sum(used.user + used.system for used in times)


@contextmanager
def triggerer(log_dir: Path, variables: Mapping[str, str]) -> Iterator[Triggerer]:
    """A triggerer of its own."""
    ours, theirs = PROCESSES.Pipe()
    process = PROCESSES.Process(target=_serve, args=(theirs, log_dir, variables))
    process.start()
    try:
        if not ours.poll(START_LIMIT_S):
            raise TimeoutError(f"The triggerer did not start; it said: {(log_dir / OWN_LOG).read_text()}")
        yield Triggerer(ours, ours.recv(), log_dir)
    finally:
        ours.send(None)
        process.join(STOP_LIMIT_S)
        if process.is_alive():
            process.terminate()


def _serve(client_end: Connection, log_dir: Path, variables: Mapping[str, str]) -> None:
    """The supervisor's process, until it is told to stop."""
    os.environ.update(variables)
    with (log_dir / OWN_LOG).open("wb") as own_log:
        for standard in (1, 2):
            os.dup2(own_log.fileno(), standard)
    logger = structlog.get_logger(logger_name="triggerer")
    supervisor = WithoutDatabase.start(job=None, capacity=CAPACITY, logger=logger)
    supervisor.client_end = client_end
    client_end.send((os.getpid(), supervisor.pid))
    try:
        supervisor.run()
    finally:
        supervisor.kill(escalation_delay=5, force=True)
