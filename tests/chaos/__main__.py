"""`make chaos`: break the pipeline in every declared way, and say how each ended.

With `--peer` it is Airflow's own `SSHRemoteJobOperator` that is broken; `--table` sets both side by side.
Exit code 1 when a fault did not end as it should.
"""

from __future__ import annotations

import argparse
import sys

from tests.chaos import faults, report
from tests.chaos.faults import peer as peer_faults
from tests.chaos.peer import PEER
from tests.chaos.side import OURS
from tests.chaos.site import ChaosSite, chaos_settings
from tests.chaos.suite import suite
from tests.chaos.verdict import Verdict

from local_site.errors import LocalSiteError

REPORT = "build/chaos.json"
PEER_REPORT = "build/chaos-peer.json"


def main() -> int:
    """Run the faults that are asked for."""
    arguments = parse()
    site = ChaosSite(chaos_settings())
    ours, peers = site.settings.root / REPORT, site.settings.root / PEER_REPORT
    if arguments.table:
        sys.stdout.write(report.markdown(report.read(ours), report.read(peers)))
        return 0
    if arguments.down:
        site.down()
        return 0
    try:
        choose = peer_faults.chosen if arguments.peer else faults.chosen
        played = choose(arguments.fault, arguments.long)
        with suite(site, played, PEER if arguments.peer else OURS) as running:
            verdicts = [told(running.take_reference())]
            verdicts += [told(verdict) for verdict in running.play(played)]
    except LocalSiteError as error:
        report.CONSOLE.print(f"[red]✗[/] {error}")
        return 1
    finally:
        if not arguments.keep:
            site.down()
    report.show(verdicts)
    whole = not arguments.fault and not arguments.long
    report.write(peers if arguments.peer else ours, verdicts, whole)
    return 0 if all(verdict.good for verdict in verdicts) else 1


def told(verdict: Verdict) -> Verdict:
    """The verdict, said on the terminal."""
    report.say(verdict)
    return verdict


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="tests.chaos", description=__doc__)
    parser.add_argument("--fault", action="append", default=[], help="only this one; may be given again")
    parser.add_argument("--peer", action="store_true", help="break Airflow's own SSHRemoteJobOperator")
    parser.add_argument("--table", action="store_true", help="only print the table of docs/reliability.md")
    parser.add_argument("--long", action="store_true", help="those that take more than half an hour")
    parser.add_argument("--keep", action="store_true", help="leave the site running")
    parser.add_argument("--down", action="store_true", help="only stop the site")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
