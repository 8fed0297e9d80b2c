"""What Docker says: the containers of a run, and everything that happened to them, as it happens.

Docker keeps few past events and none over its own end, so a thread listens all the time and listens again
after each break.
"""

from __future__ import annotations

import io
import tarfile
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import docker
import requests
from docker.errors import APIError, DockerException, NotFound
from tests.chaos import events
from tests.chaos.events import History, Left, Life

from edge_training.identity import LABEL_PREFIX
from local_site.errors import LocalSiteError

LISTEN_PAUSE_S = 0.5
CALL_LIMIT_S = 30
ANSWER_LIMIT_S = 60
"""A daemon that was killed on purpose is back by then."""
CLEAR_TRIES = 20
LAST_LINES = 200


def label(labels: dict[str, str], name: str) -> str:
    """One of our labels; empty when it is not there."""
    return labels.get(f"{LABEL_PREFIX}.{name}", "")


@dataclass(frozen=True)
class Watched:
    """A container as the suite sees it; `finished_ns` is when it ended last."""

    id: str
    name: str
    status: str
    exit_code: int
    labels: dict[str, str]
    finished_ns: int = 0


@dataclass(frozen=True)
class Watch:
    """Something to do at once when an event comes.

    Attributes:
        action: `create`, `start` or `die`.
        step: The step whose container it is.
        dag_id: The DAG that asked for it.
        react: What to do with the container's id.
        done: Set when it was done.
    """

    action: str
    step: str
    dag_id: str
    react: Callable[[str], object]
    done: threading.Event = field(default_factory=threading.Event)

    def fits(self, action: str, labels: dict[str, str]) -> bool:
        """Whether this is the event."""
        return (action, label(labels, "step"), label(labels, "dag_id")) == (
            self.action,
            self.step,
            self.dag_id,
        )


