"""`make chaos`: break the pipeline in every declared way, and say how each ended.

Exit code 1 when a fault did not end as it should.
"""

from __future__ import annotations

import argparse
import sys

from tests.chaos import report
from tests.chaos.faults import chosen
from tests.chaos.site import ChaosSite, chaos_settings
from tests.chaos.suite import suite
from tests.chaos.verdict import Verdict

from local_site.errors import LocalSiteError

REPORT = "build/chaos.json"


def main() -> int:
    """Run the faults that are asked for."""
    arguments = parse()
    site = ChaosSite(chaos_settings())
    if arguments.down:
        site.down()
        return 0
    try:
        faults = chosen(arguments.fault, arguments.long)
        with suite(site, faults) as running:
            verdicts = [told(running.take_reference())]
            verdicts += [told(verdict) for verdict in running.play(faults)]
    except LocalSiteError as error:
        report.CONSOLE.print(f"[red]✗[/] {error}")
        return 1
    finally:
        if not arguments.keep:
            site.down()
    report.show(verdicts)
    report.write(site.settings.root / REPORT, verdicts)
    return 0 if all(verdict.good for verdict in verdicts) else 1


def told(verdict: Verdict) -> Verdict:
    """The verdict, said on the terminal."""
    report.say(verdict)
    return verdict


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="tests.chaos", description=__doc__)
    parser.add_argument("--fault", action="append", default=[], help="only this one; may be given again")
    parser.add_argument("--long", action="store_true", help="those that take more than half an hour")
    parser.add_argument("--keep", action="store_true", help="leave the site running")
    parser.add_argument("--down", action="store_true", help="only stop the site")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
