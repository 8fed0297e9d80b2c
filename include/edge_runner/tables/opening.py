"""From files to one table: formats, paths and schemas are held against the contract first."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl

from edge_runner.contracts.dtypes import expected_dtype, normalised_dtype, type_mismatch
from edge_runner.contracts.model import FILE, Column, Contract
from edge_runner.protocol import StepError
from edge_runner.sentences import first_clauses, first_few
from edge_runner.tables.cells import read_cells
from edge_runner.tables.converted import SAMPLED_ROWS, Converted, convert, require_readable
from edge_runner.tables.files import DataFile, Format, common_format, hive_values
from edge_runner.tables.table import READ_ERRORS, Part, Table, read_schema

TOLD_FINDINGS = 100


def open_table(contract: Contract, files: list[DataFile], scratch: Path) -> Table:
    """Make one table of the files.

    Args:
        contract: What the files are held against.
        files: Parquet, CSV or JSON lines, all of one format.
        scratch: Where text files become Parquet.

    Raises:
        StepError: kind `ContractInvalid`, when such files cannot hold a column; `DataRejected`, naming files.
    """
    kind = common_format(files)
    require_readable(kind, contract.columns)
    converted = _converted(contract.columns, files, kind, scratch) if kind != "Parquet" else {}
    paths = {file: converted[file].path if file in converted else file.path for file in files}
    in_paths = {file: _constants(contract.columns, file) for file in files}
    schemas = {file: read_schema(file, path) for file, path in paths.items()}
    if kind == "JSON lines":
        schemas = {
            file: _without_absent(schema, paths[file], in_paths[file]) for file, schema in schemas.items()
        }
    require_types(contract.columns, schemas, in_paths, are_typed=kind == "Parquet")
    parts = tuple(_parts(contract.columns, paths, schemas, in_paths))
    _require_agreement(contract.columns, parts, in_paths)
    return Table(contract.columns, parts, _wrong(converted), _samples(converted))


def _converted(
    columns: tuple[Column, ...], files: list[DataFile], kind: Format, scratch: Path
) -> dict[DataFile, Converted]:
    """Each text file as Parquet; of the rows that cannot be read no more are kept than anybody looks at."""
    scratch.mkdir(parents=True, exist_ok=True)
    room = {column.name: SAMPLED_ROWS for column in columns}
    converted = {}
    for number, file in enumerate(files):
        found = convert(file, kind, columns, scratch / f"{number:06d}.parquet")
        samples = {name: rows.head(room[name]) for name, rows in found.samples.items() if room[name]}
        for name, rows in samples.items():
            room[name] -= rows.height
        converted[file] = replace(found, samples=samples)
    return converted


def require_types(
    columns: tuple[Column, ...],
    schemas: Mapping[DataFile, Mapping[str, pl.DataType]],
    in_paths: Mapping[DataFile, Mapping[str, Any]],
    *,
    are_typed: bool,
) -> None:
    """Compare each file's schema with the contract.

    Raises:
        StepError: kind `DataRejected`, naming the first findings, their files, and how many more there are.
    """
    findings: dict[str, list[str]] = {}
    for file, schema in schemas.items():
        for column in columns:
            dtype = schema.get(column.name)
            if dtype is None and column.name in in_paths[file]:
                continue
            # What a text file holds was read as the contract's types already.
            mismatch = type_mismatch(column, dtype) if are_typed or dtype is None else None
            if mismatch is not None:
                findings.setdefault(mismatch, []).append(file.shown)
    if findings:
        told = [_finding(mismatch, names, len(schemas)) for mismatch, names in findings.items()]
        raise StepError(
            "DataRejected",
            f"The data breaks its contract: {first_clauses(told)}; deliver the files with "
            "the contract's columns and types.",
            {"findings": told[:TOLD_FINDINGS]},
        )


def _finding(mismatch: str, names: list[str], files: int) -> str:
    if len(names) == 1:
        return f"the file {names[0]} {mismatch}"
    return f"{len(names)} of {files} files {mismatch.replace('has', 'have', 1)}: {first_few(names)}"


def _constants(columns: tuple[Column, ...], file: DataFile) -> dict[str, Any]:
    """What a file's path says of the contract's columns, as the contract's types.

    Raises:
        StepError: kind `DataRejected`, when it is of another type.
    """
    texts = hive_values(file)
    constants: dict[str, Any] = {}
    for column in columns:
        if column.name not in texts:
            continue
        text = texts[column.name]
        value = (
            pl.DataFrame({column.name: [text]}, schema={column.name: pl.String})
            .select(read_cells(column))
            .item()
        )
        if text is not None and value is None:
            expected = column.physical_type or column.logical_type
            raise file.rejected(
                f"has {column.name}={text} in its path, expected {expected}", "correct the path"
            )
        constants[column.name] = value
    return constants


def _without_absent(
    schema: dict[str, pl.DataType], path: Path, in_path: Mapping[str, Any]
) -> dict[str, pl.DataType]:
    """A key that no line of a file of JSON lines has is not in the file, so the path may say it."""
    asked = [name for name in in_path if name in schema]
    filled = (
        pl.scan_parquet(path, glob=False).select(pl.col(asked).count()).collect().row(0, named=True)
        if asked
        else {}
    )
    return {name: dtype for name, dtype in schema.items() if filled.get(name) != 0}


def _parts(
    columns: tuple[Column, ...],
    paths: Mapping[DataFile, Path],
    schemas: Mapping[DataFile, Mapping[str, pl.DataType]],
    in_paths: Mapping[DataFile, Mapping[str, Any]],
) -> Iterable[Part]:
    """Group files that can be scanned together."""
    groups: dict[tuple[Any, ...], dict[Path, DataFile]] = {}
    for file, path in paths.items():
        dtypes = tuple((c.name, schemas[file][c.name]) for c in columns if c.name in schemas[file])
        key = (file.split, dtypes, tuple(in_paths[file].items()))
        groups.setdefault(key, {})[path] = file
    constant_dtypes = {column.name: _constant_dtype(column) for column in columns}
    for (split, dtypes, constants), files in groups.items():
        held = dict(dtypes)
        in_path = {name: value for name, value in constants if name not in held}
        yield Part(split, files, held, in_path, {name: constant_dtypes[name] for name in in_path})


def _constant_dtype(column: Column) -> pl.DataType:
    return normalised_dtype(expected_dtype(column) or pl.String())


def _require_agreement(
    columns: tuple[Column, ...], parts: tuple[Part, ...], in_paths: Mapping[DataFile, Mapping[str, Any]]
) -> None:
    """Where a column stands in the files and in their paths, both must say the same.

    Raises:
        StepError: kind `DataRejected`, naming the file.
    """
    for part in parts:
        for path, file in part.files.items():
            rows = Table(columns, (replace(part, files={path: file}),)).frame()
            for name, value in in_paths[file].items():
                if name in part.dtypes and _has_others(rows, name, value, file):
                    raise file.rejected(
                        f"has values of {name} that differ from its path", "correct path or file"
                    )


def _has_others(rows: pl.LazyFrame, name: str, value: Any, file: DataFile) -> bool:
    """Whether a column has other values than one; a text is compared with the text of what is no text."""
    column = pl.col(name).cast(pl.String) if isinstance(value, str) else pl.col(name)
    others = rows.filter(column.ne_missing(pl.lit(value))).select(pl.len())
    try:
        return bool(others.collect(engine="streaming").item())
    except READ_ERRORS:
        raise file.rejected("is no readable Parquet file") from None


def _wrong(converted: Mapping[DataFile, Converted]) -> dict[str, tuple[tuple[str, int], ...]]:
    wrong: dict[str, tuple[tuple[str, int], ...]] = {}
    for file, result in converted.items():
        for name, count in result.wrong.items():
            wrong[name] = (*wrong.get(name, ()), (file.shown, count))
    return wrong


def _samples(converted: Mapping[DataFile, Converted]) -> dict[str, pl.DataFrame]:
    samples: dict[str, list[pl.DataFrame]] = {}
    for file, result in converted.items():
        for name, rows in result.samples.items():
            samples.setdefault(name, []).append(rows.with_columns(pl.lit(file.shown).alias(FILE)))
    return {name: pl.concat(found, how="diagonal_relaxed") for name, found in samples.items()}
