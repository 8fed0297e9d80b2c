"""Tags as people and machines read them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from edge_training.deployments import Change, Place, Request, begun, ended
from edge_training.lineage.chain import facts, values


@pytest.mark.parametrize(
    ("link", "tags", "told"),
    [
        (
            "data",
            {"contract_result": '{"not_checked":1,"passed":12}'},
            "1 not checked, 12 passed of 13 rules",
        ),
        ("data", {"drift": "{}"}, "not compared"),
        (
            "data",
            {"drift": '{"champion":"","js":0.2,"js_column":"hour"}'},
            "worst from the champion: JS 0.2 in hour",
        ),
        ("training", {"params": '{"loss":"l1","stages":5}'}, 'loss="l1", stages=5'),
        ("training", {"params": "{}"}, "none"),
        ("training", {"peak_memory_bytes": str(300 * 2**20)}, "300 MiB"),
        (
            "training",
            {"site_hardware": '{"cpu_model":null,"cpus":2,"gpus":[],"memory_bytes":null}'},
            "2 CPUs, no GPU",
        ),
        (
            "training",
            {"site_hardware": '{"cpu_model":"EPYC","cpus":2,"gpus":["T4"],"memory_bytes":8589934592}'},
            "2 CPUs (EPYC), 8 GiB of memory, T4",
        ),
        (
            "model",
            {"slices": '[{"groups":[{},{}],"metric":"mae","slice":"carrier"}]'},
            "mae by carrier in 2 groups",
        ),
        ("model", {"metrics": '{"mae":17.25,"r2":0.5}'}, "mae 17.25, r2 0.5"),
    ],
)
def test_a_tag_is_told_in_words(link, tags, told):
    assert [said for _, said in facts(link, tags)] == [told]


@pytest.mark.parametrize("damaged", ["no JSON", "7", '{"psi":1}'])
def test_a_tag_that_makes_no_sense_is_shown_as_it_is(damaged):
    assert damaged.replace('"', "'").replace(":", ": ") in dict(facts("data", {"drift": damaged}))[
        "Drift"
    ].replace('"', "'").replace(":", ": ").replace("  ", " ")


def test_machines_get_values_and_nothing_of_what_is_missing():
    tags = {"metrics": '{"mae":17.25}', "state": "registered", "mlflow.user": "somebody"}
    assert values("model", tags) == {"metrics": {"mae": 17.25}, "state": "registered"}
    assert values("image", tags) == {}


def test_a_roll_back_is_told_of_both_versions():
    place = Place("edge_site", "edge-service-delay", 18890)
    monday, tuesday = (datetime(2013, 2, day, 3, tzinfo=UTC) for day in (4, 5))
    deployed = Change(Request.of("deploy_delay", "night", monday, None), "2")
    back = Change(Request.of("deploy_delay", "manual", tuesday, "ada"), "1", is_rollback=True)

    gone = facts("deployment", ended(begun({}, place, monday, deployed), tuesday, back))
    present = facts("deployment", begun({}, place, tuesday, back))

    assert gone == [
        (
            "Served",
            "edge-service-delay on port 18890 of edge_site, 2013-02-04T03:00:00+00:00 to "
            "2013-02-05T03:00:00+00:00, given up for version 1 by ada in deploy_delay/manual",
        )
    ]
    assert present == [
        (
            "Served",
            "edge-service-delay on port 18890 of edge_site, since 2013-02-05T03:00:00+00:00, put back by ada "
            "in deploy_delay/manual",
        )
    ]