class Engine:
    """The site's Docker daemon.

    Args:
        socket: Its unix socket.
    """

    def __init__(self, socket: str) -> None:
        self._url = f"unix://{socket}"
        self.client = docker.DockerClient(base_url=self._url, timeout=CALL_LIMIT_S)
        self._watches: list[Watch] = []
        self._history = History()
        self._closed = threading.Event()
        threading.Thread(target=self._listen, daemon=True).start()

    def close(self) -> None:
        """Listen no more."""
        self._closed.set()
        self.client.close()

    def containers(self, step: str = "", **labels: str) -> list[Watched]:
        """Containers by their labels; a daemon that does not answer is asked again.

        Raises:
            LocalSiteError: It does not answer for long, which does not mean that there are none.
        """
        wanted = {"step": step, **labels} if step else labels
        filters = [f"{LABEL_PREFIX}.{name}={value}" for name, value in wanted.items()]
        deadline = time.monotonic() + ANSWER_LIMIT_S
        while True:
            try:
                found = self.client.api.containers(all=True, filters={"label": filters})
                shown = [self._shown(entry["Id"]) for entry in found]
                return [container for container in shown if container is not None]
            except (DockerException, requests.RequestException) as error:
                if time.monotonic() > deadline:
                    raise LocalSiteError(f"Docker of the chaos site does not answer: {error}") from error
            time.sleep(LISTEN_PAUSE_S)

    def _shown(self, container_id: str) -> Watched | None:
        try:
            shown = self.client.api.inspect_container(container_id)
        except NotFound:
            return None
        state = shown["State"]
        name, labels = shown["Name"].removeprefix("/"), shown["Config"]["Labels"] or {}
        return Watched(
            shown["Id"],
            name,
            state["Status"],
            state["ExitCode"],
            labels,
            nanoseconds(state["FinishedAt"]),
        )

    def trainings_that_ended_well(self, training_key: str) -> int:
        """How often a container of this training ended with 0."""
        return events.ended_well(self._lives(training_key))

    def trainings_at_once(self, training_key: str) -> bool:
        """Whether two containers of this training ever ran at the same time."""
        return events.at_once(self._lives(training_key))

    def training_starts(self, training_key: str) -> int:
        """How often a container of this training was started."""
        return len(self._lives(training_key))

    def trainings_started(self, training_key: str) -> int:
        """How many containers of this training have ever been started."""
        return len({life.container for life in self._lives(training_key)})

    def _lives(self, training_key: str) -> list[Life]:
        found = self.containers("train", key=training_key)
        left = {one.id: Left(one.exit_code, one.finished_ns) for one in found if one.status == "exited"}
        return self._history.lives(training_key, left)

    def running(self, **labels: str) -> list[str]:
        """Names of the containers that run."""
        return [found.name for found in self.containers(**labels) if found.status == "running"]

    def kill(self, container_id: str) -> None:
        """SIGKILL to a container, from outside; one that has ended is none to kill."""
        try:
            self.client.api.kill(container_id, "SIGKILL")
        except APIError:
            return

    def logs(self, container_id: str) -> bytes:
        """What a container has printed last; nothing while the daemon does not answer."""
        try:
            return bytes(self.client.api.logs(container_id, tail=LAST_LINES))
        except (DockerException, requests.RequestException):
            return b""

    def file(self, container_id: str, path: str) -> bytes | None:
        """A file of a container, whether it runs or not; None when there is none."""
        try:
            chunks, _ = self.client.api.get_archive(container_id, path)
        except NotFound:
            return None
        with tarfile.open(fileobj=io.BytesIO(b"".join(chunks))) as archive:
            member = archive.next()
            content = archive.extractfile(member) if member else None
            return content.read() if content else None

    def mount(self, container_id: str, destination: str) -> Path:
        """Where on this machine a container's volume lies."""
        mounts = self.client.api.inspect_container(container_id)["Mounts"]
        return Path(next(mount["Source"] for mount in mounts if mount["Destination"] == destination))

    def when(self, watch: Watch) -> Watch:
        """React once, at once, when this event comes."""
        self._watches.append(watch)
        return watch

    def clear(self) -> None:
        """Remove all containers and volumes; the engine is the suite's own.

        Raises:
            LocalSiteError: Something makes new ones all the time.
        """
        for _ in range(CLEAR_TRIES):
            for container in self.client.containers.list(all=True, ignore_removed=True):
                with suppress(APIError):  # a task that was just ended may be removing it
                    container.remove(force=True)
            for volume in self.client.volumes.list():
                with suppress(APIError):  # a container that came meanwhile uses it; the next round has both
                    volume.remove(force=True)
            if not self.client.volumes.list():
                return
            time.sleep(LISTEN_PAUSE_S)
        raise LocalSiteError("Docker of the chaos site cannot be emptied; run `make down` and begin again.")

    def _listen(self) -> None:
        since = time.time()
        while not self._closed.is_set():
            try:
                client = docker.DockerClient(base_url=self._url, timeout=None)
                for event in client.events(decode=True, since=int(since), filters={"type": "container"}):
                    since = event["timeNano"] / 1e9
                    self._take(event)
            except (DockerException, requests.RequestException, ValueError):
                pass  # the daemon is down: that is what this suite is about
            time.sleep(LISTEN_PAUSE_S)

    def _take(self, event: dict[str, Any]) -> None:
        action, attributes = event["Action"], event["Actor"]["Attributes"]
        container_id = event["Actor"]["ID"]
        if label(attributes, "step") == "train":
            code = attributes.get("exitCode")
            self._history.take(
                label(attributes, "key"),
                container_id,
                action,
                event["timeNano"],
                None if code is None else int(code),
            )
        for watch in [watch for watch in self._watches if watch.fits(action, attributes)]:
            self._watches.remove(watch)
            watch.react(container_id)
            watch.done.set()


def nanoseconds(stamp: str) -> int:
    """Nanoseconds since 1970 of one of Docker's times; its year 1 stands for never."""
    moment = datetime.fromisoformat(stamp)
    return 0 if moment.year == 1 else int(moment.timestamp() * 1e9)
