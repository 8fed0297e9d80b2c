"""Whatever a contract asks that is not supported is an error, which says where it stands."""

from __future__ import annotations

import pytest
from tests.unit.edge_runner.contracts.documents import column, contract

from edge_runner.contracts.compiler import compile_contract
from edge_runner.protocol import StepError


def on_x(quality, logical_type="integer"):
    return contract(column("x", logical_type, quality=[quality]))


UNSUPPORTED = {
    "no YAML": ("a: [", "line 1 is no YAML"),
    "no mapping": ("- a", "no ODCS document"),
    "another kind": (contract(kind="DataProduct"), "no ODCS document"),
    "version 2": (contract(apiVersion="v2.2.2"), "apiVersion is v2.2.2, expected v3"),
    "unknown key at the top": (contract(shema=[]), "shema"),
    "misspelt key of a column": (contract(column(requird=True)), "schema.t.properties.x.requird is no key"),
    "misspelt key of a rule": (
        on_x({"metric": "nullValues", "mustBe": 0, "severty": "info"}),
        "severty is no key",
    ),
    "value of the wrong type": (contract(column(required="maybe")), "schema.t.properties.x.required"),
    "required item": (
        contract(column("x", "array", items={"logicalType": "string", "required": True})),
        "required within the items of column 'x'",
    ),
    "rule of a field": (
        contract(column("x", "object", properties=[column("y", unique=True)])),
        "unique of 'x.y' is not supported within",
    ),
    "properties of no object": (contract(column("x", properties=[column("y")])), "is no object"),
    "items of no array": (contract(column("x", items={"logicalType": "string"})), "is no array"),
    "map": (
        contract(column("x", "object", map={"key": {"logicalType": "string"}})),
        "map of column 'x'",
    ),
    "relationship of a table": (
        contract(schema=[{"name": "t", "relationships": [{"from": "a", "to": "b.c"}]}]),
        "relationships of table 't'",
    ),
    "size of a type without one": (contract(column("x", physicalType="INT(11)")), "leave out its size"),
    "parametrised type": (contract(column("x", physicalType="ARRAY<INT>")), "physicalType 'ARRAY<INT>'"),
    "two tables": (contract(schema=[{"name": "a"}, {"name": "b"}]), "describes 2 tables"),
    "no tables": (contract(schema=[]), "describes 0 tables"),
    "no columns": (contract(schema=[{"name": "a"}]), "'a' has no properties"),
    "key twice": (
        contract() + "status: active\nstatus: retired\n",
        "the mapping that begins in line 1 has the key 'status' twice",
    ),
    "table without a name": (contract(schema=[{"properties": [column()]}]), "the table has no name"),
    "name that Polars expands": (contract(column("^x.*$")), "the name '^x.*$' of a column is a pattern"),
    "name of a field that Polars expands": (
        contract(column("x", "object", properties=[column("*")])),
        "the name '*' of a column is a pattern",
    ),
    "column that files do not have": (
        contract(column("colour", "string")).replace("name: t\n", "name: t\n  physicalType: files\n"),
        "files have no column 'colour'",
    ),
    "name of the column of files": (contract(column("edge_file")), "a column is named 'edge_file'"),
    "field twice": (
        contract(column("x", "object", properties=[column("y"), column("y")])),
        "'y' is described 2 times",
    ),
    "length of a field": (
        contract(column("x", "object", properties=[column("y", "string", physicalType="VARCHAR(2)")])),
        "the length of 'x.y' is not supported",
    ),
    "length of an item": (
        contract(column("x", "array", items={"logicalType": "string", "physicalType": "CHAR(2)"})),
        "the length of 'x.items' is not supported",
    ),
    "decimal of too many digits": (contract(column("x", "number", physicalType="DECIMAL(39)")), "1 to 38"),
    "decimal with more behind the point than digits": (
        contract(column("x", "number", physicalType="DECIMAL(2, 3)")),
        "physicalType 'DECIMAL(2, 3)'",
    ),
    "bound that is NaN": (
        contract(column("x", "number", logicalTypeOptions={"maximum": float("nan")})),
        "maximum of column 'x' is no number: nan",
    ),
    "bound beyond the calendar": (
        contract(column("x", "timestamp", logicalTypeOptions={"minimum": "0001-01-01T00:00:00+10:00"})),
        "minimum of column 'x' is no ISO timestamp",
    ),
    "format that is no text": (
        contract(column("x", "string", logicalTypeOptions={"format": ["email"]})),
        "option 'format' of column 'x'",
    ),
    "required fields that are no list": (
        contract(column("x", "object", logicalTypeOptions={"required": None})),
        "option 'required' of column 'x'",
    ),
    "limit that is NaN": (
        on_x({"metric": "nullValues", "mustNotBe": float("nan")}),
        "is no number: nan",
    ),
    "limit that is a list": (on_x({"metric": "nullValues", "mustBe": [0]}), "is no number: [0]"),
    "ends in the wrong order": (
        on_x({"metric": "nullValues", "mustNotBeBetween": [5, 1]}),
        "mustNotBeBetween of column 'x' has its upper end first",
    ),
    "two metrics": (
        on_x({"metric": "nullValues", "rule": "duplicateValues", "mustBe": 0}),
        "has two metrics",
    ),
    "pattern that is no text": (
        contract(
            column(
                "x",
                "string",
                quality=[{"metric": "invalidValues", "arguments": {"pattern": None}, "mustBe": 0}],
            )
        ),
        "the pattern of column 'x' is no text",
    ),
    "duplicates of a column and itself": (
        contract(
            quality=[{"metric": "duplicateValues", "arguments": {"properties": ["x", "x"]}, "mustBe": 0}]
        ),
        "names 'x', which is no property, or twice",
    ),
    "allowed value that is no number": (
        contract(column("x", "number", enum=[{"value": float("nan")}])),
        "the value nan in a rule of column 'x' is no number",
    ),
    "empty enumeration": (contract(column(enum=[])), "has no list of values"),
    "column twice": (contract(column("x"), column("y", physicalName="x")), "'x' is described 2 times"),
    "vector": (contract(column("x", "vector")), "logicalType 'vector' of column 'x'"),
    "measure": (contract(column("x", semanticType="measure")), "semanticType 'measure'"),
    "foreign key": (contract(column("x", relationships=[{"to": "other.id"}])), "relationships of column 'x'"),
    "unknown option": (
        contract(column("x", logicalTypeOptions={"minimun": 1})),
        "option 'minimun' of column 'x'",
    ),
    "option of another type": (
        contract(column("x", logicalTypeOptions={"pattern": "a"})),
        "logicalType 'integer'",
    ),
    "unknown format of a string": (
        contract(column("x", "string", logicalTypeOptions={"format": "password"})),
        "the format 'password' of column 'x'",
    ),
    "bits of a string": (
        contract(column("x", "string", logicalTypeOptions={"format": "i8"})),
        "the format 'i8' of column 'x'",
    ),
    "bits of a float for an integer": (
        contract(column("x", logicalTypeOptions={"format": "f32"})),
        "the format 'f32' of column 'x'",
    ),
    "date format in other letters": (
        contract(column("x", "date", logicalTypeOptions={"format": "yy/MM/dd"})),
        "the format 'yy/MM/dd' of column 'x'",
    ),
    "zone in the format of a date": (
        contract(column("x", "date", logicalTypeOptions={"format": "yyyy-MM-ddXXX"})),
        "the format 'yyyy-MM-ddXXX' of column 'x'",
    ),
    "unknown time zone": (
        contract(column("x", "timestamp", logicalTypeOptions={"defaultTimezone": "Mars/Base"})),
        "defaultTimezone 'Mars/Base'",
    ),
    "time zone that is no truth": (
        contract(column("x", "timestamp", logicalTypeOptions={"timezone": "UTC"})),
        "timezone of column 'x' is neither true nor false",
    ),
    "zone of a time": (contract(column("x", "time", logicalTypeOptions={"timezone": True})), "'timezone'"),
    "multiple of nothing": (contract(column("x", logicalTypeOptions={"multipleOf": 0})), "is not above 0"),
    "length that is no whole number": (
        contract(column("x", "string", logicalTypeOptions={"minLength": 1.5})),
        "is no whole number",
    ),
    "required field that is not described": (
        contract(column("x", "object", properties=[column("y")], logicalTypeOptions={"required": ["z"]})),
        "names 'z', which is no property",
    ),
    "number of properties": (
        contract(column("x", "object", properties=[column("y")], logicalTypeOptions={"minProperties": 1})),
        "option 'minProperties' of column 'x'",
    ),
    "bound that is no number": (
        contract(column("x", logicalTypeOptions={"minimum": True})),
        "is no number: True",
    ),
    "bound that is no date": (
        contract(column("x", "date", logicalTypeOptions={"minimum": "May"})),
        "no ISO date",
    ),
    "unknown metric": (
        on_x({"metric": "medianValue", "mustBe": 0}),
        "the metric 'medianValue' of column 'x'",
    ),
    "no metric": (on_x({"mustBe": 0}), "has no metric"),
    "unknown argument": (
        on_x({"metric": "nullValues", "arguments": {"a": 1}, "mustBe": 0}),
        "with the arguments a",
    ),
    "custom": (on_x({"type": "custom", "engine": "soda", "implementation": "x"}), "has type 'custom'"),
    "schedule": (
        on_x({"metric": "nullValues", "mustBe": 0, "schedule": "0 0 * * *"}),
        "schedule in a quality rule",
    ),
    "no operator": (on_x({"metric": "nullValues"}), "has no operator"),
    "limit that is no number": (on_x({"metric": "nullValues", "mustBe": "none"}), "is no number: 'none'"),
    "one bound of two": (on_x({"metric": "nullValues", "mustBeBetween": [1]}), "mustBeBetween"),
    "limit that is a truth": (on_x({"metric": "nullValues", "mustBeLessThan": True}), "mustBeLessThan"),
    "unknown unit": (on_x({"metric": "nullValues", "mustBe": 0, "unit": "days"}), "the unit 'days'"),
    "unknown severity": (
        on_x({"metric": "nullValues", "mustBe": 0, "severity": "meh"}),
        "the severity 'meh'",
    ),
    "rowCount in percent": (
        contract(quality=[{"metric": "rowCount", "mustBe": 0, "unit": "percent"}]),
        "'rowCount'",
    ),
    "rowCount of a column": (
        on_x({"metric": "rowCount", "mustBe": 0}),
        "the metric 'rowCount' of column 'x'",
    ),
    "duplicates of an unknown column": (
        contract(quality=[{"metric": "duplicateValues", "arguments": {"properties": ["z"]}, "mustBe": 0}]),
        "names 'z', which is no property",
    ),
    "allowed values of another type": (
        on_x({"metric": "invalidValues", "arguments": {"validValues": ["1"]}, "mustBe": 0}),
        "the value '1' in a rule of column 'x' is no integer",
    ),
    "empty list of values": (
        on_x({"metric": "invalidValues", "arguments": {"validValues": []}, "mustBe": 0}),
        "has no list of values",
    ),
}


@pytest.mark.parametrize("case", UNSUPPORTED)
def test_what_cannot_be_checked_is_an_error_that_says_where(case):
    text, words = UNSUPPORTED[case]
    with pytest.raises(StepError) as caught:
        compile_contract(text)
    assert caught.value.kind == "ContractInvalid"
    assert words in caught.value.message
