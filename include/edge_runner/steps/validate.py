"""Checks the staged data against its contract: all rows, one streaming pass, aggregates only.

The contract is compiled first, so one that cannot be checked ends the step before any data is read. Then the
files' own schemas are compared, so that a wrong type is reported with the file's name. Then the rules are
counted.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import polars as pl

from edge_runner.contracts.compiler import Contract, compile_contract
from edge_runner.contracts.rules import Outcome, check_types, evaluate, normalised, type_mismatch
from edge_runner.manifest import SPLITS
from edge_runner.protocol import Dirs, StepError

SUFFIX = ".parquet"
HIDDEN_PREFIXES = ("_", ".")
"""Names of markers such as `_SUCCESS`, which hold no rows by the convention of Hive and Spark."""
SHOWN_RULES = 3
READ_ERRORS = (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError)


def run(request: Mapping[str, Any], secrets: Mapping[str, str], dirs: Dirs) -> dict[str, Any]:
    """Check the data of both splits.

    Returns:
        `rows`, `partition_rows` (of the holdout), `rules` and `contract_digest`.

    Raises:
        StepError: kind `ContractInvalid`, before any data is read; `DataRejected` with the report as details.
    """
    contract = compile_contract(request["contract"])
    check_types(contract)
    files = {split: list(data_files(dirs.data / split)) for split in SPLITS}
    schemas = {path: read_schema(path, dirs.data) for split in SPLITS for path in files[split]}
    require_types(contract, schemas, dirs.data)
    partition_rows = count_rows(files["holdout"])
    if partition_rows == 0:
        raise StepError(
            "DataRejected",
            f"Partition {request['partition']} has no rows in {len(files['holdout'])} files; deliver it "
            "again.",
        )
    rows, outcomes = count(contract, schemas, dirs.data)
    report = {
        "rows": rows,
        "partition_rows": partition_rows,
        "rules": [outcome.report() for outcome in outcomes],
        "contract_digest": contract.digest,
    }
    print(_summary(rows, len(schemas), outcomes), flush=True)
    require_kept(outcomes, request["partition"], report)
    return report


def data_files(folder: Path) -> Iterator[Path]:
    """The Parquet files below a folder, sorted; hidden ones and markers are left out.

    Raises:
        StepError: kind `DataRejected`, when another file is there: it would be left out in silence.
    """
    for path in sorted(folder.rglob("*")):
        if path.is_dir() or path.name.startswith(HIDDEN_PREFIXES):
            continue
        if path.suffix != SUFFIX:
            raise StepError(
                "DataRejected",
                f"The file {path.relative_to(folder)} is no {SUFFIX} file; leave it out of the partition's "
                "prefix.",
            )
        yield path


def read_schema(path: Path, root: Path) -> dict[str, pl.DataType]:
    """Read a file's columns and types from its footer.

    Raises:
        StepError: kind `DataRejected`, naming the file.
    """
    try:
        return dict(pl.read_parquet_schema(path))
    except READ_ERRORS:
        raise _unreadable(path, root) from None


def require_types(contract: Contract, schemas: Mapping[Path, Mapping[str, pl.DataType]], root: Path) -> None:
    """Compare each file's schema with the contract.

    Raises:
        StepError: kind `DataRejected`, naming the first file and column, and how many more there are.
    """
    findings = [
        f"the file {path.relative_to(root)} {mismatch}"
        for path, schema in schemas.items()
        for column in contract.columns
        if (mismatch := type_mismatch(column, schema.get(column.name))) is not None
    ]
    if findings:
        more = f" (and {len(findings) - 1} more)" if len(findings) > 1 else ""
        raise StepError(
            "DataRejected",
            f"The data breaks its contract: {findings[0]}{more}; deliver the files with the contract's "
            "types.",
            {"findings": findings[:100]},
        )


def count_rows(files: list[Path]) -> int:
    """Number of rows, from the files' footers."""
    return (
        int(pl.scan_parquet(files, hive_partitioning=False).select(pl.len()).collect().item()) if files else 0
    )


def count(
    contract: Contract, schemas: Mapping[Path, Mapping[str, pl.DataType]], root: Path
) -> tuple[int, list[Outcome]]:
    """Evaluate the contract's rules over all files.

    Raises:
        StepError: kind `DataRejected`, naming a file that cannot be decoded.
    """
    names = [column.name for column in contract.columns]
    groups: dict[tuple[pl.DataType, ...], list[Path]] = {}
    for path, schema in schemas.items():
        groups.setdefault(tuple(schema[name] for name in names), []).append(path)
    frames = [_scan(files, dict(zip(names, dtypes, strict=True))) for dtypes, files in groups.items()]
    try:
        return evaluate(pl.concat(frames, how="vertical_relaxed"), contract.rules)
    except READ_ERRORS:
        raise _find_unreadable(list(schemas), root) from None


def _scan(files: list[Path], schema: dict[str, pl.DataType]) -> pl.LazyFrame:
    scanned = pl.scan_parquet(files, schema=schema, hive_partitioning=False, extra_columns="ignore")
    return normalised(scanned, schema)


def _find_unreadable(files: list[Path], root: Path) -> StepError:
    """Find the file that made a scan fail; the library's text is not shown, for it can hold a value."""
    for path in files:
        try:
            pl.scan_parquet(path, hive_partitioning=False).select(pl.all().null_count()).collect(
                engine="streaming"
            )
        except READ_ERRORS:
            return _unreadable(path, root)
    return StepError(
        "DataRejected", "The files cannot be read as one table; deliver them with the same types."
    )


def _unreadable(path: Path, root: Path) -> StepError:
    return StepError(
        "DataRejected", f"The file {path.relative_to(root)} is no readable Parquet file; deliver it again."
    )


def require_kept(outcomes: list[Outcome], partition: str, report: dict[str, Any]) -> None:
    """Refuse data that breaks a rule.

    Raises:
        StepError: kind `DataRejected`, naming the first broken rules, with the report as details.
    """
    broken = [outcome.sentence() for outcome in outcomes if outcome.verdict == "failed"]
    if broken:
        more = f" (and {len(broken) - SHOWN_RULES} more)" if len(broken) > SHOWN_RULES else ""
        raise StepError(
            "DataRejected",
            f"The data of partition {partition} and its window breaks the contract: "
            f"{'; '.join(broken[:SHOWN_RULES])}{more}; deliver corrected data, or change the contract.",
            report,
        )


def _summary(rows: int, files: int, outcomes: list[Outcome]) -> str:
    verdicts = [outcome.verdict for outcome in outcomes]
    counts = ", ".join(f"{verdicts.count(verdict)} {verdict}" for verdict in ("passed", "warned", "failed"))
    warnings = "".join(
        f"\nwarning: {outcome.sentence()}" for outcome in outcomes if outcome.verdict == "warned"
    )
    return f"{rows} rows in {files} files, {len(verdicts)} rules: {counts}{warnings}"
