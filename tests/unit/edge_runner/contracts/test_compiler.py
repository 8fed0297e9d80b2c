"""What a contract compiles to; whatever it asks that is not supported is an error."""

from __future__ import annotations

from datetime import date, datetime, time
from pathlib import Path

import pytest
from tests.unit.edge_runner.contracts.documents import column, contract

from edge_runner.contracts.compiler import compile_contract
from edge_runner.contracts.model import Column, Limit, Metric

EXAMPLE = Path(__file__).parents[4] / "include/flight_delay/contract.yaml"


def rules(text):
    return [(rule.name, rule.metric, rule.columns, rule.argument) for rule in compile_contract(text).rules]


def test_example_compiles():
    compiled = compile_contract(EXAMPLE.read_text())
    assert compiled.table == "flights"
    assert len(compiled.columns) == 19
    assert {rule.metric for rule in compiled.rules} >= {Metric.ROWS, Metric.NULLS, Metric.DUPLICATES}


def test_digest_changes_with_the_text():
    assert compile_contract(contract()).digest != compile_contract(contract() + "# edited\n").digest


def test_physical_name_is_the_name_in_the_data():
    assert compile_contract(contract(column("x", physicalName="col_x"))).columns[0].name == "col_x"


def test_length_of_a_physical_type_is_a_rule_and_no_part_of_the_type():
    compiled = compile_contract(contract(column("x", "string", physicalType="varchar( 20 )")))
    assert compiled.columns == (Column("x", "string", "VARCHAR", (20,)),)
    assert [(rule.metric, rule.argument) for rule in compiled.rules] == [(Metric.LONGER, 20)]


def test_nested_properties_are_described_with_their_types_and_required_ones_are_rules():
    inner = column("b", "object", required=True, properties=[column("c", "string", required=True)])
    compiled = compile_contract(
        contract(
            column("a", "object", properties=[inner]),
            column("l", "array", items={"logicalType": "integer"}),
        )
    )
    assert compiled.columns[0].fields[0].fields[0].name == "c"
    assert compiled.columns[1].item == Column("items", "integer")
    assert [(rule.columns, rule.argument) for rule in compiled.rules] == [
        (("a",), ("b",)),
        (("a",), ("b", "c")),
    ]


def test_required_unique_and_key_become_rules():
    text = contract(
        column("b", primaryKey=True, primaryKeyPosition=2),
        column("a", primaryKey=True, primaryKeyPosition=1),
        column("c", required=True, unique=True),
    )
    assert rules(text) == [
        ("primaryKey", Metric.DUPLICATES, ("a", "b"), None),
        ("required", Metric.NULLS, ("b",), None),
        ("required", Metric.NULLS, ("a",), None),
        ("required", Metric.NULLS, ("c",), None),
        ("unique", Metric.DUPLICATES, ("c",), None),
    ]


@pytest.mark.parametrize(
    ("logical_type", "options", "expected"),
    [
        ("integer", {"minimum": 1}, ("minimum", Metric.BELOW, ("x",), 1)),
        ("number", {"exclusiveMaximum": 2.5}, ("exclusiveMaximum", Metric.NOT_BELOW, ("x",), 2.5)),
        ("number", {"exclusiveMinimum": 0}, ("exclusiveMinimum", Metric.NOT_ABOVE, ("x",), 0)),
        ("integer", {"multipleOf": 5}, ("multipleOf", Metric.NO_MULTIPLE, ("x",), 5)),
        ("time", {"minimum": "08:30:00"}, ("minimum", Metric.BELOW, ("x",), time(8, 30))),
        ("integer", {"format": "i8"}, ("format i8", Metric.OUT_OF_BITS, ("x",), (-128, 127))),
        ("string", {"format": "email"}, ("format email", Metric.OF_ANOTHER_FORMAT, ("x",), "email")),
        ("array", {"minItems": 1}, ("minItems", Metric.FEWER_ITEMS, ("x",), 1)),
        ("array", {"uniqueItems": True}, ("uniqueItems", Metric.REPEATED_ITEMS, ("x",), None)),
        (
            "timestamp",
            {"minimum": "2013-01-01T01:00:00", "defaultTimezone": "Europe/Berlin"},
            ("minimum", Metric.BELOW, ("x",), datetime(2013, 1, 1)),
        ),
        ("string", {"minLength": 2}, ("minLength", Metric.SHORTER, ("x",), 2)),
        ("string", {"maxLength": 2}, ("maxLength", Metric.LONGER, ("x",), 2)),
        ("string", {"pattern": "^a"}, ("pattern", Metric.NOT_MATCHING, ("x",), "^a")),
        ("date", {"maximum": "2013-12-31"}, ("maximum", Metric.ABOVE, ("x",), date(2013, 12, 31))),
        ("date", {"minimum": date(2013, 1, 1)}, ("minimum", Metric.BELOW, ("x",), date(2013, 1, 1))),
        (
            "timestamp",
            {"minimum": "2013-01-01T02:00:00+02:00"},
            ("minimum", Metric.BELOW, ("x",), datetime(2013, 1, 1)),
        ),
    ],
)
def test_logical_type_options_become_rules(logical_type, options, expected):
    assert rules(contract(column("x", logical_type, logicalTypeOptions=options))) == [expected]


