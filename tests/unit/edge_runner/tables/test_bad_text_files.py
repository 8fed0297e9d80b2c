"""Text files that are bad: one sentence for each way, which names the file and no value in it."""

from __future__ import annotations

import pytest
from tests.unit.edge_runner.contracts.documents import column, contract
from tests.unit.edge_runner.tables.reading import put, table_of

from edge_runner.protocol import StepError

XY = contract(column("x"), column("y", "string"))
CANARY = "canary-7f3a9c"
GOOD = {"csv": "x,y\n1,a\n", "jsonl": '{"x": 1, "y": "a"}\n'}
BAD = {
    "csv": {
        "empty": (b"", "is empty"),
        "too few cells": (
            f"x,y\n1,a\n{CANARY}\n".encode(),
            "has 1 cell in row 3, expected 2 as in its header",
        ),
        "too many cells": (f"x,y\n1,a\n2,b,{CANARY}\n".encode(), "has 3 cells in row 3, expected 2"),
        "open quote": (f'x,y\n1,"{CANARY}\n2,b\n'.encode(), "opens a quote that is never closed"),
        "quote within a cell": (
            f'x,y\n1,"{CANARY}\n2,b\n3,"c\n'.encode(),
            "has a quote in line 4 that neither opens nor closes a cell",
        ),
        "Latin-1": (f"x,y\n1,{CANARY}é\n".encode("latin-1"), "is not written in UTF-8"),
        "UTF-16": (f"x,y\n1,{CANARY}\n".encode("utf-16"), "is not written in UTF-8"),
        "cut within a letter": ("x,y\n1,é".encode()[:-1], "is not written in UTF-8"),
        "column twice": (b"x,x,y\n1,2,a\n", "has the column 'x' 2 times"),
        "no header": (
            f"{CANARY},{CANARY}\n1,a\n".encode(),
            "has a column that the contract does not name 2 times",
        ),
        "no such column": (b"z,y\n1,a\n", "has no column 'x'"),
        "another separator": (b"x;y\n1;a\n", "has one column, with ';' in its name; separate cells by"),
    },
    "jsonl": {
        "empty": (b"", "is empty"),
        "only blank lines": (b"\n\n", "has no rows"),
        "no JSON": (f'{{"x": 1}}\n\n{CANARY}\n'.encode(), "has a line that is no JSON object (line 3)"),
        "cut": (f'{{"x": 1}}\n{{"y": "{CANARY}'.encode(), "(line 2)"),
        "null": (b'{"x": 1}\nnull\n', "(line 2)"),
        "null at first": (b'null\n{"x": 1}\n', "(line 1)"),
        "null behind an object": (b'{"x": 1} null\n{"y": "a",\n"x": 2}\n', "(line 1)"),
        "array": (b'{"x": 1}\n[1]\n', "(line 2)"),
        "two objects in a line": (b'{"x": 1}{"x": 2}\n', "(line 1)"),
        "key twice": (b'{"x": 1, "x": 2}\n', "(line 1)"),
        "object over two lines": (b'{"x":\n1}\n', "(line 1)"),
        "Latin-1": (f'{{"y": "{CANARY}é"}}\n'.encode("latin-1"), "is not written in UTF-8"),
    },
}


@pytest.mark.parametrize("compression", ["", ".gz"])
@pytest.mark.parametrize(("suffix", "case"), [(suffix, case) for suffix in BAD for case in BAD[suffix]])
def test_bad_file_is_named_and_none_of_its_rows_told(tmp_path, suffix, case, compression):
    content, words = BAD[suffix][case]
    name = f"a.{suffix}{compression}"
    put(tmp_path, f"0.{suffix}", GOOD[suffix])
    put(tmp_path, name, content)
    with pytest.raises(StepError) as caught:
        table_of(tmp_path, XY)
    assert caught.value.kind == "DataRejected"
    assert f"file holdout/{name} " in caught.value.message
    assert words in caught.value.message
    assert CANARY not in caught.value.message
