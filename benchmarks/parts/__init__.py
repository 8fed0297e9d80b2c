"""The parts of the benchmark, in the order in which they run.

A part is a module with `figures(bench)`, which yields a `Figure` for each thing it measures; its docstring
stands above its table.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import ModuleType

from benchmarks.bench import Bench
from benchmarks.figures import Figure
from benchmarks.parts import launch, logs, reattach, triggers

Part = Callable[[Bench], Iterator[Figure]]
MODULES: dict[str, ModuleType] = {"launch": launch, "reattach": reattach, "logs": logs, "triggers": triggers}
