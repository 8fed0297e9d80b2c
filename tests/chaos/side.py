"""Whose trainings are broken: ours, or those of a peer. All that the suite does differently for the two."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from tests.chaos import artifacts, line, verdict
from tests.chaos.api import ChaosApi
from tests.chaos.line import Line
from tests.chaos.project import DAG_FILE
from tests.chaos.scene import Scene
from tests.chaos.site import ChaosSite
from tests.chaos.verdict import Verdict

from local_site import SiteInfo


@dataclass(frozen=True)
class Side:
    """What belongs to one side.

    Attributes:
        name: As its faults have it.
        dag_file: The example's DAG file.
        housekeeping: Whether our housekeeping looks after the site.
        facts: What the DAG file is told beside the fault.
        prepare: Puts on the VM what must be there before a run.
        announce: Tells Airflow of a line.
        weights: SHA-256 of the weights that an undisturbed scene has left.
        judge: The verdict on a scene, by the reference's weights, its seconds, and what was missed.
        unjudged: The row of a scene that could not be played to its end.
    """

    name: str
    dag_file: str
    housekeeping: bool
    facts: Callable[[ChaosSite], Mapping[str, object]]
    prepare: Callable[[ChaosSite], None]
    announce: Callable[[Line, SiteInfo, ChaosApi], None]
    weights: Callable[[Scene], str]
    judge: Callable[[Scene, str, float, str], Verdict]
    unjudged: Callable[[Scene, float], Verdict]


OURS = Side(
    name="chaos",
    dag_file=DAG_FILE,
    housekeeping=True,
    facts=lambda site: {"service_port": site.settings.ports.service},
    prepare=lambda site: None,
    announce=line.announce,
    weights=artifacts.weights,
    judge=verdict.judge,
    unjudged=verdict.unjudged,
)
