"""Runs the contract's SQL rules in DuckDB, which may read the data's files and nothing else.

What a query gives may be a value of a row, and the text of DuckDB's errors may quote one: neither is told.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from threading import Timer

import duckdb
import pyarrow.parquet as pq

from edge_runner.contracts.document import invalid
from edge_runner.contracts.model import Column, Contract, Metric, Rule
from edge_runner.contracts.quality import quoted
from edge_runner.protocol import StepError
from edge_runner.tables.table import Part, Table

MEMORY_LIMIT = "800MB"
"""Beyond it DuckDB works on the job's disk."""
DISK_LIMIT = "20GB"
"""Beyond it the query ends, before the site has no room for anything else."""
TIME_LIMIT_S = 3600.0
"""For one query: a recursive one may have no end."""
MOST_THREADS = 4
"""Each takes its share of that memory."""
ZONE_MACROS = (
    "CREATE MACRO edge_utc(local, zone) AS timezone('UTC', timezone(zone, local))",
    "CREATE MACRO edge_local(moment, zone) AS timezone(zone, timezone('UTC', moment))",
    "CREATE MACRO edge_ahead(moment, zone) AS edge_local(moment, zone) - moment",
    "CREATE MACRO edge_if_shown(moment, local, zone) AS "
    "CASE WHEN edge_local(moment, zone) = local THEN moment END",
    "CREATE MACRO edge_earliest(local, zone) AS least("
    "edge_if_shown(edge_utc(local, zone), local, zone), edge_if_shown("
    "local - edge_ahead(edge_utc(local, zone) - INTERVAL 1 DAY, zone), local, zone))",
)
"""The moment at which a zone's clocks show a local time, in UTC: the earlier of two, null when they skip it,
as for the other rules. DuckDB's own `timezone` gives the later of two, and a moment for what is skipped. The
other candidate has the zone's offset of the day before.
"""
READ_OPTIONS = "union_by_name = true, hive_partitioning = false, can_have_nan = true"
"""A file's statistics leave NaN out; DuckDB would take them for all there is, and pass over rows with NaN."""
LOGICAL_TYPES: Mapping[str, str] = {
    "string": "VARCHAR",
    "integer": "BIGINT",
    "number": "DOUBLE",
    "boolean": "BOOLEAN",
    "date": "DATE",
    "timestamp": "TIMESTAMP",
    "time": "TIME",
}


def require_queries(contract: Contract) -> None:
    """Parse and bind every query against an empty table of the contract's columns.

    Raises:
        StepError: kind `ContractInvalid`, when one is no single SELECT over them.
    """
    rules = sql_rules(contract.rules)
    if not rules:
        return
    described = ", ".join(f"{quoted(column.name)} {sql_type(column)}" for column in contract.columns)
    _require_sql_names(contract.columns)
    with duckdb.connect(config={"threads": 1, "memory_limit": MEMORY_LIMIT}) as connection:
        connection.execute(f"CREATE TABLE {quoted(contract.table)} ({described})")
        _lock(connection)
        for rule in rules:
            _require_select(connection, rule)


def measure_queries(
    rules: Iterable[Rule],
    name: str,
    table: Table,
    scratch: Path,
    memory: str = MEMORY_LIMIT,
    limit_s: float = TIME_LIMIT_S,
) -> list[float | None]:
    """The value of each query; None when it gives no single number.

    Args:
        rules: Rules whose metric is `SQL`.
        name: What the queries call the table.
        table: The data.
        scratch: Where DuckDB may write what does not fit into memory.
        memory: How much of it DuckDB may use.
        limit_s: How long each may take.

    Raises:
        StepError: kind `ContractInvalid`, when a query cannot be computed on these data; `OutOfMemory` or
            `TimeLimit`, when it needs too much; `DataRejected`, when a file has columns that SQL cannot tell
            apart.
    """
    listed = list(rules)
    if not listed:
        return []
    _require_sql_columns(table)
    threads = min(MOST_THREADS, os.cpu_count() or 1)
    config: dict[str, str | bool | int | float | list[str]] = {
        "temp_directory": str(scratch / "duckdb"),
        "memory_limit": memory,
        "max_temp_directory_size": DISK_LIMIT,
        "threads": threads,
    }
    with duckdb.connect(config=config) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        for macro in ZONE_MACROS:
            connection.execute(macro)
        links = _links(table, scratch / "queried")
        view = " UNION ALL ".join(_select(part, table.columns, links) for part in table.parts)
        connection.execute("SET allowed_paths = ?", [[str(link) for link in links.values()]])
        connection.execute(f"CREATE VIEW {quoted(name)} AS {view}")
        _lock(connection)
        return [_value(connection, rule, limit_s) for rule in listed]


def sql_rules(rules: Iterable[Rule]) -> list[Rule]:
    """Those that are queries."""
    return [rule for rule in rules if rule.metric is Metric.SQL]


