"""What is made of the programs' results, and that the data are what they are said to be."""

from __future__ import annotations

import pytest
from benchmarks.parts import validate
from benchmarks.parts.validate import DECODING, MODULES, OURS, Result
from benchmarks.validation import data
from benchmarks.validation.contract import contract

from edge_runner.contracts.compiler import compile_contract

MEBIBYTE = 2**20


def result(seconds: float = 1.0, mebibytes: int = 100) -> Result:
    return Result(seconds, mebibytes * MEBIBYTE, [])


def test_a_figure_for_time_and_memory_beside_each_other_program():
    three = [result(3.0), result(1.0, 50), result(2.0, 300)]
    results = dict.fromkeys(MODULES, three)
    figures = list(validate.compared(results))
    assert [(figure.ours, figure.unit) for figure in figures] == [(2.0, "s"), (100.0, "MiB")] * 3
    assert {figure.peer_name for figure in figures} == MODULES.keys() - {OURS}


def test_fewer_runs_of_a_slow_program_are_noted():
    results = {name: [result()] * (3 if name == DECODING else 5) for name in MODULES}
    notes = {figure.peer_name: figure.note for figure in validate.compared(results)}
    assert notes[DECODING] == "median of 3 runs, of ours of 5"
    assert not any(note for name, note in notes.items() if name != DECODING)


def test_growth_is_the_memory_for_more_rows_by_that_for_fewer():
    few = {name: [result(mebibytes=100)] for name in (OURS, DECODING)}
    many = {OURS: result(mebibytes=120), DECODING: result(mebibytes=150)}
    total, growth = validate.grown(few, many)
    assert (total.ours, total.peer) == (120, 150)
    assert (growth.ours, growth.peer) == pytest.approx((1.2, 1.5))


def test_data_that_break_a_limit_for_a_program_end_the_part(monkeypatch, tmp_path):
    monkeypatch.setattr(validate, "run", lambda *_: Result(1.0, 1, ["id unique"]))
    with pytest.raises(validate.ProgramFailed, match="finds id unique in data that keep every limit"):
        validate.validated({OURS: tmp_path}, OURS, tmp_path, 1)


def test_the_data_are_the_same_at_every_run_and_differ_between_files():
    assert data.part(3, 100).equals(data.part(3, 100))
    assert not data.part(3, 100).equals(data.part(4, 100))


def test_no_key_stands_in_two_files():
    parts = [data.part(number, 1000)["id"] for number in (0, 1, 40)]
    assert len(set().union(*parts)) == 3000


def test_the_contract_compiles_and_names_every_column():
    columns = [column.name for column in compile_contract(contract(10)).columns]
    assert columns == data.part(0, 1).columns
