"""Every way a stage can end badly, one class per remedy.

EdgeError
├── Transient              the next try may succeed: Airflow retries
│   ├── SiteUnreachable        the VM, its SSH or its Docker daemon does not answer
│   │   └── SiteFailing            the site answers, and Docker fails at what it is asked
│   ├── StoreUnavailable       the site's blob store does not answer
│   ├── AccessExpired          the signature for the blob store ended, and nobody brought a new one
│   ├── RegistryUnavailable    the container registry does not answer
│   ├── ModelRegistryUnavailable  the model registry does not answer
│   ├── SiteBusy               another job has the GPU
│   ├── JobInterrupted         the container was killed from outside, or its work did not arrive
│   └── SecretsNeeded          a job can go on once a worker has delivered its secrets again
└── Final                  the same inputs give the same end: Airflow stops at once
    ├── BadRequest             a parameter, partition key or reference that cannot be right
    ├── SiteRefused            wrong key, unknown or changed host key, no access to Docker
    ├── SiteNotReady           the VM lacks what a job needs: disk, memory, a right clock, a newer Docker
    ├── StoreRefused           the blob store refuses the signature, the version or the container
    ├── PartitionEmpty         no blobs where the partition should be
    ├── PartitionSkipped       the partition did not come in time, and is to be left out: Airflow skips
    ├── DataChanged            a blob is no longer what the manifest pinned
    ├── DataCorrupt            a blob does not have the bytes its checksum promises
    ├── DataRejected           the data breaks its contract, or has drifted too far
    ├── ContractInvalid        the contract asks for what we cannot check
    ├── TrainingFailed         the script ended with an error
    ├── NoModel                the script ended well and left no MLflow model
    ├── EvaluationFailed       the evaluation script ended with an error or left nothing
    ├── GateFailed             the model is worse than a gate allows
    ├── OutOfMemory            the kernel ended the container at its memory limit
    ├── DiskFull               the site's disk, or the step's scratch space, has no room left
    ├── TimeLimit              the job ran longer than it may
    ├── ImageMissing           the site cannot get the image
    ├── ExportRefused          something that is not on the list wanted to leave
    ├── RegistryRefused        the container registry refuses the user or the request
    ├── ModelRegistryRefused   the model registry refuses the user or the request
    │   └── RequestRejected        it knows us and has read the request, and does not want it
    ├── VerificationFailed     the serving image does not answer as the model did
    ├── RolloutFailed          the new service is not healthy; the previous one serves on
    ├── ProtocolMismatch       two ends of different releases
    └── StepCrashed            a fault of ours
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar


class EdgeError(Exception):
    """A stage's end with a sentence that names the remedy.

    Attributes:
        retryable: Whether the same call may succeed later without anybody changing anything.
        details: A small JSON-able report of aggregates.
    """

    retryable: ClassVar[bool]

    def __init__(self, message: str, details: Mapping[str, Any] | None = None) -> None:
        super().__init__(message)
        self.details = dict(details or {})


class Transient(EdgeError):
    """The next try may succeed."""

    retryable = True


class Final(EdgeError):
    """The same inputs give the same end."""

    retryable = False


class SiteUnreachable(Transient):
    """The VM, its SSH or its Docker daemon does not answer."""


class SiteFailing(SiteUnreachable):
    """The site answers, and Docker fails at what it is asked: a daemon that just starts does for a moment."""


class StoreUnavailable(Transient):
    """The site's blob store does not answer."""


class AccessExpired(Transient):
    """The signature for the blob store ended, and nobody brought a new one."""


class RegistryUnavailable(Transient):
    """The container registry does not answer."""


class ModelRegistryUnavailable(Transient):
    """The model registry does not answer."""


class SiteBusy(Transient):
    """Another job has the GPU."""


class JobInterrupted(Transient):
    """The container was killed from outside, or its work did not arrive."""


class SecretsNeeded(Transient):
    """A job can go on once a worker has delivered its secrets again."""


class BadRequest(Final):
    """A parameter, partition key or reference that cannot be right."""


class SiteRefused(Final):
    """Wrong key, unknown or changed host key, or no access to Docker."""


class SiteNotReady(Final):
    """The VM lacks what a job needs: disk, memory, a right clock, a newer Docker."""


class StoreRefused(Final):
    """The blob store refuses the signature, the version or the container."""


class PartitionEmpty(Final):
    """No blobs where the partition should be."""


class PartitionSkipped(Final):
    """The partition did not come in time, and the DAG file says to leave it out."""


class DataChanged(Final):
    """A blob is no longer what the manifest pinned."""


class DataCorrupt(Final):
    """A blob does not have the bytes its checksum promises."""


class DataRejected(Final):
    """The data breaks its contract, or has drifted too far from the champion's."""


class ContractInvalid(Final):
    """The contract asks for what we cannot check."""


class TrainingFailed(Final):
    """The training script ended with an error."""


class NoModel(Final):
    """The training script ended well and left no MLflow model."""


class EvaluationFailed(Final):
    """The evaluation script ended with an error or left nothing."""


class GateFailed(Final):
    """The model is worse than a gate allows."""


class OutOfMemory(Final):
    """The kernel ended the container at its memory limit."""


class DiskFull(Final):
    """The site's disk, or the step's scratch space, has no room left."""


class TimeLimit(Final):
    """The job ran longer than it may."""


class ImageMissing(Final):
    """The site cannot get the image."""


class ExportRefused(Final):
    """Something that is not on the list wanted to leave."""


class RegistryRefused(Final):
    """The container registry refuses the user or the request."""


class ModelRegistryRefused(Final):
    """The model registry refuses the user or the request."""


class RequestRejected(ModelRegistryRefused):
    """The model registry knows us and has read the request, and does not want it."""


class VerificationFailed(Final):
    """The serving image does not answer as the model did."""


class RolloutFailed(Final):
    """The new service is not healthy; the previous one serves on."""


class ProtocolMismatch(Final):
    """Two ends of different releases."""


class StepCrashed(Final):
    """A fault of ours inside a container."""


def error_of_kind(kind: str, message: str, details: Mapping[str, Any]) -> EdgeError:
    """The error a container named in its result.

    Args:
        kind: The name of a class of this module.
        message: The sentence.
        details: The report that goes with it.
    """
    found = globals().get(kind)
    if isinstance(found, type) and issubclass(found, Final | Transient):
        return found(message, details)
    return ProtocolMismatch(
        f"The container named an unknown error {kind!r}: {message}; use the same release on both ends.",
        details,
    )
