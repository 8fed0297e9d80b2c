"""JSON lines: each value is of the contract's type, or counted."""

from __future__ import annotations

import json
import math
from datetime import date, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.edge_runner.contracts.documents import column, contract
from tests.unit.edge_runner.tables.reading import put, rows_of, table_of

from edge_runner.contracts.compiler import compile_contract
from edge_runner.protocol import StepError
from edge_runner.steps.validate import check
from edge_runner.tables import json_files

XY = contract(column("x"), column("y", "string"))


@pytest.mark.parametrize("name", ["a.jsonl", "a.ndjson.gz"])
@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ('{"x": 1, "y": "a"}\n{"y": null}\n', [(1, "a"), (None, None)]),
        ('{"x": 1, "z": [1]}\n', [(1, None)]),
        ('\ufeff{"x": 1}\n\n{"x": 2}', [(1, None), (2, None)]),
        ('{"x": 1}\r\n', [(1, None)]),
        ('{"y": "ü\\n\\u00fc"}\n', [(None, "ü\nü")]),
    ],
)
def test_rows_are_read(tmp_path, name, content, expected):
    put(tmp_path, name, content)
    assert rows_of(tmp_path, XY) == expected


def test_file_of_many_blocks_is_read_whole(tmp_path):
    rows = 300_000
    line = '{"x": %d, "y": "' + "é" * 20 + '"}\n'
    put(tmp_path, "a.jsonl.gz", "".join(line % row for row in range(rows)))
    frame = table_of(tmp_path, XY).frame().collect()
    assert (frame.height, frame["x"].sum(), frame["y"].n_unique()) == (rows, rows * (rows - 1) // 2, 1)


def test_file_without_lines_is_refused_before_all_of_it_is_in_memory(tmp_path, monkeypatch):
    monkeypatch.setattr(json_files, "LONGEST_LINE_BYTES", 2**20)
    put(tmp_path, "a.jsonl", "[" + "1," * 2**20)
    with pytest.raises(StepError) as caught:
        table_of(tmp_path, XY)
    assert "The file holdout/a.jsonl has a line of more than 1 MiB" in caught.value.message


VALUES = {
    "integer": ([1, -1, 2**63 - 1], ["1", 1.5, 1.0, True, 2**63, [1], {"a": 1}]),
    "number": ([1, 1.5, -1e300], ["1", True, [1]]),
    "string": (["", "1"], [1, 1.5, True, ["a"], {"a": "b"}, "\ud800"]),
    "boolean": ([True, False], [1, 0, "true"]),
    "date": (["2013-02-01"], ["2013-2-1", 20130201, True]),
    "timestamp": (["2013-02-01T00:00:00Z"], ["2013-02-01", 1359676800]),
}


@pytest.mark.parametrize("kind", VALUES)
def test_values_of_another_type_are_counted(tmp_path, kind):
    good, bad = VALUES[kind]
    put(tmp_path, "a.jsonl", "".join(json.dumps({"x": value}) + "\n" for value in [*good, None, *bad]))
    table = table_of(tmp_path, contract(column("x", kind)))
    assert table.wrong == {"x": (("holdout/a.jsonl", len(bad)),)}
    found = table.frame().collect()["x"].to_list()
    read = {"date": [date(2013, 2, 1)], "timestamp": [datetime(2013, 2, 1)]}
    assert found == [*read.get(kind, good), None, *[None] * len(bad)]


def test_column_without_a_type_is_text_in_json_lines_and_the_sentence_says_so(tmp_path):
    put(tmp_path, "a.jsonl", '{"x": "1"}\n{"x": 1}\n')
    text = contract(column("x", None))
    table = table_of(tmp_path, text)
    request = {"contract": text, "partition": "2013-02-01"}
    (outcome,) = check(compile_contract(text), table, request, tmp_path).outcomes
    assert outcome.sentence() == "column x has 1 cell that is no string (holdout/a.jsonl: 1)"


@pytest.mark.parametrize(
    ("physical", "written", "kept"),
    [
        ("DOUBLE", ["1e308", "NaN", "-Infinity"], [1e308, math.nan, -math.inf]),
        ("FLOAT", ["1e38"], [pytest.approx(1e38)]),
    ],
)
@pytest.mark.parametrize("beyond", ["1e999", "-1e999", "1" + "0" * 400])
@pytest.mark.parametrize("line", ['{"x": %s}', '{"x": %s, "y": {"deep": 1}}'])
def test_number_beyond_its_type_is_of_another_type_not_infinite_and_not_lost(
    tmp_path, physical, written, kept, beyond, line
):
    put(tmp_path, "a.jsonl", "".join(line % value + "\n" for value in [*written, beyond]))
    table = table_of(tmp_path, contract(column("x", "number", physicalType=physical)))
    assert table.wrong == {"x": (("holdout/a.jsonl", 1),)}
    assert table.frame().collect()["x"].to_list() == pytest.approx([*kept, None], nan_ok=True)


NESTED = contract(
    column("o", "object", properties=[column("a"), column("b", "array", items={"logicalType": "string"})]),
    column("l", "array", items={"logicalType": "number"}),
)


def test_nested_values_are_read_and_checked(tmp_path):
    lines = [
        {"o": {"a": 1, "b": ["x", None], "more": 1}, "l": [1, 2.5, None]},
        {"o": {"a": None}, "l": []},
        {"o": {"a": "1"}, "l": ["1"]},
        {"o": 5, "l": {"a": 1}},
        {},
    ]
    put(tmp_path, "a.jsonl", "".join(json.dumps(line) + "\n" for line in lines))
    table = table_of(tmp_path, NESTED)
    assert table.wrong == {"o": (("holdout/a.jsonl", 2),), "l": (("holdout/a.jsonl", 2),)}
    assert table.frame().collect().rows()[:2] == [
        ({"a": 1, "b": ["x", None]}, [1.0, 2.5, None]),
        ({"a": None, "b": None}, []),
    ]


@pytest.mark.parametrize(
    "described",
    [
        column("x", "object"),
        column("x", "array"),
        column("x", "object", properties=[column("d", "date")]),
        column("x", "array", items={"logicalType": "timestamp"}),
    ],
)
def test_nested_column_that_is_not_described_is_refused(tmp_path, described):
    put(tmp_path, "a.jsonl", "{}\n")
    with pytest.raises(StepError) as caught:
        table_of(tmp_path, contract(described))
    assert caught.value.kind == "ContractInvalid"


@settings(deadline=None, max_examples=60)
@given(
    st.lists(
        st.none()
        | st.integers(-(2**63), 2**63 - 1)
        | st.text(max_size=3)
        | st.booleans()
        | st.floats(allow_nan=False, allow_infinity=False)
    )
)
def test_any_mix_of_values_is_split_into_those_of_the_type_and_the_rest(tmp_path_factory, values):
    folder = tmp_path_factory.mktemp("json")
    put(folder, "a.jsonl", "".join(json.dumps({"x": value}) + "\n" for value in [0, *values]))
    table = table_of(folder, contract(column("x")))
    kept = [value if type(value) is int else None for value in values]
    assert table.frame().collect()["x"].to_list() == [0, *kept]
    rest = sum(value is not None and type(value) is not int for value in values)
    assert table.wrong == ({"x": (("holdout/a.jsonl", rest),)} if rest else {})
