"""Keeps rows that break a rule on the site, for people who may look at them; only their place is told."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable
from pathlib import Path

import polars as pl
import polars.selectors as cs

from edge_runner.checks.outcomes import WITHOUT_ROWS, Outcome
from edge_runner.checks.predicates import broken
from edge_runner.checks.uniqueness import repeated_rows
from edge_runner.contracts.model import FILE, Metric
from edge_runner.tables.table import Table

FOLDER = "failing_rows"
KEPT_ROWS = 1000
NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9]+")


def keep_failing_rows(outcomes: Iterable[Outcome], table: Table, job: Path, scratch: Path) -> list[Outcome]:
    """Write up to `KEPT_ROWS` rows for each failed rule about rows, with the file they are from; timestamps
    are in UTC.

    Args:
        outcomes: What became of the rules.
        table: The data.
        job: The job's directory; the files lie in its folder `FOLDER`, numbered as the rules are.
        scratch: Where hashes lie meanwhile.

    Returns:
        The outcomes, with the places of their rows.
    """
    folder = job / FOLDER
    shutil.rmtree(folder, ignore_errors=True)  # an earlier try's
    kept = []
    for number, outcome in enumerate(outcomes, start=1):
        if outcome.verdict == "failed" and outcome.counted and outcome.rule.metric not in WITHOUT_ROWS:
            folder.mkdir(parents=True, exist_ok=True)
            path = folder / f"{number:02d}-{_slug(outcome)}.parquet"
            _rows(outcome, table, scratch).write_parquet(path)
            kept.append(outcome.kept_in(f"{FOLDER}/{path.name}"))
        else:
            kept.append(outcome)
    return kept


def _rows(outcome: Outcome, table: Table, scratch: Path) -> pl.DataFrame:
    rule = outcome.rule
    if rule.metric is Metric.WRONG_TYPE:
        samples = table.samples.get(rule.columns[0])
        return pl.DataFrame(schema={FILE: pl.String}) if samples is None else samples.head(KEPT_ROWS)
    frame = table.frame(with_file=True)
    if rule.metric is Metric.DUPLICATES:
        rows = repeated_rows(frame, rule.columns, KEPT_ROWS, scratch)
    else:
        rows = frame.filter(broken(rule, table.schema)).head(KEPT_ROWS)
    shown = {str(path): file.shown for part in table.parts for path, file in part.files.items()}
    return rows.collect(engine="streaming").with_columns(
        pl.col(FILE).replace(shown),
        cs.datetime(time_zone=None).dt.replace_time_zone("UTC"),  # a table's timestamps are in UTC, unsaid
    )


def _slug(outcome: Outcome) -> str:
    return NOT_IN_NAMES.sub("-", " ".join((outcome.rule.name, *outcome.rule.columns)))[:80].strip("-").lower()
