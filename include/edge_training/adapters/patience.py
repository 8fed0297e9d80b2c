"""How long a model registry that does not answer is waited for, whichever client speaks to it."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Final, TypeVar

from edge_training.errors import ModelRegistryUnavailable

T = TypeVar("T")

log = logging.getLogger(__name__)

RETRY_AFTER: Final = "retry_after_s"
"""Detail of an error: how long the registry asks us to wait."""
FIRST_PAUSE_S = 1.0
LONGEST_PAUSE_S = 8.0


def patiently(
    action: Callable[[], T],
    patience_s: float,
    now: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> T:
    """Do something that is safe to repeat, until the registry has answered or patience is at its end.

    Args:
        action: What is done.
        patience_s: How long it is repeated, counted from its first failure: what fails may have taken hours.
        now: The clock, in seconds.
        sleep: Waits for some seconds.

    Raises:
        ModelRegistryUnavailable: It did not answer in time, or asks for more time than there is.
    """
    pause_s = FIRST_PAUSE_S
    deadline: float | None = None
    while True:
        try:
            return action()
        except ModelRegistryUnavailable as error:
            wait_s = max(pause_s, error.details.get(RETRY_AFTER, 0.0))
            if deadline is None:
                deadline = now() + patience_s
            if now() + wait_s > deadline:
                raise
            log.warning("%s Next try in %g s.", error, wait_s)
        sleep(wait_s)
        pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
