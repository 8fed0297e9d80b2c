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

from edge_training.adapters.ssh import SshTarget, told
from edge_training.errors import (
    DiskFull,
    EdgeError,
    JobInterrupted,
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
