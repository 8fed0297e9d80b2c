"""`python -m edge_training.lineage`: chains for people, JSON for machines, one sentence for what is wrong."""

from __future__ import annotations

import importlib.util
import io
import json
from contextlib import nullcontext

import pytest
from rich.console import Console
from tests.unit.edge_training.lineage.versions import DIGESTS, three_versions

from edge_training.errors import ModelRegistryUnavailable
from edge_training.lineage import __main__ as command


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Run the command on three versions; gives its exit code and what it printed."""
    models = three_versions(tmp_path)
    monkeypatch.setattr(command, "_registry", lambda url, connection: nullcontext(models))

    def ran(*arguments: str, width: int = 140) -> tuple[int, str]:
        printed = io.StringIO()
        code = command.main(arguments, Console(file=printed, width=width, highlight=False))
        return code, printed.getvalue()

    return ran


def test_a_version_is_shown_from_its_data_to_its_deployment(run):
    code, printed = run("flight_delay:3")

    assert code == 0
    lines = [line for line in printed.splitlines() if line.strip()]
    assert lines[0].split() == ["flight_delay:3", "registered", "champion"]
    links = [line.split()[0] for line in lines[1:] if not line.startswith(" ")]
    assert links == ["data", "training", "model", "image", "deployment"]
    for told in (
        "2013-01-20/2013-02-02",
        "12 passed, 1 warned of 13 rules",
        "worst from version 1: PSI 0.31 in distance, JS 0.2 in hour",
        "learning_rate=0.05, stages=5",
        "12.5 s",
        "2 CPUs (EPYC), 8 GiB of memory, T4",
        "mae 17.25",
        DIGESTS["3"],
        "edge-service-flight_delay on port 18890 of edge_site, since 2013-02-05T03:00:00+00:00",
    ):
        assert told in printed


def test_a_version_that_went_no_further_says_so(run):
    _, printed = run("flight_delay:1")
    assert "rejected" in printed
    assert "none yet" in printed
    assert "never deployed" in printed


def test_a_partition_is_shown_with_every_version_that_came_of_it(run):
    _, printed = run("2013-02-01")
    rows = [line.split()[:3] for line in printed.splitlines() if line.strip().startswith("flight_delay:")]
    assert rows == [
        ["flight_delay:1", "evaluated", "on"],
        ["flight_delay:2", "trained", "on"],
        ["flight_delay:3", "trained", "on"],
    ]
    assert "2013-02-04 to 2013-02-05" in printed
    assert "since 2013-02-05" in printed


@pytest.mark.parametrize("width", [60, 80, 100, 139, 140, 200])
def test_nothing_of_a_partitions_list_is_cut_however_narrow_the_terminal_is(run, width):
    _, printed = run("2013-02-01", width=width)
    assert "\u2026" not in printed
    assert all(len(line.rstrip()) <= width for line in printed.splitlines())
    told = " ".join(printed.split())
    for word in ("flight_delay:1", "flight_delay:2", "flight_delay:3", "2013-02-04 to 2013-02-05"):
        assert word in told


def test_machines_get_all_of_it_as_json(run):
    code, printed = run(DIGESTS["2"], "--json")

    assert code == 0
    report = json.loads(printed)
    (version,) = report["versions"]
    assert (report["asked"], version["name"], version["version"]) == (DIGESTS["2"], "flight_delay", "2")
    assert version["is_champion"] is False
    assert version["data"]["partition"] == "2013-02-02"
    assert version["training"]["params"] == {"learning_rate": 0.05, "stages": 5}
    assert version["image"]["image_digest"] == DIGESTS["2"]
    assert version["deployment"]["deployments"][0]["until"] == "2013-02-05T03:00:00+00:00"


def test_a_question_without_an_answer_is_one_sentence_and_exit_code_2(run, capsys):
    assert run("flight_delay:9") == (2, "")
    assert capsys.readouterr().err == (
        "The registry has no version 9 of flight_delay; ask for one of flight_delay:1, 2, 3.\n"
    )


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([], "The following arguments are required: version|image|partition; "),
        (["x:1", "y:1"], "Unrecognized arguments: y:1; "),
    ],
)
def test_arguments_that_cannot_be_meant_are_one_sentence_and_exit_code_2(arguments, sentence, capsys):
    with pytest.raises(SystemExit) as caught:
        command.main(arguments)
    assert caught.value.code == 2
    assert capsys.readouterr().err.startswith(sentence)
    assert capsys.readouterr().err.count("\n") <= 1


def test_an_address_that_is_none_is_exit_code_2(capsys):
    assert command.main(["x:1", "--registry", "mlflow.example.com"]) == 2
    assert "give one like http://mlflow.example.com:5000" in capsys.readouterr().err


def test_without_airflow_the_registry_has_to_be_named(monkeypatch, capsys):
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "airflow" else found(name))
    assert command.main(["x:1"]) == 2
    told = capsys.readouterr().err
    assert "there is no airflow in this Python" in told
    assert "name the registry with --registry" in told


def test_a_registry_that_does_not_answer_is_exit_code_1(monkeypatch, capsys):
    def away(url, connection):
        raise ModelRegistryUnavailable("The model registry does not answer; start it.")

    monkeypatch.setattr(command, "_registry", away)
    assert command.main(["x:1"]) == 1
    assert capsys.readouterr().err == "The model registry does not answer; start it.\n"