def sql_type(column: Column) -> str:
    """DuckDB's type of a column's normalised values.

    Raises:
        StepError: kind `ContractInvalid`, when the contract leaves it open.
    """
    if column.logical_type == "object" and column.fields:
        return f"STRUCT({', '.join(f'{quoted(field.name)} {sql_type(field)}' for field in column.fields)})"
    if column.logical_type == "array" and column.item is not None:
        return f"{sql_type(column.item)}[]"
    if column.physical_type in ("DECIMAL", "NUMERIC") and column.sizes:
        return f"DECIMAL({', '.join(map(str, column.sizes))})"
    if column.physical_type in ("UINT64", "UBIGINT"):
        return "UBIGINT"
    found = LOGICAL_TYPES.get(column.logical_type or "")
    if found is None:
        raise invalid(
            f"sql rules need to know every column's type, and that of {column.name!r} is not described",
            "give it a logicalType, an object its properties and an array its items",
        )
    return found


def _require_sql_names(columns: tuple[Column, ...]) -> None:
    names = [column.name.lower() for column in columns]
    for column in columns:
        if names.count(column.name.lower()) > 1:
            raise invalid(
                f"sql rules cannot tell column {column.name!r} from one that differs in capitals", "rename it"
            )


def _require_sql_columns(table: Table) -> None:
    """SQL takes `X` for `x`, and would look at whichever a file has first."""
    for part in table.parts:
        wanted = {name.lower() for name in part.dtypes}
        for path, file in part.files.items():
            names = [name.lower() for name in pq.read_schema(path).names]
            if any(names.count(name) > 1 for name in wanted):
                raise file.rejected(
                    "has columns whose names differ in capitals only, which sql rules cannot tell apart",
                    "rename one, or write the rules without sql",
                )


def _lock(connection: duckdb.DuckDBPyConnection) -> None:
    """From here on no other file, no network, no extension and no other setting."""
    connection.execute("SET enable_external_access = false")
    connection.execute("SET lock_configuration = true")


def _require_select(connection: duckdb.DuckDBPyConnection, rule: Rule) -> None:
    try:
        statements = connection.extract_statements(rule.argument)
        is_select = len(statements) == 1 and statements[0].type == duckdb.StatementType.SELECT
        # Bound and not planned: the planner would compute what is constant.
        if is_select and len(connection.execute(f"DESCRIBE {rule.argument}").fetchall()) == 1:
            return
    except duckdb.Error:
        pass
    raise invalid(
        f"the query of the sql rule {rule.name!r} is no SELECT of one value over the contract's columns",
        "correct it, in the words of DuckDB",
    )


def _links(table: Table, folder: Path) -> dict[Path, Path]:
    """The data's files under plain names: DuckDB would take a star or bracket in a name for a pattern."""
    folder.mkdir(parents=True)
    paths = [path for part in table.parts for path in part.files]
    links = {path: folder / f"{number:06d}.parquet" for number, path in enumerate(paths)}
    for path, link in links.items():
        link.symlink_to(path.absolute())
    return links


def _select(part: Part, columns: tuple[Column, ...], links: Mapping[Path, Path]) -> str:
    """The rows of a part, with the contract's types."""
    files = ", ".join(_literal(str(links[path])) for path in part.files)
    values = []
    for column in columns:
        value = quoted(column.name) if column.name in part.dtypes else _literal(part.constants[column.name])
        if column.logical_type == "timestamp" and column.name in part.dtypes:
            value = _in_utc(column, value, part)
        values.append(f"CAST({value} AS {sql_type(column)}) AS {quoted(column.name)}")
    source = f"read_parquet([{files}], {READ_OPTIONS})"
    return f"SELECT {', '.join(values)} FROM {source}"  # noqa: S608  (every name and text in it is quoted)


def _in_utc(column: Column, value: str, part: Part) -> str:
    is_zoned = getattr(part.dtypes[column.name], "time_zone", None) is not None
    if is_zoned or column.timezone == "UTC":
        return value
    return f"edge_earliest(CAST({value} AS TIMESTAMP), {_literal(column.timezone)})"


def _literal(value: object) -> str:
    if value is None:
        return "NULL"
    return "'" + str(value).replace("'", "''") + "'"


@contextmanager
def _time_limit(connection: duckdb.DuckDBPyConnection, limit_s: float) -> Iterator[None]:
    timer = Timer(limit_s, connection.interrupt)
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _value(connection: duckdb.DuckDBPyConnection, rule: Rule, limit_s: float) -> float | None:
    try:
        with _time_limit(connection, limit_s):
            rows = connection.execute(rule.argument).fetchmany(2)
    except duckdb.InterruptException:
        raise StepError(
            "TimeLimit",
            f"The query of the sql rule {rule.name!r} takes longer than {limit_s:g} s; write it with less "
            "sorting, joining and recursion.",
        ) from None
    except duckdb.OutOfMemoryException:
        raise StepError(
            "OutOfMemory",
            f"The query of the sql rule {rule.name!r} needs more than {MEMORY_LIMIT} of memory and "
            f"{DISK_LIMIT} of disk; write it with less sorting and joining.",
        ) from None
    except duckdb.Error as error:
        raise invalid(
            f"the query of the sql rule {rule.name!r} fails on these data ({type(error).__name__})",
            "correct it, in the words of DuckDB",
        ) from None
    value = rows[0][0] if len(rows) == 1 else None
    if isinstance(value, Decimal):
        return float(value)
    return value if isinstance(value, int | float) and not math.isnan(value) else None
