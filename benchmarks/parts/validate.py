"""How fast a partition is validated, and with how much memory, beside the libraries that people use for it.

Ten million rows of ten columns in ten Parquet files: types, nulls, ranges, an allowed set, uniqueness, number
of rows, freshness and quantiles. Every program runs in a process of its own and finds the files in the page
cache; its time is that of reading and validating, without the start of Python and the imports, and its memory
the most that it had resident. Bare decoding makes every value and drops it.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from benchmarks.bench import Scratch
from benchmarks.environment import ROOT
from benchmarks.figures import Figure
from benchmarks.programs import ProgramFailed, said_by
from benchmarks.validation import data
from edge_runner.manifest import SPLITS
from local_site.environments import python_environment
from local_site.settings import Settings

ROWS, MANY_ROWS = 10_000_000, 40_000_000
REPEATS, SLOW_REPEATS = 5, 3
SLOW_S = 30.0
"""A program that takes longer is repeated less."""
LIMIT_S = 900
MEBIBYTE = 2**20
OURS, GREAT_EXPECTATIONS, PANDERA, DECODING = (
    "ours",
    "Great Expectations",
    "pandera on Polars",
    "bare decoding",
)
MODULES = {
    OURS: "run_ours",
    GREAT_EXPECTATIONS: "run_great_expectations",
    PANDERA: "run_pandera",
    DECODING: "run_decoding",
}
LOCK_FILE = ROOT / "benchmarks" / "requirements-validation.txt"


@dataclass(frozen=True)
class Result:
    """What a program says of itself.

    Attributes:
        seconds: How long it took.
        peak_bytes: The most memory that its process had resident.
        broken: The names of the checks that the data do not pass.
    """

    seconds: float
    peak_bytes: int
    broken: list[str]


def figures(scratch: Scratch) -> Iterator[Figure]:
    """Time and memory at the first size, then memory at the second."""
    pythons = interpreters(scratch)
    folder = written(scratch, ROWS)
    results = repeated(pythons, folder, ROWS)
    yield from compared(results)
    many = written(scratch, MANY_ROWS)
    yield from grown(results, {name: validated(pythons, name, many, MANY_ROWS) for name in (OURS, DECODING)})


def interpreters(scratch: Scratch) -> Mapping[str, Path]:
    """The interpreter of each program; the environment of the peers is made at first use."""
    cache_dir, log_file = Settings.for_tests().cache_dir, scratch.fresh("environment") / "install.log"
    peers = python_environment(cache_dir, "validation-environment", LOCK_FILE, log_file)
    own = Path(sys.executable)
    return {OURS: own, DECODING: own, GREAT_EXPECTATIONS: peers, PANDERA: peers}


def written(scratch: Scratch, rows: int) -> Path:
    """A directory with data of so many rows, laid out as the staged data of a run."""
    folder = scratch.fresh("data")
    data.write(folder / SPLITS[-1], rows)
    return folder


def repeated(pythons: Mapping[str, Path], folder: Path, rows: int) -> Mapping[str, Sequence[Result]]:
    """Results of each program, in turns, so that a busy moment of the machine is nobody's alone."""
    results: dict[str, list[Result]] = {name: [] for name in MODULES}
    for number in range(REPEATS):
        for name, so_far in results.items():
            if number < SLOW_REPEATS or so_far[0].seconds <= SLOW_S:
                so_far.append(validated(pythons, name, folder, rows))
    return results


def validated(pythons: Mapping[str, Path], name: str, folder: Path, rows: int) -> Result:
    """Run a program once over data that keep every limit.

    Raises:
        ProgramFailed: It ended badly, or says that they do not.
    """
    result = run(pythons[name], name, folder, rows)
    if result.broken:
        raise ProgramFailed(
            f"{name} finds {', '.join(result.broken)} in data that keep every limit; correct it."
        )
    return result


def run(python: Path, name: str, folder: Path, rows: int) -> Result:
    """Run a program once.

    Raises:
        ProgramFailed: It ended badly.
    """
    command = [python, "-m", f"benchmarks.validation.{MODULES[name]}", folder, str(rows)]
    return Result(**said_by(name, command, LIMIT_S))


def compared(results: Mapping[str, Sequence[Result]]) -> Iterator[Figure]:
    """Medians of ours and of each other program."""
    mine = results[OURS]
    for name in (GREAT_EXPECTATIONS, PANDERA, DECODING):
        others = results[name]
        note = "" if len(others) == len(mine) else f"median of {len(others)} runs, of ours of {len(mine)}"
        yield Figure(
            f"validation of 10M rows beside {name}", seconds(mine), seconds(others), name, "s", note=note
        )
        yield Figure(
            f"memory for 10M rows beside {name}", memory(mine), memory(others), name, "MiB", note=note
        )


def grown(few: Mapping[str, Sequence[Result]], many: Mapping[str, Result]) -> Iterator[Figure]:
    """The memory for the second size, and how many times that of the first it is."""
    mine, others = memory([many[OURS]]), memory([many[DECODING]])
    yield Figure("memory for 40M rows", mine, others, DECODING, "MiB", note="one run each")
    first, second = (memory([many[name]]) / memory(few[name]) for name in (OURS, DECODING))
    yield Figure(
        "memory for 40M rows by that for 10M", first, second, DECODING, "times", note="one run each at 40M"
    )


def seconds(results: Sequence[Result]) -> float:
    """The median time."""
    return median(result.seconds for result in results)


def memory(results: Sequence[Result]) -> float:
    """The median memory in MiB."""
    return median(result.peak_bytes for result in results) / MEBIBYTE
