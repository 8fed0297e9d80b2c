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
METRICS = "Metrics"
HEADS = ("Version", "Use", "Window before it", "State", "Image", "Served", METRICS)
METRICS_CHARS = 30
"""The narrowest column of metrics that reads well."""
_STYLES = {"registered": "green", "rejected": "red"}


def show(console: Console, asked: str, answers: Sequence[Answer]) -> None:
    """Print the chain of each version; of a partition, what came of it in a list.

    Where a list is wider than the terminal, each version has a paragraph of its own, so that nothing is cut.
    """
    if not any(answer.use for answer in answers):
        for answer in answers:
            console.print(_title(answer))
            console.print(_table(*_chain(answer)))
        return
    rows = [_row(answer) for answer in answers]
    if console.measure(_list(asked, [row[:-1] for row in rows])).maximum + METRICS_CHARS <= console.width:
        console.print(_list(asked, rows))
        return
    console.print(_heading(asked))
    for answer, row in zip(answers, rows, strict=True):
        console.print(_title(answer))
        console.print(_table(*(("", head, told) for head, told in zip(HEADS[1:], row[1:], strict=True))))


def _title(answer: Answer) -> Text:
    version = answer.version
    state = version.tags.get(STATE_TAG, "unfinished")
    title = Text.assemble(
        (f"{version.name}:{version.version}", "bold"), "  ", (state, _STYLES.get(state, "yellow"))
    )
    return title.append("  champion", "bold cyan") if answer.is_champion else title


def _chain(answer: Answer) -> Iterator[tuple[str, str, str]]:
    """Each fact, beside the first of a link that link's name; an empty line after each link."""
    for link in LINKS:
        for number, (label, said) in enumerate(_told(link, answer)):
            yield "" if number else link, label, said
        yield "", "", ""


def _table(*rows: tuple[str, str, str]) -> Table:
    """Facts one below the other."""
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column(style="bold", no_wrap=True)
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for link, label, said in rows:
        table.add_row(link, label, escape(said))
    return table


def _told(link: str, answer: Answer) -> Iterator[tuple[str, str]]:
    told = facts(link, answer.version.tags)
    yield from told or [("", NOTHING.get(link, "unknown"))]
    if link == "model":
        yield "Registry run", answer.version.run_id
        yield "Description", answer.version.description


def _heading(partition: str) -> Text:
    return Text(f"What came of {partition}", style="bold")


def _list(partition: str, rows: Sequence[Sequence[str]]) -> Table:
    """One row for each version."""
    table = Table(title=_heading(partition), title_justify="left", box=None)
    for name in HEADS[: len(rows[0])]:
        table.add_column(name, no_wrap=name != METRICS, overflow="fold")
    for row in rows:
        table.add_row(*map(escape, row))
    return table


def _row(answer: Answer) -> tuple[str, ...]:
    """What the list says of a version, in the order of `HEADS`."""
    tags = answer.version.tags
    return (
        f"{answer.version.name}:{answer.version.version}",
        answer.use,
        tags.get("window", ""),
        tags.get(STATE_TAG, "unfinished"),
        tags.get(IMAGE_DIGEST_TAG, "").removeprefix("sha256:")[:DIGEST_CHARS],
        _served(answer),
        dict(facts("model", tags)).get(METRICS, ""),
    )


def _served(answer: Answer) -> str:
    """The last period that a version served, by days."""
    found = periods(answer.version.tags)
    if not found:
        return ""
    since, until = found[-1].since[:DAY_CHARS], found[-1].until[:DAY_CHARS]
    return f"{since} to {until}" if until else f"since {since}"
