"""The jobs of the steps on the site: what their keys follow, what they see and what they reach."""

from __future__ import annotations

import base64
from dataclasses import replace
from urllib.parse import parse_qs

import pytest
from tests.jobs import NEXT_TRY, OTHER_RUN, OWNER

from edge_runner.protocol import CACHE_VOLUME_DIR, DATA_DIR
from edge_training.errors import BadRequest
from edge_training.partitions import Window
from edge_training.project import Drift, Gate, ModelProject, Ready
from edge_training.run import PipelineRun
from edge_training.sas import Grant
from edge_training.site import BlobStore, Site
from edge_training.stages import evaluate, probe, snapshot, stage, train, validate, verify, wait
from edge_training.stages.champion import Rival
from edge_training.stages.stage import CachePolicy
from edge_training.stages.validate import Reference

IMAGE = f"host/edge/training@sha256:{'1' * 64}"
OTHER_IMAGE = f"host/edge/training@sha256:{'2' * 64}"
DATA, OTHER_DATA = "d" * 64, "e" * 64
WINDOW = Window.before("2013-02-01", 2)
PARAMS = {"max_iter": 60}
PROFILE = Reference({"version": 1})


@pytest.fixture
def run(tmp_path) -> PipelineRun:
    """One run of a small project."""
    (tmp_path / "train.py").write_text("train")
    (tmp_path / "evaluate.py").write_text("evaluate")
    (tmp_path / "contract.yaml").write_text("kind: DataContract")
    store = BlobStore("https://store.test", "edgestore", base64.b64encode(b"k" * 32).decode())
    return PipelineRun(
        site=Site("edge_site", store),
        project=ModelProject(
            name="delay",
            folder=tmp_path,
            container="flights",
            prefix="date={partition}/",
            gates=(Gate("mae", at_most=60.0),),
        ),
        partition="2013-02-01",
        training_image=IMAGE,
        owner=OWNER,
        labels={"partition": "2013-02-01"},
    )


def jobs(run: PipelineRun) -> dict:
    """Every job of a run."""
    return {
        "wait": wait.job(run, WINDOW, 15, 600, "fail"),
        "snapshot": snapshot.job(run, WINDOW),
        "stage": stage.job(run, DATA, "edge-snapshot-1", CachePolicy()),
        "validate": validate.job(run, DATA, PROFILE),
        "train": train.job(run, DATA, PARAMS, ""),
        "evaluate": evaluate.job(run, DATA, "k" * 64, PARAMS),
        "verify": verify.job(run, f"host/edge/delay@sha256:{'3' * 64}", ["serve"], "edge-evaluate-1"),
    }


@pytest.mark.parametrize(
    ("step", "reaches_store"),
    [
        ("wait", True),
        ("snapshot", True),
        ("stage", True),
        ("validate", False),
        ("train", False),
        ("evaluate", False),
        ("verify", False),
    ],
)
def test_only_the_steps_before_the_data_is_staged_reach_the_store(run, step, reaches_store):
    job = jobs(run)[step]
    assert job.step == step
    assert (job.storage is not None) is reaches_store
    assert (set(job.secrets) == {"sas"}) is reaches_store
    assert job.labels == {"partition": "2013-02-01"}


@pytest.mark.parametrize(("step", "permissions"), [("wait", "l"), ("snapshot", "l"), ("stage", "r")])
def test_each_step_may_do_in_the_store_what_it_needs_and_no_more(run, step, permissions):
    job = jobs(run)[step]
    assert job.grant == Grant("flights", permissions)
    assert parse_qs(job.secrets["sas"])["sp"] == [permissions]


def test_a_probe_asks_with_what_a_pipelines_steps_may_do_and_asks_anew_at_every_try(run):
    asked, again = probe.job(run), probe.job(replace(run, owner=NEXT_TRY))
    assert asked.grant == Grant("flights", "rl")
    assert asked.storage == jobs(run)["stage"].storage
    assert asked.name != again.name


def test_where_the_account_has_directories_a_step_sees_that_of_the_data_only(run):
    store = replace(run.site.store, hierarchical_namespace=True, api_version="2020-02-10")
    project = replace(run.project, prefix="raw/date={partition}/")
    narrowed = replace(run, site=Site("edge_site", store), project=project)
    assert {step: job.grant.directory for step, job in jobs(narrowed).items() if job.grant} == {
        "wait": "raw",
        "snapshot": "raw",
        "stage": "raw",
    }


