"""All faults, by what they break."""

from __future__ import annotations

from collections.abc import Collection

from tests.chaos.fault import Fault
from tests.chaos.faults import deploy, log, machine, process, ssh_line, stores, task

FAULTS: tuple[Fault, ...] = (
    *ssh_line.FAULTS,
    *log.FAULTS,
    *process.FAULTS,
    *task.FAULTS,
    *stores.FAULTS,
    *deploy.FAULTS,
    *machine.FAULTS,
)


def chosen(names: Collection[str], long: bool) -> list[Fault]:
    """The faults to run: those named, the long ones, or all others.

    Raises:
        SystemExit: There is none of that name.
    """
    if unknown := set(names) - {fault.name for fault in FAULTS}:
        known = ", ".join(fault.name for fault in FAULTS)
        raise SystemExit(f"There is no fault {', '.join(sorted(unknown))}; known are: {known}")
    return [fault for fault in FAULTS if (fault.name in names if names else fault.long == long)]
