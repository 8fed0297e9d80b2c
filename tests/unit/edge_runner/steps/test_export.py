"""The export step: what is copied into the bundle, and what is refused by name."""

from __future__ import annotations

import json
import os

import pytest

from edge_runner.listing import bundle_digest
from edge_runner.protocol import Dirs, StepError
from edge_runner.steps import export
from edge_training.bundle import ALLOWED, check_listing

REQUEST = {"allow": list(ALLOWED), "max_bytes": 1_000_000}


@pytest.fixture
def dirs(tmp_path) -> Dirs:
    """What train and evaluate left."""
    dirs = Dirs(job=tmp_path / "job", inputs=tmp_path / "inputs")
    model = dirs.inputs / "train" / "model"
    model.mkdir(parents=True)
    (model / "MLmodel").write_text("flavors: {}\n")
    (model / "model.pkl").write_bytes(b"weights")
    (dirs.inputs / "train" / "metrics.jsonl").write_text('{"step": 1, "name": "mae", "value": 9}\n')
    (dirs.inputs / "evaluate").mkdir()
    (dirs.inputs / "evaluate" / "evaluation.json").write_text('{"metrics":{"mae":7.9}}')
    (dirs.inputs / "evaluate" / "probe.json").write_text('{"inputs":{"dataframe_split":{}}}')
    dirs.job.mkdir()
    return dirs


def refusal(dirs, **request) -> StepError:
    with pytest.raises(StepError) as caught:
        export.run({**REQUEST, **request}, {}, dirs)
    assert not (dirs.job / "bundle").exists()
    return caught.value


def test_model_metrics_and_evaluation_are_copied_and_listed(dirs):
    value = export.run(REQUEST, {}, dirs)

    paths = [file["path"] for file in value["files"]]
    assert paths == ["evaluation.json", "metrics.jsonl", "model/MLmodel", "model/model.pkl"]
    assert check_listing(value["files"]) == value["files"]
    assert value["bundle_digest"] == bundle_digest(value["files"])
    copied = {path.relative_to(dirs.job / "bundle").as_posix() for path in (dirs.job / "bundle").rglob("*.*")}
    assert copied == {"evaluation.json", "metrics.jsonl", "model/model.pkl"}
    assert (dirs.job / "bundle/model/MLmodel").read_text() == "flavors: {}\n"


def logged_with_mlflow(dirs, **params: str) -> None:
    run = dirs.inputs / "train" / "mlflow" / "0" / "run"
    for folder in ("metrics", "params", "tags"):
        (run / folder).mkdir(parents=True)
    (run / "meta.yaml").write_text("start_time: 1\n")
    (run / "tags" / "team").write_text("blue")
    for name, value in params.items():
        (run / "params" / name).write_text(value)


def test_parameters_and_tags_that_the_script_logged_with_mlflow_leave_with_the_model(dirs):
    logged_with_mlflow(dirs, alpha="0.25")

    value = export.run(REQUEST, {}, dirs)

    assert "run.json" in [file["path"] for file in value["files"]]
    found = json.loads((dirs.job / "bundle/run.json").read_bytes())
    assert found == {"params": {"alpha": "0.25"}, "tags": {"team": "blue"}}


def test_parameters_that_are_data_in_disguise_do_not_leave(dirs):
    logged_with_mlflow(dirs, alpha="x" * 70_000)

    assert "at most 65536 may leave the site; log less" in refusal(dirs).message


def test_the_probe_stays_on_the_site(dirs):
    export.run(REQUEST, {}, dirs)

    assert not list((dirs.job / "bundle").rglob("probe.json"))


def test_a_second_run_gives_the_same_bundle(dirs):
    assert export.run(REQUEST, {}, dirs) == export.run(REQUEST, {}, dirs)


@pytest.mark.parametrize("file", ["rows.parquet", "input_example.json", "train.csv", "cache/features.npz"])
def test_a_file_that_may_hold_data_is_refused_by_name(dirs, file):
    path = dirs.inputs / "train" / "model" / file
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b"1,2,3")

    error = refusal(dirs)

    assert error.kind == "ExportRefused"
    assert f"model/{file}" in error.message


def test_a_link_is_refused_even_under_an_allowed_name(dirs):
    weights = dirs.inputs / "train" / "model" / "model.pkl"
    weights.unlink()
    weights.symlink_to("/etc/passwd")

    assert "model/model.pkl is a link" in refusal(dirs).message


def test_a_linked_directory_is_refused(dirs):
    (dirs.inputs / "train" / "model" / "data").symlink_to("/edge/data")

    assert "model/data is a link" in refusal(dirs).message


def test_a_pipe_is_refused(dirs):
    os.mkfifo(dirs.inputs / "train" / "model" / "model.skops")

    assert "model/model.skops" in refusal(dirs).message


def test_too_large_a_bundle_is_refused(dirs):
    assert "at most 10 may leave" in refusal(dirs, max_bytes=10).message


def test_a_model_without_its_description_is_no_model(dirs):
    (dirs.inputs / "train" / "model" / "MLmodel").unlink()

    assert refusal(dirs).kind == "NoModel"


def test_only_numbers_leave_with_the_metrics(dirs):
    """A script can write anything into its metrics file; what is no metric stays."""
    lines = ['{"step": 2, "name": "mae", "value": 7.5, "rows": [[1, 2]]}', "name,age", '{"step": 3}']
    (dirs.inputs / "train" / "metrics.jsonl").write_text("\n".join(lines))

    export.run(REQUEST, {}, dirs)

    exported = (dirs.job / "bundle" / "metrics.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in exported] == [{"name": "mae", "step": 2, "value": 7.5}]


def test_a_metric_whose_name_could_carry_data_is_refused(dirs):
    (dirs.inputs / "train" / "metrics.jsonl").write_text(
        json.dumps({"step": 7, "name": "1,2,3;4,5,6", "value": 1})
    )

    error = refusal(dirs)

    assert "step 7" in error.message
    assert "1,2,3" not in error.message
