"""What a site's Docker says when something is wrong, as the sentences and errors that name the remedy."""

from __future__ import annotations

import re
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus

import aiodocker
import aiohttp
import asyncssh

from edge_training.adapters.ssh.target import SshTarget, told
from edge_training.errors import (
    BadRequest,
    DiskFull,
    EdgeError,
    ImageMissing,
    JobInterrupted,
    RegistryUnavailable,
    SiteFailing,
    SiteNotReady,
    SiteRefused,
    SiteUnreachable,
)

LONGEST_REASON = 200
PORT_TAKEN = re.compile(r"port is already allocated|address already in use")
READ_ONLY = re.compile(r"^(?!.*OCI runtime).*read-only file system", re.IGNORECASE | re.DOTALL)
"""The VM's disk; the runtime says the same of a container's own file system."""
NO_SPACE = re.compile(r"no space left on device|disk quota exceeded", re.IGNORECASE)
OUT_OF_REACH = re.compile(
    r"dial tcp|no such host|connection (refused|reset)|timeout|deadline exceeded|EOF"
    r"|50[0234] |Internal Server Error|Bad Gateway|Service Unavailable|toomanyrequests",
    re.IGNORECASE,
)
"""What Docker says when the registry, not the request, is at fault."""
NO_SUCH_DIRECTORY = "bind source path does not exist"
NO_CONNECTION_STATUS = 900
"""What aiodocker gives a request that never arrived."""
GARBAGE = (
    ValueError,  # JSON or UTF-8 that is none, a Content-Type that is none
    TypeError,  # a Content-Type that Docker does not send
    LookupError,  # JSON without the fields it must have
    tarfile.TarError,
    aiohttp.ClientResponseError,
)
"""What the client libraries raise when whoever answers does not speak Docker's API."""


@contextmanager
def translated(target: SshTarget) -> Iterator[None]:
    """Turn what the libraries raise into the things a caller can do about it."""
    try:
        yield
    except aiodocker.DockerError as error:
        raise refusal(target, error) from None
    except GARBAGE as error:
        # The cause stays: it may as well be a fault of ours.
        raise not_docker(target, told(error)) from error
    except (aiohttp.ClientError, asyncssh.Error, OSError, TimeoutError) as error:
        raise unreachable(target, told(error)) from None


@contextmanager
def ignored(*statuses: int) -> Iterator[None]:
    """Take some of Docker's refusals for an answer; a removal that somebody else began is a conflict."""
    try:
        yield
    except aiodocker.DockerError as error:
        if error.status not in statuses:
            raise


def refusal(target: SshTarget, error: aiodocker.DockerError) -> EdgeError:
    """What an error of the Docker API means."""
    reason = brief(error.message)
    if PORT_TAKEN.search(error.message):
        return SiteRefused(f"A port on {target} is taken ({reason}); give the service another one.")
    if READ_ONLY.search(error.message):
        return SiteNotReady(
            f"The disk of {target} is read-only ({reason}); repair it and mount it writable again."
        )
    if NO_SPACE.search(error.message):
        return DiskFull(
            f"The disk of {target} has no room left ({reason}); free some, or run `maintain_site`."
        )
    if error.status == NO_CONNECTION_STATUS:
        return unreachable(target, reason)
    if looks_like_a_page(error.message):
        return not_docker(target, f"status {error.status} with a web page")
    if error.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return SiteFailing(f"Docker on {target} fails ({error.status}): {reason}; look at its daemon's log.")
    if error.status == HTTPStatus.NOT_FOUND:
        return JobInterrupted(
            f"{target} no longer has what the job needs ({reason}); the next try starts it again."
        )
    return SiteRefused(
        f"Docker on {target} refuses ({error.status}): {reason}; correct the request or the daemon's "
        "settings."
    )


def unreachable(target: SshTarget, reason: str) -> SiteUnreachable:
    """Nobody answers at the socket."""
    return SiteUnreachable(
        f"Docker on {target} does not answer at {target.docker_socket} ({brief(reason)}); check that the "
        "daemon runs and that the SSH user may use it."
    )


def not_docker(target: SshTarget, reason: str) -> SiteFailing:
    """Somebody answers who does not speak Docker's API, or a daemon that broke off; a retry tells which."""
    return SiteFailing(
        f"What listens at {target.docker_socket} on {target} does not answer as Docker does "
        f"({brief(reason)}); restart the daemon, or correct docker_socket in the site's connection."
    )


def looks_like_a_page(message: str) -> bool:
    """Whether an error's text is HTML, which Docker never sends."""
    return message.lstrip()[:20].lower().startswith(("<html", "<!doctype"))


def brief(reason: str) -> str:
    """A reason on one line, as long as a sentence bears."""
    line = " ".join(reason.split())
    return line if len(line) <= LONGEST_REASON else f"{line[:LONGEST_REASON]}..."


def pull_failure(reference: str, reason: str) -> EdgeError:
    """Why a pull failed: a registry out of reach may answer the next try, a refusal will not change."""
    if NO_SPACE.search(reason):
        return DiskFull(
            f"The site's disk has no room for the image {reference} ({reason}); free some, or run "
            "`maintain_site`."
        )
    if OUT_OF_REACH.search(reason):
        return RegistryUnavailable(
            f"The site cannot reach the registry of {reference} ({reason}); check the network between them."
        )
    return image_missing(reference, reason)


def image_missing(reference: str, reason: str) -> ImageMissing:
    """The one sentence for an image that the site cannot get."""
    return ImageMissing(
        f"The site cannot get the image {reference} ({reason}); check the reference and the registry's "
        "login in its connection."
    )


def directory_missing(name: str, reason: str) -> BadRequest:
    """The one sentence for a container that shall see a part of a volume which is gone."""
    return BadRequest(
        f"The site no longer has what an earlier step left for {name} ({reason}); remove that step's "
        "container on the site and clear the run from that step on."
    )


def volume_missing(volume: str) -> BadRequest:
    """The one sentence for an earlier step's volume which is gone."""
    return BadRequest(
        f"The site no longer has the volume {volume} of an earlier step; clear the run from that step on."
    )
