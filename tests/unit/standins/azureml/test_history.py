"""Experiments, runs and metrics: what is kept, and what is refused."""

from __future__ import annotations

import pytest


@pytest.fixture
def runs(http, urls) -> str:
    """Where the runs of an experiment are."""
    http.post(f"{urls.history}/experiments/flight-delay").raise_for_status()
    return f"{urls.history}/experiments/flight-delay/runs"


def refused_with(answer) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["innerError"]["code"]


def test_an_experiment_is_made_once(http, urls):
    answers = [http.post(f"{urls.history}/experiments/flight-delay") for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 409]


def test_tags_are_added_to_those_of_an_experiment_and_replaced(http, urls):
    made = http.post(f"{urls.history}/experiments/flight-delay").json()
    where = f"{urls.history}/experimentids/{made['experimentId']}"
    http.patch(where, json={"tags": {"a": "1", "b": "1"}})
    assert http.patch(where, json={"tags": {"b": "2"}}).json() == {**made, "tags": {"a": "1", "b": "2"}}


@pytest.mark.parametrize("change", [{"tags": {"k": "v" * 1001}}, {"name": "another"}])
def test_an_experiment_is_as_it_was_after_a_change_that_is_refused(http, urls, change):
    made = http.post(f"{urls.history}/experiments/flight-delay").json()
    where = f"{urls.history}/experimentids/{made['experimentId']}"
    assert refused_with(http.patch(where, json=change)) == (400, "BadArgument")
    assert http.get(where).json() == made


@pytest.mark.parametrize("name", ["-a", "a b", "a:b", "a.b", "\u00e4", "x" * 256])
def test_an_experiments_name_has_letters_digits_hyphens_and_underscores(http, urls, name):
    assert refused_with(http.post(f"{urls.history}/experiments/{name}")) == (400, "BadArgument")


def test_tags_are_added_to_those_that_are_there_and_replaced(http, runs):
    http.patch(f"{runs}/r1", json={"tags": {"a": "1", "b": "1"}})
    assert http.patch(f"{runs}/r1", json={"tags": {"b": "2"}}).json()["tags"] == {"a": "1", "b": "2"}


@pytest.mark.parametrize(
    "change",
    [
        {"tags": {"k" * 101: "v"}},
        {"tags": {"k": "v" * 1001}},
        {"tags": {"k": 1}},
        {"tags": {f"k{number}": "v" for number in range(51)}},
        {"properties": {"k": "v" * 1001}},
        {"description": "d" * 5001},
        {"displayName": "d" * 257},
    ],
)
def test_a_run_is_as_it_was_after_a_change_that_is_refused(http, runs, change):
    before = http.patch(f"{runs}/r1", json={"tags": {"a": "1"}}).json()
    assert refused_with(http.patch(f"{runs}/r1", json=change)) == (400, "BadArgument")
    assert http.get(f"{runs}/r1").json() == before


def test_a_property_stays_as_it_is(http, runs):
    http.patch(f"{runs}/r1", json={"properties": {"a": "1"}})
    answer = http.patch(f"{runs}/r1", json={"properties": {"a": "2"}})
    assert refused_with(answer) == (400, "ImmutableProperty")


def test_a_run_belongs_to_one_experiment(http, urls, runs):
    http.patch(f"{runs}/r1", json={})
    http.post(f"{urls.history}/experiments/other")
    other = f"{urls.history}/experiments/other/runs/r1"
    assert [http.get(other).status_code, http.patch(other, json={}).status_code] == [404, 404]


@pytest.mark.parametrize(
    ("event", "state"),
    [("Start", "Running"), ("Completed", "Completed"), ("Failed", "Failed"), ("Canceled", "Canceled")],
)
def test_an_event_moves_a_run(http, runs, event, state):
    http.patch(f"{runs}/r1", json={})
    http.post(f"{runs}/r1/events", json={"name": f"Microsoft.MachineLearning.Run.{event}", "data": {}})
    assert http.get(f"{runs}/r1").json()["status"] == state


