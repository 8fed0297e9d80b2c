"""The parts of the benchmark, in the order in which they run.

A part is a module with `figures`, which yields a `Figure` for each thing it measures; its docstring stands
above its table. Most measure jobs on a running site, `figures(bench)`; others need none, `figures(scratch)`.
"""

from __future__ import annotations

from types import ModuleType

from benchmarks.parts import (
    launch,
    logs,
    reattach,
    register,
    register_workspace,
    snapshot,
    stage,
    triggers,
    validate,
)

WITHOUT_SITE: dict[str, ModuleType] = {
    "snapshot": snapshot,
    "stage": stage,
    "validate": validate,
    "register": register,
    "register-workspace": register_workspace,
}
ON_SITE: dict[str, ModuleType] = {"launch": launch, "reattach": reattach, "logs": logs, "triggers": triggers}
MODULES = WITHOUT_SITE | ON_SITE
