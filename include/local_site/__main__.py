"""The commands of the local site: `python -m local_site up|down|status|clean`, `... image NAME`."""

from __future__ import annotations

import argparse
import sys

from rich.console import Console

from local_site.errors import LocalSiteError
from local_site.info import describe
from local_site.processes import Supervisor
from local_site.settings import Settings
from local_site.site import Site, clean, down, layout_of

INTERRUPTED = 130
CONSOLE = Console(highlight=False)


def show_up(settings: Settings, *, with_airflow: bool) -> None:
    """Start the site and print its addresses."""
    info = Site(settings, with_airflow=with_airflow).up()
    CONSOLE.print(f"Blob store      {info.blob_host_endpoint}")
    CONSOLE.print(f"Registry        https://{info.registry} (user {info.registry_user})")
    CONSOLE.print(f"Model registry  {info.mlflow_url}")
    if with_airflow:
        CONSOLE.print(f"Airflow         {info.airflow_url} (user {info.airflow_user})")
    CONSOLE.print(f"SSH             {info.ssh_user}@{info.ssh_host}:{info.ssh_port}")
    CONSOLE.print(f"Keys and passwords are under {settings.state_dir}")


def show_down(settings: Settings) -> None:
    """Stop the site."""
    stopped = down(settings)
    CONSOLE.print(f"Stopped {settings.state_dir.name}: {', '.join(stopped) or 'nothing ran'}.")


def show_status(settings: Settings) -> None:
    """Print one line for each process on record, then the addresses, unless all of it is down."""
    supervisor = Supervisor(layout_of(settings))
    found = {name: supervisor.running(name) for name in supervisor.names()}
    for name, process in found.items():
        CONSOLE.print(f"{name:<24} {f'runs, pid {process.pid}' if process else 'has ended'}")
    if any(found.values()):
        CONSOLE.print(describe(settings.state_dir))
    else:
        CONSOLE.print(f"{settings.state_dir} is down: `make site` or `make demo` starts it.", soft_wrap=True)


def show_image(settings: Settings, name: str) -> None:
    """Start the site, build a training image of the user's, and print its reference."""
    site = Site(settings)
    site.up()
    CONSOLE.print(site.build_image(name), soft_wrap=True)


def run(arguments: argparse.Namespace, settings: Settings) -> None:
    """Run one command."""
    match arguments.command:
        case "up":
            show_up(settings, with_airflow=arguments.airflow)
        case "down":
            show_down(settings)
        case "status":
            show_status(settings)
        case "clean":
            clean(settings)
        case "image":
            show_image(settings, arguments.name)


def main() -> int:
    """Read the command line; a failure is one sentence and exit code 1."""
    parser = argparse.ArgumentParser(prog="local_site", description=__doc__)
    parser.add_argument("command", choices=("up", "down", "status", "clean", "image"))
    parser.add_argument(
        "name", nargs="?", default="frameworks", help="with `image`: its folder in include/images"
    )
    parser.add_argument("--airflow", action="store_true", help="with `up`: start Airflow too")
    parser.add_argument("--test", action="store_true", help="the site that the tests use")
    arguments = parser.parse_args()
    try:
        settings = Settings.for_tests() if arguments.test else Settings.from_environment()
        run(arguments, settings)
    except LocalSiteError as error:
        CONSOLE.print(f"[red]✗[/] {error}", soft_wrap=True)
        return 1
    except KeyboardInterrupt:
        CONSOLE.print("Interrupted. `make site` goes on where this stopped, `make down` stops what runs.")
        return INTERRUPTED
    return 0


if __name__ == "__main__":
    sys.exit(main())
