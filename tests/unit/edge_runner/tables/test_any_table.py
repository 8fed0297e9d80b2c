"""Any table, cut into any files of any format, gives the counts of a plain-Python reference."""

from __future__ import annotations

import json
from collections import Counter

import polars as pl
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.unit.edge_runner.checks.tables import PARTITION
from tests.unit.edge_runner.contracts.documents import column, contract
from tests.unit.edge_runner.tables.reading import put

from edge_runner.checks.rules import require_measurable
from edge_runner.contracts.compiler import compile_contract
from edge_runner.steps.validate import check
from edge_runner.tables.files import data_files
from edge_runner.tables.opening import open_table

TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=4)
ROW = st.tuples(
    st.none() | st.integers(-9, 9),
    st.none() | st.floats(-9, 9, allow_nan=False).map(lambda value: round(value, 2)),
    st.none() | TEXT | st.sampled_from(["a", "b", "N/A", ""]),
    st.none() | st.booleans(),
    st.none() | st.dates(),
)
SCHEMA = {"i": pl.Int64, "n": pl.Float64, "s": pl.String, "b": pl.Boolean, "d": pl.Date}
RULES = contract(
    column("i", unique=True, logicalTypeOptions={"minimum": -3, "exclusiveMaximum": 5, "multipleOf": 2}),
    column("n", "number", required=True, logicalTypeOptions={"maximum": 4.5}),
    column(
        "s",
        "string",
        logicalTypeOptions={"minLength": 1, "maxLength": 2, "pattern": "^[a-z]*$"},
        quality=[
            {"metric": "missingValues", "arguments": {"missingValues": [None, "", "N/A"]}, "mustBe": 0},
            {"metric": "invalidValues", "arguments": {"validValues": ["a", "b"]}, "mustBe": 0},
        ],
    ),
    column("b", "boolean", quality=[{"metric": "nullValues", "mustBe": 0}]),
    column("d", "date", logicalTypeOptions={"minimum": "2000-01-01"}),
    quality=[
        {"metric": "rowCount", "mustBe": 0},
        {"metric": "duplicateValues", "arguments": {"properties": ["i", "b"]}, "mustBe": 0},
        {"type": "sql", "query": "SELECT count(*) FROM {object} WHERE n > i", "mustBe": -1},
    ],
)


def repeated(values):
    return len(values) - len(set(values))


def reference(rows):
    """The same counts, value by value."""
    i, n, s, b, d = ([value for value in (row[at] for row in rows) if value is not None] for at in range(5))
    lower = set("abcdefghijklmnopqrstuvwxyz")
    return {
        "rowCount": len(rows),
        "duplicateValues": repeated([(row[0], row[3]) for row in rows if None not in (row[0], row[3])]),
        "unique": repeated(i),
        "minimum": sum(value < -3 for value in i) + sum(value.isoformat() < "2000-01-01" for value in d),
        "exclusiveMaximum": sum(value >= 5 for value in i),
        "multipleOf": sum(value % 2 != 0 for value in i),
        "required": len(rows) - len(n),
        "maximum": sum(value > 4.5 for value in n),
        "minLength": sum(len(value) < 1 for value in s),
        "maxLength": sum(len(value) > 2 for value in s),
        "pattern": sum(not set(value) <= lower for value in s),
        "missingValues": sum(row[2] in (None, "", "N/A") for row in rows),
        "invalidValues": sum(value not in ("a", "b") for value in s),
        "nullValues": len(rows) - len(b),
    }


def as_csv(rows):
    """RFC 4180; text is always quoted, so that empty text is told from null."""
    lines = [",".join(SCHEMA), *(",".join(cell(value) for value in row) for row in rows)]
    return "\n".join(lines) + "\n"


def cell(value):
    if value is None:
        return ""
    if isinstance(value, str):
        return '"' + value.replace('"', '""') + '"'
    return str(value).lower() if isinstance(value, bool) else str(value)


def as_json(rows):
    written = ([*row[:4], row[4] and row[4].isoformat()] for row in rows)
    return "".join(json.dumps(dict(zip(SCHEMA, row, strict=True))) + "\n" for row in written)


def write(folder, number, rows, kind):
    if kind == "parquet":
        path = put(folder, f"{number}.parquet", b"")
        pl.DataFrame(rows, schema=SCHEMA, orient="row").write_parquet(path)
    elif kind.startswith("csv"):
        put(folder, f"{number}.{kind}", as_csv(rows))
    elif rows:  # a file of JSON lines without a line is refused as empty
        put(folder, f"{number}.{kind}", as_json(rows))


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(st.lists(ROW, max_size=12), min_size=1, max_size=4).filter(any),
    st.sampled_from(["parquet", "csv", "csv.gz", "jsonl", "jsonl.gz"]),
)
def test_counts_equal_the_reference_for_any_rows_files_and_format(tmp_path_factory, files, kind):
    folder = tmp_path_factory.mktemp("any")
    for number, rows in enumerate(files):
        write(folder, number, rows, kind)
    compiled = compile_contract(RULES)
    require_measurable(compiled)
    table = open_table(compiled, data_files(folder, ["holdout"]), folder / "scratch")
    checked = check(compiled, table, {"contract": RULES, "partition": PARTITION}, folder)
    everything = [row for part in files for row in part]
    found = Counter()
    for outcome in checked.outcomes:
        found[outcome.rule.name] += outcome.counted
    sql = next(outcome.measured for outcome in checked.outcomes if outcome.rule.name == "sql")
    assert checked.rows == len(everything)
    assert sql == sum(None not in row[:2] and row[1] > row[0] for row in everything)
    del found["sql"]
    assert found == Counter(reference(everything))
    assert table.wrong == {}
