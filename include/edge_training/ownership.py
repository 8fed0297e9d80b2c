"""Who watches a job: one record on the site for every try of every task that does.

A container's labels are fixed when it is created, but a job may be adopted by another run, another try of the
same task, or another Airflow. So each watcher leaves a small root-owned file in the job's volume, out of the
job's own reach, that nobody else ever writes. Of a task's tries only the newest counts. A job is stopped when
its last watcher gives it up, and never while somebody else waits for its result.

A record that a power cut has torn is no record; whoever watches the job writes its own again.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Any

from edge_runner.protocol import JOB_VOLUME_DIR, canonical_json
from edge_training.errors import DiskFull, SiteNotReady
from edge_training.identity import digest_of_json
from edge_training.ports.edge_host import EdgeHost

OWNERS_NAME = "owners"


@dataclass(frozen=True)
class Owner:
    """One try of one task of one Airflow.

    Attributes:
        deployment: Which Airflow, so that two of them can share a site.
        dag_id: The DAG.
        run_id: Its run.
        task_id: The task.
        map_index: Of a mapped task; -1 otherwise.
        try_number: Which try of it, for people: a run that was deleted and made again counts anew.
        attempt: Airflow's own id of this try, a UUID of version 7: those of later tries sort behind it.
    """

    deployment: str
    dag_id: str
    run_id: str
    task_id: str
    map_index: int
    try_number: int
    attempt: str

    def __str__(self) -> str:
        return f"try {self.try_number} of {self.task_id} in {self.run_id} of {self.dag_id}"

    @property
    def task_name(self) -> str:
        """Names the task, the same for all its tries, in 20 characters."""
        return digest_of_json([self.deployment, self.dag_id, self.run_id, self.task_id, self.map_index])[:20]

    @property
    def record_name(self) -> str:
        """The file of this try's record."""
        return f"{self.task_name}.{self.attempt}.json"


@dataclass(frozen=True)
class Record:
    """What the site knows of one watcher.

    Attributes:
        owner: The watcher.
        released: Whether it has given the job up.
    """

    owner: Owner
    released: bool

    def encoded(self) -> bytes:
        """The record as it lies on the site."""
        return canonical_json({"owner": asdict(self.owner), "released": self.released})


def decoded(raw: bytes) -> Record | None:
    """A record as it lay on the site; None for one that cannot be read."""
    try:
        content: Mapping[str, Any] = json.loads(raw)
        return Record(Owner(**content["owner"]), bool(content["released"]))
    except (ValueError, LookupError, TypeError):
        return None


async def claim(host: EdgeHost, job_name: str, owner: Owner) -> None:
    """Record that `owner` watches the job; an earlier try of its task no longer does."""
    await _write(host, job_name, Record(owner, released=False))


async def records(host: EdgeHost, job_name: str) -> list[Record]:
    """The newest record of each task that ever watched the job, those that have given it up included."""
    files = await host.read_directory(job_name, f"{JOB_VOLUME_DIR}/{OWNERS_NAME}")
    found = [record for _, raw in sorted(files.items()) if (record := decoded(raw))]
    in_order = sorted(found, key=lambda record: record.owner.attempt)
    return list({record.owner.task_name: record for record in in_order}.values())


async def watchers(host: EdgeHost, job_name: str) -> list[Owner]:
    """Everybody who watches the job now."""
    return [record.owner for record in await records(host, job_name) if not record.released]


async def watches(host: EdgeHost, job_name: str, owner: Owner) -> bool:
    """Whether `owner`, this very try, still watches the job."""
    return owner in await watchers(host, job_name)


async def has_given_up(host: EdgeHost, job_name: str, owner: Owner) -> bool:
    """Whether `owner` was released, or its task has a newer try; a record that is missing says neither."""
    found = [one for one in await records(host, job_name) if one.owner.task_name == owner.task_name]
    return any(one.owner.attempt > owner.attempt or (one.owner == owner and one.released) for one in found)


async def release(host: EdgeHost, job_name: str, owner: Owner) -> bool:
    """Give the job up; tells whether nobody watches it any more.

    The record is written before the others are read. So of two watchers that leave at the same time, at least
    one sees that both have gone. A try whose task has a newer one gives up nothing: a cleared task's old
    trigger is told to kill only after the new try has adopted the job. A disk that takes no record must not
    keep a job running.
    """
    if not await watches(host, job_name, owner):
        return False
    with suppress(DiskFull, SiteNotReady):
        await _write(host, job_name, Record(owner, released=True))
    return not [other for other in await watchers(host, job_name) if other != owner]


async def _write(host: EdgeHost, job_name: str, record: Record) -> None:
    path = f"{OWNERS_NAME}/{record.owner.record_name}"
    await host.write_file(job_name, JOB_VOLUME_DIR, path, record.encoded())