def test_the_window_and_the_partition_are_waited_for(run):
    assert jobs(run)["wait"].request["prefixes"] == [
        "date=2013-01-30/",
        "date=2013-01-31/",
        "date=2013-02-01/",
    ]


def test_wait_and_snapshot_agree_on_what_is_data_and_when_it_is_complete(run):
    ready = Ready(marker="_SUCCESS", min_blobs=3)
    run = replace(run, project=replace(run.project, include=("*.parquet",), exclude=("_*",), ready=ready))
    for step in ("wait", "snapshot"):
        request = jobs(run)[step].request
        assert (request["include"], request["exclude"]) == (["*.parquet"], ["_*"])
        assert request["ready"] == {"marker": "_SUCCESS", "min_blobs": 3, "min_size_bytes": 0, "quiet_s": 0}


def test_a_wait_ends_in_one_of_two_ways(run):
    assert wait.job(run, WINDOW, 15, 600, "skip").request["on_time_limit"] == "skip"
    with pytest.raises(BadRequest, match="on_time_limit is 'ignore'; set it to 'fail' or 'skip'"):
        wait.job(run, WINDOW, 15, 600, "ignore")


def test_the_partition_itself_is_the_holdout(run):
    parts = jobs(run)["snapshot"].request["parts"]
    assert [(part["partition"], part["split"]) for part in parts] == [
        ("2013-01-30", "train"),
        ("2013-01-31", "train"),
        ("2013-02-01", "holdout"),
    ]


@pytest.mark.parametrize("step", ["wait", "snapshot"])
def test_what_looks_at_the_world_looks_anew_at_every_try(run, step):
    again = replace(run, owner=NEXT_TRY)
    assert jobs(run)[step].name == jobs(run)[step].name
    assert jobs(run)[step].name != jobs(again)[step].name


@pytest.mark.parametrize("step", ["stage", "validate", "train", "evaluate", "verify"])
def test_what_follows_from_its_inputs_is_done_once(run, step):
    again = replace(run, owner=OTHER_RUN, labels={"partition": "another"})
    assert jobs(run)[step].name == jobs(again)[step].name


def test_training_sees_the_days_before_and_evaluation_the_holdout(run):
    all_jobs = jobs(run)
    seen = {step: [(m.target, m.subpath, m.read_only) for m in all_jobs[step].mounts] for step in all_jobs}
    assert seen["validate"] == [(DATA_DIR, f"work/views/{DATA}", True)]
    assert seen["train"] == [(DATA_DIR, f"work/views/{DATA}/train", True)]
    assert seen["evaluate"] == [(DATA_DIR, f"work/views/{DATA}/holdout", True)]
    assert seen["stage"] == [(CACHE_VOLUME_DIR, "", False)]


def test_a_changed_contract_is_checked_anew(run):
    before = validate.job(run, DATA, PROFILE).key
    (run.project.folder / "contract.yaml").write_text("kind: Other")
    assert validate.job(run, DATA, PROFILE).key != before
    assert validate.job(run, OTHER_DATA, PROFILE).key != validate.job(run, DATA, PROFILE).key


@pytest.mark.parametrize(
    "reference", [Reference(None, "there is none"), Reference(None, "it has none"), Reference({"rows": 5})]
)
def test_another_champion_is_another_comparison(run, reference):
    assert validate.job(run, DATA, reference).key != validate.job(run, DATA, PROFILE).key


def test_changed_drift_limits_are_held_against_the_data_anew(run):
    stricter = replace(run, project=replace(run.project, drift=Drift(psi_stop=0.2)))
    assert validate.job(stricter, DATA, PROFILE).key != validate.job(run, DATA, PROFILE).key


def test_a_check_is_told_all_that_its_report_says(run):
    job = validate.job(run, DATA, PROFILE)
    assert job.request == {
        "volume": job.name,
        "contract": "kind: DataContract",
        "partition": "2013-02-01",
        "model": "delay",
        "data_digest": DATA,
        "reference_profile": PROFILE.profile,
        "reference_lack": None,
        "drift": {"psi": {"warn": 0.1}, "js": {}, "ignore": []},
    }


def test_step_that_keeps_rows_on_the_site_knows_the_volume_they_lie_in(run):
    job = validate.job(run, DATA, PROFILE)
    assert job.request["volume"] == job.name


