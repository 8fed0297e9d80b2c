"""SQL rules: what they see, what they cannot reach, and what is told of them."""

from __future__ import annotations

import math
from datetime import UTC, datetime, time
from decimal import Decimal

import polars as pl
import pytest
from tests.unit.edge_runner.checks.tables import opened, outcomes
from tests.unit.edge_runner.contracts.documents import column, contract

from edge_runner.checks.rules import require_measurable
from edge_runner.checks.sql_rules import measure_queries, sql_rules
from edge_runner.contracts.compiler import compile_contract
from edge_runner.protocol import StepError

CANARY = "canary-7f3a9c"


def sql(query, **keys):
    return {"type": "sql", "query": query, **(keys or {"mustBe": 0})}


@pytest.mark.parametrize(
    ("query", "operator", "verdict"),
    [
        ("SELECT count(*) FROM ${object} WHERE ${property} > 1", {"mustBe": 1}, "passed"),
        ('SELECT count(*) FROM {table} WHERE "{column}" > 1', {"mustNotBe": 1}, "failed"),
        ("SELECT sum(x) / 2.0 FROM t", {"mustBeBetween": [1.4, 1.6]}, "passed"),
        ("SELECT max(x) < 3 FROM t", {"mustBe": True}, "passed"),
        ("SELECT max(x) < 3 FROM t", {"mustBe": False}, "failed"),
        ("SELECT sum(x) FROM t WHERE false", {"mustBe": 0}, "failed"),
        ("SELECT x FROM t", {"mustBe": 1}, "failed"),
        ("SELECT 'NaN'::DOUBLE FROM t LIMIT 1", {"mustNotBe": 0}, "failed"),
        ("SELECT 'text' FROM t LIMIT 1", {"mustBe": 0}, "failed"),
        ("SELECT count(*) FROM t a JOIN t b USING (x);", {"mustBe": 2}, "passed"),
    ],
)
def test_value_of_a_query_is_compared(tmp_path, query, operator, verdict):
    frames = [pl.DataFrame({"x": [1, None]}), pl.DataFrame({"x": pl.Series([2], dtype=pl.Int16)})]
    text = contract(column("x", quality=[sql(query, **operator)]))
    assert [outcome.verdict for outcome in outcomes(text, tmp_path, *frames)] == [verdict]


EXACT = {
    "i": ("integer", [1, None]),
    "n": ("number", [0.1, None]),
    "s": ("string", ["ü'\"", None]),
    "b": ("boolean", [True, None]),
    "z": ("timestamp", [datetime(2013, 1, 1, 1, tzinfo=UTC), None]),
    "t": ("timestamp", [datetime(2013, 1, 1, 1), None]),
    "c": ("time", [time(8, 30), None]),
    "d": ("number", [Decimal("1.25"), None]),
}


@pytest.mark.parametrize("name", EXACT)
def test_queries_see_the_values_that_other_rules_see(tmp_path, name):
    kind, values = EXACT[name]
    literal = {
        "s": "'ü''\"'",
        "z": "TIMESTAMP '2013-01-01 01:00:00'",
        "t": "TIMESTAMP '2013-01-01 00:00:00'",
        "c": "TIME '08:30:00'",
    }.get(name, str(values[0]).lower())
    options = {"logicalTypeOptions": {"defaultTimezone": "Europe/Berlin"}} if name in "zt" else {}
    query = "SELECT count(*) FROM t WHERE {column} = VALUE".replace("VALUE", literal)
    text = contract(column(name, kind, **options, quality=[sql(query, mustBe=1)]))
    assert [outcome.verdict for outcome in outcomes(text, tmp_path, pl.DataFrame({name: values}))] == [
        "passed"
    ]


@pytest.mark.parametrize("condition", ["isnan(x)", "x > 10", "NOT x <= 1", "x <> 1"])
def test_queries_see_nan_though_a_files_statistics_leave_it_out(tmp_path, condition):
    query = "SELECT count(*) FROM t WHERE CONDITION".replace("CONDITION", condition)
    text = contract(column("x", "number", quality=[sql(query, mustBe=1)]))
    frame = pl.DataFrame({"x": [1.0, math.nan]})
    assert [outcome.verdict for outcome in outcomes(text, tmp_path, frame)] == ["passed"]


@pytest.mark.parametrize(
    ("zone", "local"),
    [
        ("Europe/Berlin", datetime(2013, 3, 31, 2, 30)),
        ("Europe/Berlin", datetime(2013, 10, 27, 2, 30)),
        ("Europe/Berlin", datetime(2013, 10, 27, 3, 0)),
        ("Australia/Lord_Howe", datetime(2013, 4, 7, 1, 45)),
        ("America/New_York", datetime(2013, 11, 3, 1, 0)),
        ("Asia/Kolkata", datetime(1969, 7, 1, 12, 0)),
    ],
)
def test_queries_and_other_rules_read_a_local_time_alike(tmp_path, zone, local):
    options = {"defaultTimezone": zone}
    described = column("x", "timestamp", logicalTypeOptions=options)
    _, table = opened(contract(described), tmp_path, pl.DataFrame({"x": [local]}))
    moment = table.frame().collect().item()
    condition = "x IS NULL" if moment is None else f"x = TIMESTAMP '{moment}'"
    query = sql("SELECT count(*) FROM t WHERE CONDITION".replace("CONDITION", condition), mustBe=1)
    rules = sql_rules(compile_contract(contract(described, quality=[query])).rules)
    assert measure_queries(rules, "t", table, tmp_path) == [1]


