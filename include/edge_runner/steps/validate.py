"""Checks the staged data against its contract and its champion's profile: all rows, aggregates only.

The contract is compiled first, so one that cannot be checked ends the step before any data is read. Then the
files become one table, so that what is wrong with a file is told with its name. Then each column is measured,
with what rules ask of it, then the other rules. What was found is written down, whatever the verdict is.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge_runner.checks.failing_rows import keep_failing_rows
from edge_runner.checks.outcomes import Outcome
from edge_runner.checks.row_rules import questions
from edge_runner.checks.rules import measure, require_measurable
from edge_runner.contracts.compiler import compile_contract
from edge_runner.contracts.model import Contract
from edge_runner.manifest import SPLITS
from edge_runner.profiles.measure import Measured, measure_columns
from edge_runner.profiles.record import classifications, compare_with_champion, require_near, write_record
from edge_runner.profiles.report import Findings
from edge_runner.protocol import UNWRITABLE, WORK_NAME, Dirs, StepError
from edge_runner.sentences import first_clauses, first_few
from edge_runner.tables.files import DataFile, data_files
from edge_runner.tables.media_files import table_of_files
from edge_runner.tables.opening import open_table
from edge_runner.tables.table import READ_ERRORS, Table, unreadable_file

AFTERWARDS = "Data that is delivered again is seen once the run is cleared from snapshot_data, which pins it."
SCRATCH_NAME = "scratch"


@dataclass(frozen=True)
class Checked:
    """What a look at all rows found.

    Attributes:
        rows: How many there are.
        outcomes: What became of each rule.
        columns: What was measured of the columns of each split that has files.
    """

    rows: int
    outcomes: list[Outcome]
    columns: dict[str, list[Measured]]


def run(request: Mapping[str, Any], secrets: Mapping[str, str], dirs: Dirs) -> dict[str, Any]:
    """Check the data of both splits, and write down what may be told of them, also when they are rejected.

    Returns:
        `rows`, `partition_rows` (of the holdout), `rules`, `contract_digest` and what `write_record` adds.

    Raises:
        StepError: kind `ContractInvalid`, before any data is read; `DataRejected` with the report as details.
    """
    contract = compile_contract(request["contract"])
    require_measurable(contract)
    findings = Findings()
    try:
        report = look(contract, request, dirs, findings)
    except StepError as refusal:
        if refusal.kind != "DataRejected":
            raise
        findings.rejection = f"{refusal.message} {AFTERWARDS}"
        details = refusal.details | write_record(request, contract.digest, findings, dirs.job)
        raise StepError(refusal.kind, findings.rejection, details) from None
    return report | write_record(request, contract.digest, findings, dirs.job)


def look(contract: Contract, request: Mapping[str, Any], dirs: Dirs, findings: Findings) -> dict[str, Any]:
    """Hold the data against contract and champion, and note what is found on the way.

    Raises:
        StepError: as `run`.
    """
    with scratch_folder(dirs.job) as scratch:
        files = data_files(dirs.data, SPLITS)
        findings.files = {split: sum(file.split == split for file in files) for split in SPLITS}
        table = open_files(contract, files, scratch)
        partition_rows = table.rows("holdout")
        if partition_rows == 0:
            raise StepError("DataRejected", _empty(request["partition"], files))
        checked = check(contract, table, request, scratch)
        outcomes = keep_failing_rows(checked.outcomes, table, dirs.job, scratch)
    findings.rules = [outcome.report() for outcome in outcomes]
    findings.columns = checked.columns
    report = {
        "rows": checked.rows,
        "partition_rows": partition_rows,
        "rules": findings.rules,
        "contract_digest": contract.digest,
    }
    print(_summary(checked.rows, len(files), outcomes), flush=True)
    findings.drift, findings.note = compare_with_champion(request, checked.columns)
    require_kept(outcomes, request["partition"], request["volume"], report)
    require_near(request["partition"], findings.drift, report)
    return report


@contextmanager
def scratch_folder(job: Path) -> Iterator[Path]:
    """An empty folder for as long as it is needed; what a try that was ended left in it goes first."""
    folder = job / SCRATCH_NAME
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def open_files(contract: Contract, files: list[DataFile], scratch: Path) -> Table:
    """The files as one table: their rows, or one row per file.

    Raises:
        StepError: kind `ContractInvalid` or `DataRejected`, as `open_table`.
    """
    if contract.kind == "files":
        return table_of_files(contract.columns, files, scratch / "files")
    return open_table(contract, files, scratch / "converted")


def check(contract: Contract, table: Table, request: Mapping[str, Any], scratch: Path) -> Checked:
    """Measure the contract's rules and the columns over all rows.

    Raises:
        StepError: kind `DataRejected`, naming a file that cannot be decoded.
    """
    try:
        asked = questions(contract.rules, table.schema)
        columns = {
            split: measure_columns(table.frame(split), classifications(request["contract"]), asked)
            for split in SPLITS
            if any(part.split == split for part in table.parts)
        }
        rows = sum(found[0].rows for found in columns.values())
        answers = [column.answers for found in columns.values() for column in found]
        outcomes = measure(contract, table, request["partition"], scratch, rows, answers)
    except READ_ERRORS as error:
        if isinstance(error, OSError) and error.errno in UNWRITABLE:
            raise  # not the data's fault
        raise _find_unreadable(table) from None
    return Checked(rows, outcomes, columns)


def require_kept(outcomes: list[Outcome], partition: str, volume: str, report: dict[str, Any]) -> None:
    """Refuse data that breaks a rule.

    Raises:
        StepError: kind `DataRejected`, naming the first broken rules and where such rows lie, with the report
            as details.
    """
    broken = [outcome for outcome in outcomes if outcome.verdict == "failed"]
    broken.sort(key=lambda outcome: -outcome.failed_rows)
    if broken:
        told = first_clauses([outcome.sentence() for outcome in broken])
        raise StepError(
            "DataRejected",
            f"The data of partition {partition} and its window break the contract: {told}"
            f"{_place(broken, volume)}; deliver corrected data, or change the contract.",
            report,
        )


def _place(broken: list[Outcome], volume: str) -> str:
    """Where a person on the site finds rows that break the rules."""
    files = [f"{WORK_NAME}/{outcome.rows_file}" for outcome in broken if outcome.rows_file]
    if not files:
        return ""
    return f"; such rows are kept on the VM, in the Docker volume {volume}, in {first_few(files)}"


def _empty(partition: str, files: list[DataFile]) -> str:
    count = sum(file.split == "holdout" for file in files)
    return f"Partition {partition} has no rows in {count} files; deliver it again."


def _find_unreadable(table: Table) -> StepError:
    found = unreadable_file(table)
    if found is not None:
        return found.rejected("is no readable Parquet file")
    return StepError(
        "DataRejected", "The files cannot be read as one table; deliver them with the same types."
    )


def _summary(rows: int, files: int, outcomes: list[Outcome]) -> str:
    verdicts = [outcome.verdict for outcome in outcomes]
    kinds = ("passed", "warned", "failed", "not_checked")
    counts = ", ".join(
        f"{verdicts.count(kind)} {kind.replace('_', ' ')}" for kind in kinds if kind in verdicts
    )
    notes = "".join(
        f"\n{'note' if outcome.verdict == 'not_checked' else 'warning'}: {outcome.sentence()}"
        for outcome in outcomes
        if outcome.verdict in ("warned", "not_checked")
    )
    return f"{rows} rows in {files} files, {len(verdicts)} rules{': ' * bool(counts)}{counts}{notes}"
