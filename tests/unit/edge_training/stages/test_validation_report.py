"""The report leaves the site file by file against its list, and rejected data says where its report is."""

from __future__ import annotations

import base64

import pytest
from tests.fakes.edge_host import InMemoryEdgeHost, Outcome
from tests.fakes.validations import InMemoryValidations
from tests.jobs import IMAGE, OWNER, PLAIN

from edge_runner.listing import listing_of
from edge_runner.protocol import WORK_NAME
from edge_training.errors import (
    DataRejected,
    ExportRefused,
    JobInterrupted,
    ModelRegistryRefused,
    ModelRegistryUnavailable,
    OutOfMemory,
)
from edge_training.lifecycle import ensure_started
from edge_training.project import ModelProject
from edge_training.run import PipelineRun
from edge_training.site import BlobStore, Site
from edge_training.stages.validation_report import has_report, keep, keep_rejected
from edge_training.validation_files import MAX_SIZE_BYTES

FILES = {
    "profile.json": b'{"version": 1}',
    "report.html": b"<p>3 rows</p>",
    "report.json": b'{"version": 1}',
}
FOUND = {"rows": 3, "rules": [{"outcome": "warned"}], "report": listing_of(FILES)}
REJECTED = DataRejected("The data breaks the contract.", FOUND)


@pytest.fixture
def run(tmp_path) -> PipelineRun:
    store = BlobStore("https://store.test", "edgestore", base64.b64encode(b"k" * 32).decode())
    project = ModelProject(name="delay", folder=tmp_path, container="data", prefix="date={partition}/")
    return PipelineRun(Site("edge_site", store), project, "2013-02-01", IMAGE, OWNER)


async def site_with(files) -> InMemoryEdgeHost:
    """A site with a check that has left these files."""
    host = InMemoryEdgeHost({IMAGE})
    host.outcomes[PLAIN.name] = [Outcome(files=files)]
    await ensure_started(host, PLAIN, OWNER)
    return host


async def test_what_was_listed_is_kept_with_its_figures(run):
    archive, said = InMemoryValidations(), []

    kept = await keep(await site_with(FILES), archive, run, PLAIN.name, FOUND, passed=True, say=said.append)

    validation = archive.kept[kept.run_id]
    assert validation.files == FILES
    assert (validation.model_name, validation.job_name, validation.partition, validation.passed) == (
        "delay",
        PLAIN.name,
        "2013-02-01",
        True,
    )
    assert validation.tags == {"site": "edge_site", "dag_id": "train_delay", "run_id": "manual__1"}
    assert validation.metrics == {"rows": 3.0, "rules_failed": 0.0, "rules_warned": 1.0}
    assert said == [
        f"leaves the site: {file['path']}, {file['size']} bytes, sha256 {file['sha256']}"
        for file in FOUND["report"]
    ]


async def test_the_list_is_said_before_the_first_byte_leaves(run):
    said = []
    host = await site_with({})
    with pytest.raises(JobInterrupted):
        await keep(host, InMemoryValidations(), run, PLAIN.name, FOUND, passed=True, say=said.append)
    assert len(said) == len(FILES)


@pytest.mark.parametrize(
    ("listing", "sentence"),
    [
        (None, "The list of exported files is malformed"),
        (listing_of({"rows.parquet": b"PAR1"}), "rows.parquet is not on the list of what may leave"),
        (listing_of({"../report.json": b"{}"}), "is no plain relative path"),
        (
            [{"path": "report.html", "size": MAX_SIZE_BYTES + 1, "sha256": "0" * 64}],
            f"hold {MAX_SIZE_BYTES + 1} bytes, at most {MAX_SIZE_BYTES} may leave",
        ),
    ],
)
async def test_a_list_of_what_may_not_leave_lets_nothing_out(run, listing, sentence):
    archive = InMemoryValidations()
    with pytest.raises(ExportRefused, match=sentence):
        await keep(
            await site_with(FILES), archive, run, PLAIN.name, {"report": listing}, passed=True, say=print
        )
    assert archive.kept == {}


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("report.html", b"<p>4 rows</p>", "report.html did not arrive as listed"),
        ("report.html", b"x" * 2**16, "more bytes than it listed"),
    ],
)
async def test_a_file_that_is_not_the_one_on_the_list_is_not_kept(run, name, content, sentence):
    host, archive = await site_with(FILES), InMemoryValidations()
    host.volumes[PLAIN.name][f"{WORK_NAME}/{name}"] = content
    with pytest.raises(ExportRefused, match=sentence):
        await keep(host, archive, run, PLAIN.name, FOUND, passed=True, say=print)
    assert archive.kept == {}


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b'{"version": 2}', "profile.json is no document of version 1; use the same release"),
        (b"[]", "profile.json is no document of version 1"),
        (b'{"version": 1, "head": []}', "profile.json holds head, which may not leave the site"),
    ],
)
async def test_a_document_that_holds_what_nobody_agreed_to_does_not_leave(run, content, sentence):
    files, archive = {"profile.json": content}, InMemoryValidations()
    found = {"report": listing_of(files)}
    with pytest.raises(ExportRefused, match=sentence):
        await keep(await site_with(files), archive, run, PLAIN.name, found, passed=True, say=print)
    assert archive.kept == {}


async def test_rejected_data_says_where_its_report_is(run):
    archive = InMemoryValidations()

    error, url = await keep_rejected(await site_with(FILES), archive, run, PLAIN.name, REJECTED, print)

    [(run_id, validation)] = archive.kept.items()
    assert not validation.passed
    assert type(error) is DataRejected
    assert str(error) == f"The data breaks the contract. The report is at memory:/{run_id}."
    assert error.details == FOUND
    assert url == f"memory:/{run_id}"


@pytest.mark.parametrize(
    ("error", "left"),
    [
        (REJECTED, True),
        (DataRejected("It has no rows."), False),
        (OutOfMemory("It was ended."), False),
        (OutOfMemory("It was ended.", FOUND), False),
    ],
)
def test_only_data_that_was_looked_at_has_a_report(error, left):
    assert has_report(error) is left


async def test_data_is_rejected_although_its_report_may_not_leave(run):
    host = await site_with({**FILES, "report.html": b"<p>another</p>"})
    error, url = await keep_rejected(host, InMemoryValidations(), run, PLAIN.name, REJECTED, print)
    assert type(error) is DataRejected
    assert str(error).startswith(
        "The data breaks the contract. Its report stays on the site: report.html did"
    )
    assert url == ""


async def test_data_is_rejected_although_the_registry_refuses_its_report(run):
    archive = InMemoryValidations()
    archive.outage = ModelRegistryRefused("The user may not.")
    error, _ = await keep_rejected(await site_with(FILES), archive, run, PLAIN.name, REJECTED, print)
    assert str(error) == "The data breaks the contract. Its report stays on the site: The user may not."


async def test_a_report_that_waits_for_the_registry_is_tried_again_and_hides_no_verdict(run):
    host, archive = await site_with(FILES), InMemoryValidations()
    archive.outage = ModelRegistryUnavailable("It does not answer.")
    with pytest.raises(ModelRegistryUnavailable) as caught:
        await keep_rejected(host, archive, run, PLAIN.name, REJECTED, print)
    assert str(caught.value) == (
        "The data breaks the contract. Its report waits for the model registry: It does not answer."
    )

    archive.outage = None
    error, url = await keep_rejected(host, archive, run, PLAIN.name, REJECTED, print)
    assert type(error) is DataRejected
    assert url
