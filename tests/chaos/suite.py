"""Runs the faults: an undisturbed run first, then side by side what disturbs nobody else, then the rest one
after the other.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from docker.errors import DockerException
from httpx import HTTPError
from tests.chaos.api import ChaosApi, reached
from tests.chaos.engine import Engine
from tests.chaos.fault import Fault
from tests.chaos.line import Line, lay
from tests.chaos.project import write_project
from tests.chaos.report import UNDISTURBED
from tests.chaos.scene import PARTITION, MomentMissed, Scene
from tests.chaos.side import OURS, Side
from tests.chaos.site import ChaosSite
from tests.chaos.verdict import Verdict

from local_site import SiteInfo
from local_site.errors import LocalSiteError

SIDE_BY_SIDE = 5
PARSE_LIMIT_S = 180
HOUSEKEEPING = ("maintain_",)
SUITES_DAGS = ("train_chaos_", "deploy_chaos_", "train_peer_")


def undisturbed(scene: Scene) -> None:
    """Break nothing."""


REFERENCE = Fault(UNDISTURBED, "-", "nothing is broken", undisturbed)


@dataclass
class Suite:
    """The running site with a line for each fault.

    Attributes:
        site: The site.
        api: Airflow.
        engine: Docker.
        lines: Lines by name of the fault.
        side: Whose trainings are broken.
        references: SHA-256 of the weights of undisturbed runs, by partition.
    """

    site: ChaosSite
    api: ChaosApi
    engine: Engine
    lines: dict[str, Line]
    side: Side = OURS
    references: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._measuring = threading.RLock()

    def take_reference(self, partition: str = PARTITION) -> Verdict:
        """Run undisturbed; whoever needs the reference meanwhile waits for it.

        Raises:
            LocalSiteError: Even that does not complete.
        """
        with self._measuring:
            fault = replace(self.lines[REFERENCE.name].fault, partition=partition)
            scene, started = self.scene(fault), time.monotonic()
            missed = disturb(scene)
            verdict = self.side.judge(scene, "", time.monotonic() - started, missed)
            if not verdict.good:
                raise LocalSiteError(f"The undisturbed run did not complete: {verdict.outcome}")
            self.references[partition] = self.side.weights(scene)
        return replace(verdict, weights_sha256_equal=True)

    def reference(self, partition: str) -> str:
        """SHA-256 of the weights of an undisturbed run on this partition."""
        with self._measuring:
            if partition not in self.references:
                self.take_reference(partition)
            return self.references[partition]

    def play(self, faults: Sequence[Fault]) -> Iterator[Verdict]:
        """Verdicts as they come: first of the faults that run side by side, then of those that run alone."""
        together = [fault for fault in faults if not fault.alone]
        with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
            futures = [pool.submit(self.verdict, fault) for fault in together]
            for future in as_completed(futures):
                yield future.result()
        for fault in faults:
            if fault.alone:
                yield self.verdict(fault)
                self.site.up()

    def scene(self, fault: Fault) -> Scene:
        """A scene for a fault, its run not yet triggered."""
        nonce = f"{fault.name}-{secrets.token_hex(4)}"
        scene = Scene(fault, self.lines[fault.name], self.site, self.api, self.engine, nonce)
        scene.images_before = scene.images()
        scene.deployments_before = scene.deployments()
        return scene

    def verdict(self, fault: Fault) -> Verdict:
        """Trigger, break, wait, judge; nothing that goes wrong with one fault ends the suite."""
        scene, started = self.scene(fault), time.monotonic()
        try:
            missed = disturb(scene)
            seconds = time.monotonic() - started
            reference = self.reference(scene.partition) if fault.completes else ""
            return self.side.judge(scene, reference, seconds, missed)
        except (LocalSiteError, HTTPError, DockerException, OSError) as error:
            scene.wrong.append(f"{type(error).__name__}: {error}")
            return self.side.unjudged(scene, time.monotonic() - started)


def disturb(scene: Scene) -> str:
    """Trigger a scene's run, break what it breaks, and wait for the end; gives what was missed on the way."""
    missed = ""
    scene.trigger()
    try:
        scene.fault.inject(scene)
    except MomentMissed as error:
        missed = str(error)
    finally:
        for link in scene.line.links.values():
            link.restore()
    try:
        scene.until_over()
    except MomentMissed as error:
        scene.give_up()
        return missed or str(error)
    return missed


@contextmanager
def suite(site: ChaosSite, faults: Sequence[Fault], side: Side = OURS) -> Iterator[Suite]:
    """The site with Airflow running, told of every fault's line; links end with the block."""
    played = [replace(REFERENCE, side=side.name), *faults]
    write_project(
        site.settings.dags_dir.parent,
        site.settings.root,
        played,
        dag_file=side.dag_file,
        facts=side.facts(site),
        housekeeping=side.housekeeping,
    )
    site.restore_disks()
    info = site.up()
    laid = {fault.name: lay(fault, info, site.layout) for fault in played}
    api = ChaosApi(info.airflow_url, info.airflow_user, info.airflow_password)
    engine = Engine(info.docker_socket)
    try:
        if not side.housekeeping:
            end_runs(api, HOUSEKEEPING)
        announce(laid.values(), info, api, side)
        engine.clear()
        side.prepare(site)
        yield Suite(site, api, engine, laid, side)
    finally:
        engine.close()
        for line in laid.values():
            line.close()


def announce(laid: Collection[Line], info: SiteInfo, api: ChaosApi, side: Side = OURS) -> None:
    """Tell Airflow of the lines, and wait until it has parsed their DAGs."""
    for line in laid:
        side.announce(line, info, api)
    dag_ids = {dag_id for line in laid for dag_id in line.fault.dag_ids}
    reached(api, dag_ids, PARSE_LIMIT_S)
    end_runs(api, SUITES_DAGS)  # left by a suite that was interrupted
    for dag_id in sorted(dag_ids):
        api.unpause(dag_id)


def end_runs(api: ChaosApi, prefixes: tuple[str, ...]) -> None:
    """End all runs of DAGs whose names begin so."""
    for dag_id, run_id in api.unfinished(prefixes):
        api.mark_run_failed(dag_id, run_id)
