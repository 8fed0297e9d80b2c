"""All that a site lacks, in one report, before hours are spent."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import pytest
from tests.fakes.edge_host import InMemoryEdgeHost

from edge_training.errors import DiskFull, ImageMissing, RegistryUnavailable, SiteNotReady
from edge_training.ports.edge_host import Limits
from edge_training.ports.site_facts import SiteFacts
from edge_training.stages.preflight import SiteNeeds, ensure_ready, shortfalls

GIB = 2**30
IMAGE = "r.test/a@sha256:1"
FACTS = SiteFacts(
    docker_version="24.0.7",
    api_version="1.43",
    memory_bytes=16 * GIB,
    cpus=8,
    clock_skew_s=0.2,
    data_root="/var/lib/docker",
    storage_driver="overlay2",
    cgroup_version="2",
    free_bytes=100 * GIB,
    read_only=False,
    boot_id="1",
    gpu_ids=frozenset({"GPU-0", "GPU-1"}),
)
NEEDS = SiteNeeds(Limits(cpus=4, memory_bytes=8 * GIB, gpu_ids=("GPU-0",)), free_disk_bytes=10 * GIB)


class Site(InMemoryEdgeHost):
    """Says what it is told to, and has an image or not."""

    def __init__(self, facts: SiteFacts, image_error: Exception | None = None) -> None:
        super().__init__(set(), pullable={IMAGE})
        self.machine = facts
        self._image_error = image_error

    async def ensure_image(self, reference, login) -> None:
        if self._image_error is not None:
            raise self._image_error
        await super().ensure_image(reference, login)


def test_a_site_that_has_everything_lacks_nothing():
    assert shortfalls(NEEDS, FACTS) == []


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"docker_version": "19.03.8"}, r"Docker is 19\.03\.8, at least 20\.10 is needed: update it"),
        ({"docker_version": "unknown"}, "Docker is unknown"),
        ({"unlimited": frozenset({"pids"})}, "cannot limit pids .* enable its control group"),
        ({"memory_bytes": 4 * GIB}, "has 4 GiB of memory, the job asks for 8 GiB: lower"),
        ({"cpus": 2}, "has 2 CPUs, the job asks for 4: lower"),
        ({"gpu_ids": frozenset()}, r"no GPU-0 \(it has none\): correct gpu_ids"),
        ({"gpu_ids": frozenset({"GPU-1", "GPU-2"})}, r"no GPU-0 \(it has GPU-1, GPU-2\)"),
        ({"clock_skew_s": 86400.0}, "86400 s ahead of ours, 300 s are allowed: switch on"),
        ({"clock_skew_s": -86400.0}, "86400 s behind ours"),
        ({"free_bytes": 7 * GIB}, "has 7 GiB free of the 10 GiB wanted: free 3 GiB"),
        ({"read_only": True}, "is read-only: repair it and mount it writable"),
        ({"read_only": True, "free_bytes": 0}, "is read-only"),
    ],
)
def test_each_thing_that_is_missing_is_one_sentence_with_expected_got_and_remedy(change, said):
    (sentence,) = shortfalls(NEEDS, replace(FACTS, **change))
    assert sentence.endswith(".")
    assert re.search(said, sentence)


@pytest.mark.parametrize("version", ["20.10", "20.10.24+dfsg1", "28.2.2", "29.0.0-rc.1", "20.10.0-ce"])
def test_newer_engines_will_do(version):
    assert shortfalls(NEEDS, replace(FACTS, docker_version=version)) == []


async def test_a_ready_site_has_the_image_pulled():
    site = Site(FACTS)
    await ensure_ready(site, "north", NEEDS, IMAGE, None)
    assert site.images == {IMAGE}


async def test_one_report_names_all_that_is_missing_the_image_included():
    site = Site(replace(FACTS, free_bytes=GIB, clock_skew_s=3600.0), ImageMissing("No image a."))
    with pytest.raises(SiteNotReady) as caught:
        await ensure_ready(site, "north", NEEDS, "a", None)
    report = str(caught.value)
    assert report.startswith("The site north is not ready, 3 things are missing.")
    for part in ("1 GiB free", "3600 s ahead", "No image a."):
        assert part in report
    assert len(caught.value.details["missing"]) == 3
    assert json.loads(json.dumps(caught.value.details))["facts"]["cpus"] == 8
    assert not caught.value.retryable


@pytest.mark.parametrize("kind", [SiteNotReady, DiskFull])
async def test_a_disk_that_turns_out_full_or_read_only_while_pulling_is_part_of_the_report(kind):
    site = Site(FACTS, kind("The disk is as it is."))
    with pytest.raises(SiteNotReady, match=r"one thing is missing\. The disk is as it is\."):
        await ensure_ready(site, "north", NEEDS, "a", None)


async def test_a_registry_out_of_reach_is_no_shortfall_of_the_site():
    with pytest.raises(RegistryUnavailable):
        await ensure_ready(Site(FACTS, RegistryUnavailable("Out of reach.")), "north", NEEDS, "a", None)
