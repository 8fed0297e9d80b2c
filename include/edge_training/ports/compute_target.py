"""The site's VM as a registry's service knows it."""

from __future__ import annotations

from typing import Protocol


class ComputeTarget(Protocol):
    """A machine that a service knows by address, user and key; both calls are safe to repeat."""

    def attach(self) -> str:
        """Attach the machine, unless it is attached as it should be; gives the compute target's name.

        Raises:
            ModelRegistryUnavailable: The service does not answer, or takes too long.
            ModelRegistryRefused: It does not attach the machine, or has something else of this name.
        """

    def detach(self) -> str:
        """Let the service forget the machine, to which nothing happens; gives the compute target's name.

        Raises:
            ModelRegistryUnavailable: The service does not answer, or takes too long.
            ModelRegistryRefused: It refuses us, or has something else of this name.
        """
