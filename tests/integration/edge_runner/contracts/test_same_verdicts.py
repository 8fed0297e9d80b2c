"""The same contract over the same files, judged by our step and by datacontract-cli, rule by rule.

Where both differ, the pair says how and why; docs/contract-verdicts.md has the reasons.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from tests.integration.edge_runner.contracts.all_pairs import PAIRS
from tests.integration.edge_runner.contracts.pairs import NOT_CHECKED, PASSED, Pair
from tests.integration.edge_runner.contracts.verdicts import all_theirs, ours, theirs

from local_site.environments import python_environment

each_pair = pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: pair.name)


@pytest.fixture(scope="session")
def folder(tmp_path_factory) -> Path:
    """All pairs, each in a directory called by its number."""
    folder = tmp_path_factory.mktemp("pairs")
    for number, pair in enumerate(PAIRS):
        pair.write(folder / str(number))
    return folder


@pytest.fixture(scope="session")
def python(site_settings, tmp_path_factory) -> Path:
    """Interpreter of the environment with datacontract-cli."""
    lock_file = site_settings.root / "requirements-datacontract.txt"
    log_file = tmp_path_factory.mktemp("logs") / "install.log"
    return python_environment(site_settings.cache_dir, "datacontract-environment", lock_file, log_file)


@pytest.fixture(scope="session")
def answers(python, folder) -> Mapping[str, list[dict[str, Any]]]:
    """What datacontract-cli says of all pairs."""
    return all_theirs(python, folder)


@each_pair
def test_our_verdicts_are_those_of_the_pair(pair: Pair, folder):
    verdicts = ours(pair, folder / str(PAIRS.index(pair)))
    assert {rule: verdict for rule, verdict in verdicts.items() if verdict != PASSED} == pair.expected


@each_pair
def test_datacontract_cli_says_the_same_but_for_what_is_explained(pair: Pair, folder, answers):
    number = str(PAIRS.index(pair))
    mine, others = ours(pair, folder / number), theirs(pair, answers[number])
    assert apart(mine, others) == pair.theirs


def apart(mine: Mapping[str, str], others: Mapping[str, str]) -> dict[str, str]:
    """The others' verdicts that are not mine."""
    return {
        rule: others.get(rule, NOT_CHECKED)
        for rule in {**mine, **others}
        if others.get(rule, NOT_CHECKED) != mine.get(rule, NOT_CHECKED)
    }
