"""`make bench`: run the parts, print a table of each, write build/bench.json."""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType
from typing import TYPE_CHECKING

from benchmarks import report
from benchmarks.environment import ROOT, prepare
from benchmarks.figures import Figure
from local_site.errors import LocalSiteError
from local_site.settings import Settings

if TYPE_CHECKING:
    from benchmarks.bench import Scratch

BUILD = ROOT / "build"
TERMINATED = 143
RESULTS = BUILD / "bench.json"


def main() -> int:
    """Run what is asked for, in a directory that is gone afterwards."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(TERMINATED))  # through all clean-ups
    BUILD.mkdir(exist_ok=True)
    with TemporaryDirectory(prefix="bench-", dir=BUILD) as scratch:
        return measure(Path(scratch))


def measure(scratch: Path) -> int:
    """Run the parts; gives the exit code."""
    prepare(scratch)
    # Only now: these import Airflow, which reads its settings then.
    from benchmarks.bench import Scratch, opened
    from benchmarks.parts import MODULES, ON_SITE, WITHOUT_SITE

    names = parse(list(MODULES)).only or list(MODULES)
    results: dict[str, list[Figure]] = {}
    try:
        run(WITHOUT_SITE, names, Scratch(scratch), results)
        if not ON_SITE.keys().isdisjoint(names):
            with opened(Settings.for_tests(), scratch) as bench:
                run(ON_SITE, names, bench, results)
    except LocalSiteError as error:
        report.CONSOLE.print(f"[red]✗[/] {error}")
        return 1
    finally:  # a part that fails does not take with it what was measured before
        report.show(results, {name: MODULES[name].__doc__ or "" for name in results})
        report.write(RESULTS, results)
    report.CONSOLE.print(f"\nWritten to {RESULTS.relative_to(ROOT)}")
    return 0


def run(
    modules: Mapping[str, ModuleType], names: Sequence[str], bench: Scratch, results: dict[str, list[Figure]]
) -> None:
    """Run those modules that are asked for by name; what they measure goes into the results at once."""
    for name in [name for name in modules if name in names]:
        results[name] = []
        for figure in modules[name].figures(bench):
            report.say(figure)
            results[name].append(figure)


def parse(known: list[str]) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__)
    parser.add_argument("--only", action="append", default=[], choices=known, help="may be given again")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
