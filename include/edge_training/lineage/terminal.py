"""Chains of versions on a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from edge_runner.profiles.layout import DIGEST_CHARS
from edge_training.deployments import periods
from edge_training.lineage.chain import LINKS, facts
from edge_training.lineage.query import Answer
from edge_training.ports.model_registry import STATE_TAG
from edge_training.stages.push import IMAGE_DIGEST_TAG

NOTHING = {"image": "none yet", "deployment": "never deployed"}
DAY_CHARS = len("2013-02-01")
_STYLES = {"registered": "green", "rejected": "red"}


def show(console: Console, asked: str, answers: Sequence[Answer]) -> None:
    """Print the chain of each version; of a partition, what came of it in a list."""
    if any(answer.use for answer in answers):
        console.print(_versions(asked, answers))
        return
    for answer in answers:
        console.print(_title(answer))
        console.print(_chain(answer))


def _title(answer: Answer) -> Text:
    version = answer.version
    state = version.tags.get(STATE_TAG, "unfinished")
    title = Text.assemble(
        (f"{version.name}:{version.version}", "bold"), "  ", (state, _STYLES.get(state, "yellow"))
    )
    return title.append("  champion", "bold cyan") if answer.is_champion else title


def _chain(answer: Answer) -> Table:
    """One row for each fact, under the link that it belongs to."""
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column(style="bold", no_wrap=True)
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for link in LINKS:
        table.add_section()
        for number, (label, said) in enumerate(_told(link, answer)):
            table.add_row("" if number else link, label, escape(said))
        table.add_row()
    return table


def _told(link: str, answer: Answer) -> Iterator[tuple[str, str]]:
    told = facts(link, answer.version.tags)
    yield from told or [("", NOTHING.get(link, "unknown"))]
    if link == "model":
        yield "Registry run", answer.version.run_id
        yield "Description", answer.version.description


def _versions(partition: str, answers: Sequence[Answer]) -> Table:
    """One row for each version."""
    table = Table(title=f"What came of {partition}", title_justify="left", title_style="bold", box=None)
    for name in ("Version", "Use", "Window before it", "State", "Image", "Served"):
        table.add_column(name, no_wrap=True)
    table.add_column("Metrics", overflow="fold")
    for answer in answers:
        tags = answer.version.tags
        table.add_row(
            f"{answer.version.name}:{answer.version.version}",
            answer.use,
            tags.get("window", ""),
            tags.get(STATE_TAG, "unfinished"),
            tags.get(IMAGE_DIGEST_TAG, "").removeprefix("sha256:")[:DIGEST_CHARS],
            _served(answer),
            escape(dict(facts("model", tags)).get("Metrics", "")),
        )
    return table


def _served(answer: Answer) -> str:
    """The last period that a version served, by days."""
    found = periods(answer.version.tags)
    if not found:
        return ""
    since, until = found[-1].since[:DAY_CHARS], found[-1].until[:DAY_CHARS]
    return f"{since} to {until}" if until else f"since {since}"
