"""The commands of the local site: `python -m local_site up|down|status|clean`."""

from __future__ import annotations

import argparse
import sys

from rich.console import Console

from local_site.errors import LocalSiteError
from local_site.info import describe
from local_site.processes import Supervisor
from local_site.settings import Settings
from local_site.site import Site, clean, down, layout_of

CONSOLE = Console(highlight=False)


def show_up(settings: Settings) -> None:
    """Start the site and print its addresses."""
    info = Site(settings).up()
    CONSOLE.print(f"Blob store      {info.blob_host_endpoint}")
    CONSOLE.print(f"Registry        https://{info.registry} (user {info.registry_user})")
    CONSOLE.print(f"Model registry  {info.mlflow_url}")
    CONSOLE.print(f"SSH             {info.ssh_user}@{info.ssh_host}:{info.ssh_port}")
    CONSOLE.print(f"Keys and passwords are under {settings.state_dir}")


def show_down(settings: Settings) -> None:
    """Stop the site."""
    stopped = down(settings)
    CONSOLE.print(f"Stopped {settings.state_dir.name}: {', '.join(stopped) or 'nothing ran'}.")


def show_status(settings: Settings) -> None:
    """Print one line for each process on record, and the addresses."""
    supervisor = Supervisor(layout_of(settings))
    for name in supervisor.names():
        process = supervisor.running(name)
        CONSOLE.print(f"{name:<24} {f'runs, pid {process.pid}' if process else 'has ended'}")
    CONSOLE.print(describe(settings.state_dir))


COMMANDS = {"up": show_up, "down": show_down, "status": show_status, "clean": clean}


def main() -> int:
    """Run one command; a failure is one sentence and exit code 1."""
    parser = argparse.ArgumentParser(prog="local_site", description=__doc__)
    parser.add_argument("command", choices=COMMANDS)
    try:
        COMMANDS[parser.parse_args().command](Settings.from_environment())
    except LocalSiteError as error:
        CONSOLE.print(f"[red]✗[/] {error}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