def test_changed_gates_or_code_are_evaluated_anew(run):
    key = evaluate.job(run, DATA, "k" * 64, PARAMS).key
    stricter = replace(run, project=replace(run.project, gates=(Gate("mae", at_most=1.0),)))
    assert evaluate.job(stricter, DATA, "k" * 64, PARAMS).key != key
    assert evaluate.job(run, DATA, "l" * 64, PARAMS).key != key
    (run.project.folder / "evaluate.py").write_text("other")
    assert evaluate.job(run, DATA, "k" * 64, PARAMS).key != key


def test_a_forced_training_is_another_one(run):
    assert train.job(run, DATA, PARAMS, "run-7").key != train.job(run, DATA, PARAMS, "").key
    assert (
        train.job(replace(run, training_image=OTHER_IMAGE), DATA, PARAMS, "").key
        != train.job(run, DATA, PARAMS, "").key
    )


def test_a_script_gets_as_many_threads_as_it_has_whole_cpus(run):
    for cpus, threads in ((0.5, 1), (1.0, 1), (2.5, 2)):
        changed = replace(run, limits=replace(run.limits, cpus=cpus))
        assert train.job(changed, DATA, PARAMS, "").request["threads"] == threads


RELATIVE = Gate("mae", above_champion_by=1.0)
RIVAL = Rival("3", "", "edge-evaluate-1")


def with_gates(run: PipelineRun, *gates: Gate) -> PipelineRun:
    return replace(run, project=replace(run.project, gates=gates))


def test_another_champion_is_another_evaluation(run):
    compared = with_gates(run, RELATIVE)
    rivals = [RIVAL, replace(RIVAL, job="edge-evaluate-2"), Rival("3", "it is this very training")]
    assert len({evaluate.job(compared, DATA, "k" * 64, PARAMS, rival).key for rival in rivals}) == 3


def test_an_evaluation_sees_what_the_champions_job_has_left(run):
    job = evaluate.job(with_gates(run, RELATIVE), DATA, "k" * 64, PARAMS, RIVAL)
    assert job.inputs["champion"] == "edge-evaluate-1"
    assert job.request["champion"] == {"version": "3", "note": ""}
    alone = evaluate.job(with_gates(run, RELATIVE), DATA, "k" * 64, PARAMS, Rival("", "there is none"))
    assert set(alone.inputs) == {"train"}


@pytest.mark.parametrize("bound", ["above_champion_by", "below_champion_by"])
def test_a_gate_that_asks_for_a_champion_whom_nobody_has_looked_for_names_the_remedy(run, bound):
    compared = with_gates(run, Gate("mae", **{bound: 1.0}))
    with pytest.raises(BadRequest, match="put an EvaluateChampionOperator before evaluate_model"):
        evaluate.job(compared, DATA, "k" * 64, PARAMS)


def test_a_contract_that_says_who_may_see_groups_is_part_of_an_evaluation(run):
    sliced = with_gates(run, Gate("mae", at_most=60.0, slice="carrier"))
    before = [evaluate.job(one, DATA, "k" * 64, PARAMS).key for one in (run, sliced)]
    (run.project.folder / "contract.yaml").write_text("kind: Other")
    after = [evaluate.job(one, DATA, "k" * 64, PARAMS).key for one in (run, sliced)]
    assert (after[0] == before[0], after[1] == before[1]) == (True, False)
    assert evaluate.job(sliced, DATA, "k" * 64, PARAMS).request["contract"] == "kind: Other"


def test_an_image_is_verified_by_its_digest_wherever_it_is_mirrored(run):
    image = f"host/edge/delay@sha256:{'3' * 64}"
    mirrored = verify.job(run, image.replace("host", "mirror"), ["serve"], "edge-evaluate-1")
    assert mirrored.key == verify.job(run, image, ["serve"], "edge-evaluate-1").key


def test_what_the_cache_may_take_reaches_the_stage_step(run):
    job = stage.job(run, DATA, "edge-snapshot-1", CachePolicy(quota_bytes=10, keep_days=2))
    assert (job.request["quota_bytes"], job.request["keep_s"]) == (10, 2 * 86400)


@pytest.mark.parametrize(
    ("policy", "words"),
    [({"keep_days": 0.5}, "set it to 1 or more"), ({"quota_bytes": 0}, "leaves no room")],
)
def test_policy_that_would_evict_under_a_run_is_refused(policy, words):
    with pytest.raises(BadRequest, match=words):
        CachePolicy(**policy)
