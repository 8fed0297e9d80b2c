"""What may be thrown away on a site, by policy: pure decisions over what lies there.

In doubt, things are kept: what is young, in use, watched, or needed by a job or run that has not ended stays.
So does a training whose raw log has no copy elsewhere, by whatever policy; see `housekeeping`.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from edge_training.errors import BadRequest
from edge_training.identity import container_name
from edge_training.ports.site_inventory import SiteContainer, SiteImage, SiteVolume

UNFINISHED = ("created", "running")
SET_ASIDE = re.compile(r"\.failed-\d+$")
LOG_OWNING_STEP = "train"
"""Its raw log becomes an artifact of the run; until then it stays on the site, with job and volume."""
FORWARDER = "storage-forwarder"
JOB_VOLUME = "job-volume"


@dataclass(frozen=True)
class RetentionPolicy:
    """How long things are kept. A training stays beyond that until its raw log has a copy elsewhere.

    Attributes:
        keep_jobs: Finished jobs of each model and step, the latest.
        keep_failures_days: How long failed jobs are kept.
        keep_images: Serving images of each model that no container uses, the latest used.
        min_age_hours: Nothing younger is removed, whatever else holds.
    """

    keep_jobs: int = 30
    keep_failures_days: int = 14
    keep_images: int = 3
    min_age_hours: int = 12

    def __post_init__(self) -> None:
        """Refuse what would remove what is needed.

        Raises:
            BadRequest: A value is negative, or nothing would be too young.
        """
        for name, least in (
            ("keep_jobs", 0),
            ("keep_failures_days", 0),
            ("keep_images", 0),
            ("min_age_hours", 1),
        ):
            if getattr(self, name) < least:
                raise BadRequest(f"{name}={getattr(self, name)} keeps too little; set it to {least} or more.")

    @property
    def min_age(self) -> timedelta:
        """Age below which nothing is removed."""
        return timedelta(hours=self.min_age_hours)

    @property
    def failure_age(self) -> timedelta:
        """Age up to which failures are kept; never less than anything else's."""
        return max(self.min_age, timedelta(days=self.keep_failures_days))


@dataclass(frozen=True)
class JobFacts:
    """What is not in a container's own description.

    Attributes:
        run_unfinished: Whether a run of ours that has to do with it has not ended.
        watched_elsewhere: Whether another Airflow has not given it up.
    """

    run_unfinished: bool
    watched_elsewhere: bool


@dataclass(frozen=True)
class ImageChanges:
    """What is to be done about images.

    Attributes:
        mark_unused: Nobody uses them since just now.
        mark_used: They are used again.
        remove: Nobody has used them for long.
    """

    mark_unused: tuple[SiteImage, ...]
    mark_used: tuple[SiteImage, ...]
    remove: tuple[SiteImage, ...]


def surplus_jobs(
    containers: Sequence[SiteContainer], policy: RetentionPolicy, now: datetime
) -> list[SiteContainer]:
    """Jobs that their own description does not protect; `may_go` has the last word."""
    successes = defaultdict(list)
    surplus = []
    for job in filter(is_job, containers):
        if job.status == "running" or now - last_moment(job) < policy.min_age:
            continue
        if succeeded(job):
            successes[job.labels.get("model"), job.labels["step"]].append(job)
        elif job.status == "created" or now - last_moment(job) >= policy.failure_age:
            surplus.append(job)
    for of_a_kind in successes.values():
        latest_first = sorted(of_a_kind, key=last_moment, reverse=True)
        surplus += latest_first[policy.keep_jobs :]
    return [job for job in surplus if not is_input(job, containers)]


def surplus_trainings(
    containers: Sequence[SiteContainer], policy: RetentionPolicy, now: datetime
) -> list[SiteContainer]:
    """Surplus jobs that own a log and whose volume can go with them: no later step's container mounts it."""
    return [
        job for job in surplus_jobs(containers, policy, now) if owns_log(job) and not readers(job, containers)
    ]


def readers(job: SiteContainer, containers: Iterable[SiteContainer]) -> list[SiteContainer]:
    """Later steps' containers, ended or not, that mount what the job made."""
    volume = own_volume(job)
    return [
        found
        for found in containers
        if volume in found.volumes and not (is_job(found) and own_volume(found) == volume)
    ]


