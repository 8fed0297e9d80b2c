"""`make bench`: run the parts, print a table of each, write build/bench.json."""

from __future__ import annotations

import argparse
import signal
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks import report
from benchmarks.environment import ROOT, prepare
from benchmarks.figures import Figure
from local_site.errors import LocalSiteError
from local_site.settings import Settings

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
    from benchmarks.bench import opened
    from benchmarks.parts import MODULES

    names = parse(list(MODULES)).only or list(MODULES)
    results: dict[str, list[Figure]] = {}
    try:
        with opened(Settings.for_tests(), scratch) as bench:
            for name in names:
                results[name] = []
                for figure in MODULES[name].figures(bench):
                    report.say(figure)
                    results[name].append(figure)
    except LocalSiteError as error:
        report.CONSOLE.print(f"[red]✗[/] {error}")
        return 1
    finally:  # a part that fails does not take with it what was measured before
        report.show(results, {name: MODULES[name].__doc__ or "" for name in results})
        report.write(RESULTS, results)
    report.CONSOLE.print(f"\nWritten to {RESULTS.relative_to(ROOT)}")
    return 0


def parse(known: list[str]) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__)
    parser.add_argument("--only", action="append", default=[], choices=known, help="may be given again")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
