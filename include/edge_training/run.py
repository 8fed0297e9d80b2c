"""One run of the pipeline for one partition, as every stage on the site sees it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from edge_training.ownership import Owner
from edge_training.ports.edge_host import DEFAULT_LIMITS, Limits, RegistryLogin
from edge_training.project import ModelProject
from edge_training.sas import Grant
from edge_training.site import Site


@dataclass(frozen=True)
class PipelineRun:
    """What all stages of a run share.

    Attributes:
        site: Where the data lives.
        project: The model's project.
        partition: The run's partition key, checked.
        training_image: The training runtime, by digest.
        owner: Which try of which task this is; the identity of what looks at the world anew each time.
        labels: Who asked, for people and housekeeping.
        login: Who pulls images on the site.
        limits: What the step's container may use.
    """

    site: Site
    project: ModelProject
    partition: str
    training_image: str
    owner: Owner
    labels: Mapping[str, str] = field(default_factory=dict)
    login: RegistryLogin | None = None
    limits: Limits = DEFAULT_LIMITS

    def grant(self, permissions: str) -> Grant:
        """What a step may do with the data in the blob store: `r` read, `l` list, `rl` both."""
        return self.site.store.grant(self.project.container, permissions, self.project.prefix_of_all)