def may_go(job: SiteContainer, facts: JobFacts, policy: RetentionPolicy, now: datetime) -> bool:
    """Whether a surplus job is needed by nobody, as far as anybody knows; its raw log is another matter.

    Another Airflow cannot be asked. Its claim on a job that has ended counts as long as a failure is kept.
    """
    if facts.run_unfinished:
        return False
    if facts.watched_elsewhere:
        return now - last_moment(job) >= policy.failure_age
    return True


def surplus_volumes(
    volumes: Iterable[SiteVolume], policy: RetentionPolicy, now: datetime
) -> list[SiteVolume]:
    """Job volumes that no container mounts any more; a training's goes with its last container, or never."""
    return [volume for volume in stray_volumes(volumes, policy, now) if not of_a_training(volume)]


def unreadable_volumes(
    volumes: Iterable[SiteVolume], policy: RetentionPolicy, now: datetime
) -> list[SiteVolume]:
    """Trainings' volumes whose containers somebody has removed: does their log have a copy? Nobody knows."""
    return [volume for volume in stray_volumes(volumes, policy, now) if of_a_training(volume)]


def stray_volumes(volumes: Iterable[SiteVolume], policy: RetentionPolicy, now: datetime) -> list[SiteVolume]:
    """Job volumes that no container mounts, and that are not just about to be mounted."""
    return [
        volume
        for volume in volumes
        if not volume.in_use
        and volume.labels.get("role") == JOB_VOLUME
        and now - volume.created >= policy.min_age
    ]


def surplus_forwarders(
    containers: Sequence[SiteContainer], policy: RetentionPolicy, now: datetime
) -> list[SiteContainer]:
    """Ways to the blob store that no job leads through, the newest always excepted."""
    forwarders = [found for found in containers if found.labels.get("role") == FORWARDER]
    newest = max(forwarders, key=lambda found: found.created, default=None)
    busy = {
        peer
        for job in filter(is_job, containers)
        if job.status in UNFINISHED or now - last_moment(job) < policy.min_age
        for peer in job.peers
    }
    return [
        found
        for found in forwarders
        if found is not newest and not (found.addresses & busy) and now - found.created >= policy.min_age
    ]


def image_changes(images: Iterable[SiteImage], policy: RetentionPolicy, now: datetime) -> ImageChanges:
    """Which images nobody has used for long, beyond the latest of each model.

    Docker does not know when an image was last used, and one that was just pulled is not used yet. So what is
    found unused is marked, and goes no sooner than a good while later.
    """
    ours = [image for image in images if not image.named]
    unused = [image for image in ours if not image.in_use]
    by_model = defaultdict(list)
    for image in unused:
        by_model[image.labels.get("model")].append(image)
    old = []
    for of_a_model in by_model.values():
        latest_first = sorted(of_a_model, key=lambda image: image.unused_since or now, reverse=True)
        old += latest_first[policy.keep_images :]
    return ImageChanges(
        mark_unused=tuple(image for image in unused if image.unused_since is None),
        mark_used=tuple(image for image in ours if image.in_use and image.unused_since is not None),
        remove=tuple(
            image for image in old if image.unused_since and now - image.unused_since >= policy.min_age
        ),
    )


def is_job(container: SiteContainer) -> bool:
    """Whether it is a job: services, forwarders and the like have no step."""
    return {"step", "key"} <= container.labels.keys()


def succeeded(job: SiteContainer) -> bool:
    """Whether a job has ended well and stands under its own name."""
    return job.status == "exited" and job.exit_code == 0 and not SET_ASIDE.search(job.name)


def owns_log(job: SiteContainer) -> bool:
    """Whether a job goes only after its raw log has a copy, however it ended."""
    return job.labels["step"] == LOG_OWNING_STEP


def of_a_training(volume: SiteVolume) -> bool:
    """Whether a volume holds a training's raw log."""
    return volume.name.startswith(container_name(LOG_OWNING_STEP, ""))


def last_moment(job: SiteContainer) -> datetime:
    """When the job ended, or was created when it never ran."""
    return job.finished or job.created


def own_volume(job: SiteContainer) -> str:
    """The volume that holds what the job made; those that were set aside share it with their successors."""
    return container_name(job.labels["step"], job.labels["key"])


def is_input(job: SiteContainer, containers: Iterable[SiteContainer]) -> bool:
    """Whether another container that has not ended mounts what the job made."""
    others = (found for found in containers if found.id != job.id and found.status in UNFINISHED)
    return any(own_volume(job) in other.volumes for other in others)