def test_nested_columns_are_seen(tmp_path):
    text = contract(
        column("o", "object", properties=[column("a")]),
        column("l", "array", items={"logicalType": "integer"}),
        quality=[sql("SELECT sum(o.a + len(l)) FROM t", mustBe=3)],
    )
    frame = pl.DataFrame({"o": [{"a": 1, "more": "x"}], "l": [[5, 6]]})
    assert [outcome.verdict for outcome in outcomes(text, tmp_path, frame)] == ["passed"]


@pytest.mark.parametrize(
    "query",
    [
        "SELEC 1",
        "SELECT y FROM t",
        "SELECT 1; SELECT 2",
        "DELETE FROM t",
        "COPY t TO '/tmp/leak.csv'",
        "SELECT x, x FROM t",
        "SELECT count(*) FROM read_csv('/etc/passwd')",
        "SELECT count(*) FROM '/etc/passwd'",
        "SELECT count(*) FROM other",
        "PRAGMA version",
        "ATTACH 'other.db'",
        "SELECT count(*) FROM read_text('/etc/passwd')",
        "SELECT count(*) FROM glob('/*')",
        "WITH w AS (INSERT INTO t VALUES (1) RETURNING x) SELECT * FROM w",
        "",
    ],
)
def test_query_that_is_no_select_over_the_contracts_columns_is_refused_before_data_is_read(query):
    with pytest.raises(StepError) as caught:
        require_measurable(compile_contract(contract(quality=[sql(query)])))
    assert caught.value.kind == "ContractInvalid"


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ({"type": "sql", "mustBe": 0}, "needs a query"),
        (sql("SELECT 1", mustBe=0, metric="rowCount"), "neither metric nor arguments"),
        (sql("SELECT 1", mustBe=0, unit="percent"), "has a unit"),
        (sql("SELECT count({column}) FROM t"), "{column} outside of a column"),
        (sql("SELECT 1", mustBe=0, engine="soda"), "engine"),
        ({"metric": "rowCount", "query": "SELECT 1", "mustBe": 0}, "use the type sql"),
    ],
)
def test_half_written_rules_are_refused(rule, words):
    with pytest.raises(StepError) as caught:
        compile_contract(contract(quality=[rule]))
    assert words in caught.value.message


def test_columns_without_a_type_are_refused_for_they_cannot_be_bound():
    with pytest.raises(StepError) as caught:
        require_measurable(
            compile_contract(contract(column("x", None), quality=[sql("SELECT count(*) FROM t")]))
        )
    assert "that of 'x' is not described" in caught.value.message


def test_columns_that_sql_cannot_tell_apart_are_refused():
    with pytest.raises(StepError) as caught:
        require_measurable(
            compile_contract(contract(column("x"), column("X"), quality=[sql("SELECT count(*) FROM t")]))
        )
    assert "cannot tell column 'x' from one that differs in capitals" in caught.value.message


def test_file_with_another_column_that_sql_would_take_is_refused(tmp_path):
    text = contract(column("x"), quality=[sql("SELECT x FROM t", mustBe=1)])
    with pytest.raises(StepError) as caught:
        outcomes(text, tmp_path, pl.DataFrame({"X": [99], "x": [1]}))
    assert caught.value.kind == "DataRejected"
    assert "file holdout/0.parquet has columns whose names differ in capitals only" in caught.value.message


def test_query_without_end_ends_at_the_time_limit(tmp_path):
    endless = "WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r) SELECT count(*) FROM r"
    compiled, table = opened(contract(quality=[sql(endless)]), tmp_path, pl.DataFrame({"x": [1]}))
    with pytest.raises(StepError) as caught:
        measure_queries(sql_rules(compiled.rules), "t", table, tmp_path, limit_s=0.3)
    assert (caught.value.kind, "takes longer than 0.3 s" in caught.value.message) == ("TimeLimit", True)


def test_queries_are_bound_without_computing_them():
    query = "SELECT list_sum(range(1000000000000))"
    require_measurable(compile_contract(contract(quality=[sql(query)])))


def test_error_of_the_database_is_not_told_for_it_may_quote_a_row(tmp_path):
    text = contract(column("x", "string", quality=[sql("SELECT sum(CAST(x AS INTEGER)) FROM t")]))
    with pytest.raises(StepError) as caught:
        outcomes(text, tmp_path, pl.DataFrame({"x": [CANARY]}))
    assert (caught.value.kind, CANARY in str(caught.value)) == ("ContractInvalid", False)
    assert "ConversionException" in caught.value.message


def test_what_does_not_fit_into_memory_goes_to_the_jobs_disk(tmp_path):
    query = "SELECT count(*) FROM (SELECT DISTINCT x, repeat('y', 100) || x AS y FROM t)"
    text = contract(column("x", quality=[sql(query, mustBe=300_000)]))
    compiled, table = opened(text, tmp_path, pl.DataFrame({"x": range(300_000)}))
    assert measure_queries(sql_rules(compiled.rules), "t", table, tmp_path, memory="60MB") == [300_000]
