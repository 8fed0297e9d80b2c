"""A step that reads the blob store, in its container: no name server answers there."""

from __future__ import annotations

import pytest
from tests.jobs import OWNER, Said
from tests.real_host import real_host

from edge_training.lifecycle import ensure_started
from edge_training.outcomes import collect
from edge_training.partitions import Window
from edge_training.project import ModelProject, Ready
from edge_training.run import PipelineRun
from edge_training.site import BlobStore, Site
from edge_training.stages import wait
from edge_training.watching import START, follow
from local_site import SiteInfo
from local_site.settings import Settings

PARTITION = "2013-02-01"


@pytest.fixture
def run(site: SiteInfo, site_settings: Settings) -> PipelineRun:
    """A run on the example's data, which is there."""
    store = BlobStore(
        site.blob_endpoint,
        site.blob_account,
        site.blob_key,
        ca_pem=site.ca_file.read_text(),
        forward_address=site.blob_forward_address,
    )
    folder = site_settings.root / "include" / "flight_delay"
    project = ModelProject("names", folder, site.blob_container, "flights/date={partition}/", ready=Ready())
    return PipelineRun(Site("edge_site", store), project, PARTITION, site.training_image, OWNER)


async def test_a_look_at_the_store_needs_no_name_server(site, behind, run):
    job = wait.job(run, Window.before(PARTITION, 1), poll_s=1, time_limit_s=30, on_time_limit="fail")
    behind.names.append(job.name)
    async with real_host(site) as host:
        await ensure_started(host, job, OWNER)
        async for _ in follow(host, job.name, START, Said()):
            pass
        assert (await collect(host, job.name))["blobs"] > 0
