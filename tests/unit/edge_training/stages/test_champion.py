"""evaluate_champion: whom a model is compared with, and the job that measures it."""

from __future__ import annotations

import base64
from dataclasses import replace
from pathlib import Path

import pytest
from tests.jobs import IMAGE, OTHER_RUN, OWNER

from edge_training.ports.model_registry import ModelVersion
from edge_training.project import Gate, ModelProject
from edge_training.run import PipelineRun
from edge_training.site import BlobStore, Site
from edge_training.stages import champion
from edge_training.stages.champion import Rival, rival_of

KEY, DATA, DIGEST = "k" * 64, "d" * 64, "b" * 64
STORE = Path("/bundles")
CHAMPION = ModelVersion(
    "delay",
    "3",
    {"training_key": "c" * 64, "window": "2013-01-18/2013-01-31", "bundle_digest": DIGEST},
    "run-3",
    "models:/delay/3",
)


@pytest.fixture
def project(tmp_path) -> ModelProject:
    """A project with a gate beside the champion."""
    (tmp_path / "evaluate.py").write_text("evaluate")
    return ModelProject(
        name="delay",
        folder=tmp_path,
        container="flights",
        prefix="date={partition}/",
        gates=(Gate("mae", above_champion_by=1.0),),
    )


@pytest.fixture
def run(project) -> PipelineRun:
    """A run of it."""
    store = BlobStore("https://store.test", "edgestore", base64.b64encode(b"k" * 32).decode())
    return PipelineRun(Site("edge_site", store), project, "2013-02-01", IMAGE, OWNER)


def test_a_champion_is_measured_when_a_gate_compares_with_it(project):
    assert rival_of(project, CHAMPION, KEY, "2013-02-01") == Rival("3", "")


def test_without_a_champion_there_is_nothing_to_measure(project):
    assert rival_of(project, None, KEY, "2013-02-01") == Rival("", "there is no champion yet")


def test_a_champion_that_is_this_very_training_is_not_measured_and_no_parent_of_itself(project):
    found = rival_of(project, CHAMPION, "c" * 64, "2013-02-01")
    assert found == Rival(None, "version 3, the champion, is this very training")


@pytest.mark.parametrize(
    ("partition", "seen"),
    [("2013-01-17", False), ("2013-01-18", True), ("2013-01-31", True), ("2013-02-01", False)],
)
def test_a_champion_that_was_trained_on_the_holdout_is_no_fair_comparison(project, partition, seen):
    """As in a backfill: it has seen the answers."""
    found = rival_of(project, CHAMPION, KEY, partition)
    assert found.version == "3"
    assert (f"was trained on {partition}, this holdout" in found.note) is seen


@pytest.mark.parametrize("window", [{}, {"window": ""}, {"window": "unknown"}])
def test_a_champion_of_unknown_window_is_measured(project, window):
    tags = {name: value for name, value in CHAMPION.tags.items() if name != "window"} | window
    assert rival_of(project, replace(CHAMPION, tags=tags), KEY, "2013-02-01").note == ""


def test_a_champion_that_no_gate_asks_for_is_told_and_not_measured(project):
    alone = replace(project, gates=(Gate("mae", at_most=1.0),))
    assert rival_of(alone, CHAMPION, KEY, "2013-02-01") == Rival("3", "no gate asks for the champion")


def test_the_champions_bundle_travels_to_the_holdout_and_no_other_data(run):
    job = champion.job(run, DATA, {}, CHAMPION, STORE)
    assert job.bundle == STORE / f"{DIGEST}.tar"
    assert job.request["champion"] == {"version": "3", "bundle_digest": DIGEST}
    assert "gates" not in job.request
    assert [mount.subpath for mount in job.mounts] == [f"work/views/{DATA}/holdout"]
    assert (job.step, job.inputs, job.storage, job.secrets) == ("evaluate", {}, None, {})


def test_a_champion_is_measured_once_for_each_bundle_holdout_script_and_parameters(run):
    job = champion.job(run, DATA, {}, CHAMPION, STORE)
    others = [
        champion.job(replace(run, owner=OTHER_RUN), DATA, {}, CHAMPION, STORE),
        champion.job(run, DATA, {}, replace(CHAMPION, version="4"), Path("/elsewhere")),
    ]
    assert {other.key for other in others} == {job.key}
    other_bundle = replace(CHAMPION, tags={**CHAMPION.tags, "bundle_digest": "e" * 64})
    keys = [
        champion.job(run, "e" * 64, {}, CHAMPION, STORE).key,
        champion.job(run, DATA, {"stages": 2}, CHAMPION, STORE).key,
        champion.job(run, DATA, {}, other_bundle, STORE).key,
    ]
    (run.project.folder / "evaluate.py").write_text("changed")
    keys.append(champion.job(run, DATA, {}, CHAMPION, STORE).key)
    assert len({job.key, *keys}) == 5