def test_an_unknown_event_moves_nothing(http, runs):
    http.patch(f"{runs}/r1", json={})
    answer = http.post(f"{runs}/r1/events", json={"name": "Microsoft.MachineLearning.Run.Vanished"})
    assert refused_with(answer) == (400, "BadArgument")


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ('(Tags/key eq "a and (b)")', ["r1"]),
        ('((Tags/key eq "c") and (ParentRunId eq null))', ["r2"]),
        ("(Status eq NotStarted)", ["r2", "r1"]),
        ("(Target eq edge-vm)", ["r2"]),
        (None, ["r2", "r1"]),
    ],
)
def test_a_filter_finds_what_it_says(http, runs, wanted, found):
    http.patch(f"{runs}/r1", json={"tags": {"key": "a and (b)"}})
    http.patch(f"{runs}/r2", json={"tags": {"key": "c"}, "target": "edge-vm"})
    value = http.post(f"{runs}:query", json={"filter": wanted}).json()["value"]
    assert [run["runId"] for run in value] == found


@pytest.mark.parametrize(
    "wanted", ["(Tags/key ne null)", "(Tags/a eq 1) or (Tags/b eq 2)", "(Owner eq me)", "nonsense"]
)
def test_a_filter_that_is_not_understood_is_refused(http, runs, wanted):
    http.patch(f"{runs}/r1", json={})
    assert refused_with(http.post(f"{runs}:query", json={"filter": wanted})) == (400, "BadArgument")


def test_runs_are_found_by_the_compute_target_that_they_name(http, urls, runs):
    for run, target in (("r1", "edge-vm"), ("r2", "edge-vm"), ("r3", "other")):
        http.patch(f"{runs}/{run}", json={"target": target})
    found = http.get(f"{urls.history}/computes/edge-vm/runs").json()["value"]
    assert [run["runId"] for run in found] == ["r2", "r1"]


def test_tags_are_taken_away_by_their_names(http, runs):
    http.patch(f"{runs}/r1", json={"tags": {"a": "1", "b": "2"}})
    answer = http.request("DELETE", f"{runs}/r1/tags", json=["a", "unknown"])
    assert answer.json()["tags"] == {"b": "2"}


def test_runs_come_in_pages(http, runs):
    for number in range(3):
        http.patch(f"{runs}/r{number}", json={})
    first = http.post(f"{runs}:query", json={"top": 2}).json()
    second = http.post(
        f"{runs}:query", json={"top": 2, "continuationToken": first["continuationToken"]}
    ).json()
    assert [run["runId"] for run in first["value"] + second["value"]] == ["r2", "r1", "r0"]
    assert second["continuationToken"] is None


def metric(name: str, *ids: str) -> dict:
    """Rows of a metric."""
    return {
        "name": name,
        "columns": {name: "double"},
        "value": [{"metricId": each, "data": {name: 1.0}} for each in ids],
    }


def test_a_row_sent_twice_is_one_row(http, urls, runs):
    http.patch(f"{runs}/r1", json={})
    for ids in (["1", "2"], ["2", "3"]):
        http.post(f"{urls.metrics}/runs/r1/batch", json={"values": [metric("rmse", *ids)]})
    rows = http.post(f"{urls.metrics}/runs/r1/full", json={"metricName": "rmse"}).json()["value"]
    assert [row["metricId"] for row in rows] == ["1", "2", "3"]


@pytest.mark.parametrize(
    "values",
    [
        [metric(f"m{number}", "1") for number in range(51)],
        [metric("m", *map(str, range(251)))],
        [metric("m" * 256, "1")],
    ],
    ids=["names", "rows", "length"],
)
def test_metrics_have_limits_and_none_of_a_refused_batch_is_kept(http, urls, runs, values):
    http.patch(f"{runs}/r1", json={})
    answer = http.post(f"{urls.metrics}/runs/r1/batch", json={"values": values})
    assert refused_with(answer) == (400, "BadArgument")
    assert http.post(f"{urls.metrics}/runs/r1/list", json={}).json()["value"] == []
