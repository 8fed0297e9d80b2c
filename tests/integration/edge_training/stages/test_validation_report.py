"""From a real container's volume over SSH into a real MLflow, and nothing but what was listed."""

from __future__ import annotations

import base64
import json
import uuid

import pytest
from tests.contract.validations import runs_on
from tests.edge_world import SMALL
from tests.jobs import OWNER
from tests.real_host import Engine, real_host

from edge_runner.listing import listing_of
from edge_runner.protocol import JOB_DIR, JOB_VOLUME_DIR
from edge_training.adapters.mlflow.session import MlflowSession
from edge_training.adapters.mlflow.validations import MlflowValidationArchive
from edge_training.errors import DataRejected, ExportRefused, JobInterrupted
from edge_training.identity import container_name
from edge_training.ports.edge_host import ContainerSpec, EdgeHost, Mount
from edge_training.project import ModelProject
from edge_training.run import PipelineRun
from edge_training.site import BlobStore, Site
from edge_training.stages.validation_report import keep, keep_rejected

FILES = {
    "profile.json": b'{"version":1}',
    "report.html": b"<p>" + b"\xc3\xa9" * 20_000,
    "report.json": b'{"version":1,"verdict":"passed"}',
}
WRITES = """
import base64, json, os, sys
os.chdir(sys.argv[1])
for name, content in json.loads(sys.argv[2]).items():
    open(name, "wb").write(base64.b64decode(content))
os.symlink("/etc/passwd", "profile.json") if sys.argv[3] else None
"""


@pytest.fixture
def run(tmp_path, site) -> PipelineRun:
    """A run of a model nobody else uses."""
    store = BlobStore("https://store.test", "edgestore", base64.b64encode(b"k" * 32).decode())
    name = f"report-{uuid.uuid4().hex[:12]}"
    project = ModelProject(name=name, folder=tmp_path, container="data", prefix="date={partition}/")
    return PipelineRun(Site("edge_site", store), project, "2013-02-01", site.training_image, OWNER)


@pytest.fixture
def archive(site) -> MlflowValidationArchive:
    return MlflowValidationArchive(MlflowSession(site.mlflow_url))


async def ended(host: EdgeHost, behind: Engine, image: str, files, linked: str = "") -> str:
    """A container that has left these files, and perhaps a link to the image's users; gives its name."""
    name = container_name("validate", uuid.uuid4().hex * 2)
    behind.names.append(name)
    texts = {path: base64.b64encode(content).decode() for path, content in files.items()}
    spec = ContainerSpec(
        name,
        image,
        ("python3", "-c", WRITES, JOB_DIR, json.dumps(texts), linked),
        mounts=(Mount(name, JOB_VOLUME_DIR, read_only=False),),
        limits=SMALL,
    )
    await host.create(spec)
    await host.prepare(spec)
    await host.start(name)
    assert (await host.wait(name)).exit_code == 0
    return name


async def test_the_files_arrive_as_the_check_has_left_them(site, behind, run, archive):
    said = []
    async with real_host(site) as host:
        name = await ended(host, behind, site.training_image, FILES)
        found = {"rows": 3, "report": listing_of(FILES)}
        kept = await keep(host, archive, run, name, found, passed=True, say=said.append)
    assert archive.fetch(kept.run_id, kept.files) == FILES
    [check] = runs_on(site.mlflow_url, run.project.name)
    assert (check.name, check.status, check.metrics) == ("validate 2013-02-01", "FINISHED", {"rows": 3.0})
    assert len(said) == len(FILES)


async def test_rejected_data_has_its_report_too(site, behind, run, archive):
    async with real_host(site) as host:
        name = await ended(host, behind, site.training_image, FILES)
        rejected = DataRejected("The data drifted.", {"report": listing_of(FILES)})
        error, url = await keep_rejected(host, archive, run, name, rejected, print)
    [check] = runs_on(site.mlflow_url, run.project.name)
    assert check.status == "FAILED"
    assert check.run_id in url
    assert str(error) == f"The data drifted. The report is at {url}."


async def test_a_link_in_place_of_a_file_leads_nowhere(site, behind, run, archive):
    """It would let out what it leads to."""
    async with real_host(site) as host:
        name = await ended(host, behind, site.training_image, {}, linked="yes")
        listed = [{"path": "profile.json", "size": 2**20, "sha256": "0" * 64}]
        with pytest.raises(ExportRefused, match="a link or a special file"):
            await keep(host, archive, run, name, {"report": listed}, passed=True, say=print)


async def test_a_file_that_is_gone_is_made_again_by_the_next_try(site, behind, run, archive):
    async with real_host(site) as host:
        name = await ended(host, behind, site.training_image, {})
        with pytest.raises(JobInterrupted, match="it is not there"):
            await keep(host, archive, run, name, {"report": listing_of(FILES)}, passed=True, say=print)