def test_zone_of_a_timestamp_belongs_to_its_type():
    compiled = compile_contract(contract(column("x", "timestamp", logicalTypeOptions={"timezone": True})))
    assert compiled.columns[0].has_timezone is True
    assert compiled.rules == ()


@pytest.mark.parametrize(("options", "expected"), [({}, True), ({"timezone": False}, False)])
def test_physical_type_with_a_zone_asks_for_one_unless_the_options_do_not(options, expected):
    described = column("x", "timestamp", physicalType="timestamptz", logicalTypeOptions=options)
    assert compile_contract(contract(described)).columns[0].has_timezone is expected


@pytest.mark.parametrize(
    ("quality", "metric", "argument"),
    [
        ({"metric": "nullValues"}, Metric.NULLS, None),
        ({"rule": "nullValues"}, Metric.NULLS, None),
        ({"type": "library", "metric": "duplicateValues"}, Metric.DUPLICATES, None),
        ({"metric": "missingValues", "arguments": {"missingValues": [None, ""]}}, Metric.MISSING, (None, "")),
        ({"metric": "invalidValues", "arguments": {"validValues": ["a"]}}, Metric.NOT_IN_SET, ("a",)),
        ({"metric": "invalidValues", "arguments": {"pattern": "a+"}}, Metric.NOT_MATCHING, "a+"),
    ],
)
def test_metrics_of_the_quality_library(quality, metric, argument):
    (rule,) = compile_contract(contract(column("x", "string", quality=[{**quality, "mustBe": 0}]))).rules
    assert (rule.metric, rule.argument, rule.limit) == (metric, argument, Limit("mustBe", (0,), False))


def test_table_level_metrics():
    quality = [
        {"metric": "rowCount", "mustBeGreaterThan": 10, "name": "enough"},
        {"metric": "duplicateValues", "arguments": {"properties": ["x", "y"]}, "mustBe": 0},
    ]
    text = contract(column("x", physicalName="px"), column("y"), quality=quality)
    assert rules(text) == [
        ("enough", Metric.ROWS, (), None),
        ("duplicateValues", Metric.DUPLICATES, ("px", "y"), None),
    ]


@pytest.mark.parametrize(
    ("operator", "value", "allowed", "refused"),
    [
        ("mustBe", 5, [5], [4, 6]),
        ("mustNotBe", 5, [4, 6], [5]),
        ("mustBeGreaterThan", 5, [5.1], [5]),
        ("mustBeGreaterOrEqualTo", 5, [5], [4.9]),
        ("mustBeLessThan", 5, [4.9], [5]),
        ("mustBeLessOrEqualTo", 5, [5], [5.1]),
        ("mustBeBetween", [1, 5], [1, 3, 5], [0.9, 5.1]),
        ("mustNotBeBetween", [1, 5], [0.9, 5.1], [1, 3, 5]),
    ],
)
def test_operators(operator, value, allowed, refused):
    (rule,) = compile_contract(contract(quality=[{"metric": "rowCount", operator: value}])).rules
    assert all(rule.limit.allows(measured) for measured in allowed)
    assert not any(rule.limit.allows(measured) for measured in refused)


def test_several_operators_of_a_rule_must_all_be_kept():
    quality = [{"metric": "rowCount", "mustBeGreaterThan": 1, "mustBeLessThan": 5}]
    compiled = compile_contract(contract(quality=quality))
    assert [str(rule.limit) for rule in compiled.rules] == ["must be greater than 1", "must be less than 5"]


@pytest.mark.parametrize(
    ("severity", "warns"), [(None, False), ("error", False), ("warning", True), ("info", True)]
)
def test_severity_decides_whether_a_rule_only_warns(severity, warns):
    quality = {"metric": "nullValues", "mustBe": 0, **({"severity": severity} if severity else {})}
    (rule,) = compile_contract(contract(column(quality=[quality]))).rules
    assert rule.warns_only is warns
