"""Parts run when they are asked for, and leave what they have measured although a later one fails."""

from __future__ import annotations

from types import ModuleType, SimpleNamespace

import pytest
from benchmarks.__main__ import run
from benchmarks.bench import Scratch
from benchmarks.figures import Figure
from benchmarks.parts import MODULES

FIGURE = Figure("measured", 1, 2, "peer", "s")


def fails(_):
    yield FIGURE
    raise RuntimeError


@pytest.mark.parametrize("module", MODULES.values(), ids=MODULES)
def test_every_part_says_what_it_measures(module: ModuleType):
    assert module.__doc__
    assert callable(module.figures)


def test_only_parts_that_are_asked_for_run(tmp_path):
    modules = {name: SimpleNamespace(figures=lambda _: iter([FIGURE])) for name in ("first", "second")}
    results = {}
    run(modules, ["second", "elsewhere"], Scratch(tmp_path), results)
    assert results == {"second": [FIGURE]}


def test_what_was_measured_before_a_failure_stays(tmp_path):
    results = {}
    with pytest.raises(RuntimeError):
        run({"fails": SimpleNamespace(figures=fails)}, ["fails"], Scratch(tmp_path), results)
    assert results == {"fails": [FIGURE]}


def test_a_part_without_a_site_has_directories_of_its_own(tmp_path):
    scratch = Scratch(tmp_path)
    one, other = scratch.fresh("pages"), scratch.fresh("pages")
    assert one != other
    assert one.is_dir()
