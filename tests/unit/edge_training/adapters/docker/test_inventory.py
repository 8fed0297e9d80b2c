"""What Docker's lists mean in our words."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import PurePosixPath

from edge_training.adapters.docker.inventory import (
    detailed,
    is_mark,
    mark,
    moment_of_mark,
    mounted,
    ours,
    site_image,
)

VOLUMES = PurePosixPath("/var/lib/docker/volumes")
DIRECTORIES = {
    VOLUMES / "edge-train-1/_data": "edge-train-1",
    VOLUMES / "edge-train-10/_data": "edge-train-10",
}
SINCE = datetime(2026, 11, 23, 21, 0, 5, tzinfo=UTC)


def row(**changes: object) -> dict[str, object]:
    """A row of `images/json`, as 20.10 sends it for an image that was pulled by digest."""
    return {
        "Id": "sha256:0123456789abcdef",
        "RepoTags": None,
        "RepoDigests": ["registry/m@sha256:1"],
        "Labels": {"edge-training.model": "m", "org.opencontainers.image.title": "m"},
    } | changes


def test_only_labels_of_ours_count_and_lose_their_prefix():
    assert ours({"edge-training.step": "train", "edge-training-of-others.x": "1", "step": "x"}) == {
        "step": "train"
    }
    assert ours(None) == {}


def test_a_directory_in_a_volume_is_a_use_of_that_volume_and_of_no_other():
    part = {"Type": "bind", "Source": str(VOLUMES / "edge-train-1/_data/work/model")}
    assert mounted([part], DIRECTORIES) == {"edge-train-1"}
    assert mounted([{"Type": "bind", "Source": "/etc"}], DIRECTORIES) == set()


def test_a_mounted_volume_counts_although_it_is_not_listed_yet():
    whole = {"Type": "volume", "Name": "new", "Source": str(VOLUMES / "new/_data")}
    assert mounted([whole], DIRECTORIES) == {"new"}


def test_a_mark_tells_its_time_and_is_told_from_other_tags():
    made = mark("sha256:0123456789abcdef", SINCE)
    assert made == "edge-unused/0123456789ab:20261123T210005Z"
    assert is_mark(made)
    assert moment_of_mark(made) == SINCE
    assert not is_mark("registry:5000/edge-unused/m:1")


def test_an_image_with_a_mark_only_has_no_name():
    marked = site_image(row(RepoTags=[mark("sha256:0123456789abcdef", SINCE)]), set())
    assert (marked.named, marked.unused_since) == (False, SINCE)
    named = site_image(row(RepoTags=[mark("sha256:0123456789abcdef", SINCE), "keep:me"]), set())
    assert (named.named, named.unused_since) == (True, SINCE)


def test_of_two_marks_the_later_counts():
    """Two Airflows may mark the same image."""
    earlier = SINCE.replace(hour=1)
    found = site_image(row(RepoTags=[mark("sha256:01", SINCE), mark("sha256:01", earlier)]), set())
    assert found.unused_since == SINCE


def test_an_image_without_references_is_shown_without_any():
    """How Docker writes none has changed from release to release."""
    for nothing in (None, [], ["<none>:<none>"]):
        digests = [text.replace(":", "@") for text in nothing] if nothing else nothing
        found = site_image(row(RepoTags=nothing, RepoDigests=digests), {"sha256:0123456789abcdef"})
        assert (found.references, found.named, found.unused_since, found.in_use) == ((), False, None, True)


def test_a_container_knows_where_it_is_and_where_it_leads():
    shown = {
        "Id": "1",
        "Name": "/edge-train-1",
        "Created": "2026-11-23T20:00:00.123456789Z",
        "State": {"Status": "running", "ExitCode": 0, "FinishedAt": "2026-11-22T20:00:00Z"},
        "Config": {"Labels": None},
        "Mounts": [],
        "NetworkSettings": {
            "Networks": {"edge-storage": {"IPAddress": "172.18.0.3"}, "none": {"IPAddress": ""}}
        },
        "HostConfig": {"ExtraHosts": ["account.blob.local:172.18.0.2"]},
    }
    found = detailed(shown, {})
    assert (found.addresses, found.peers) == ({"172.18.0.3"}, {"172.18.0.2"})
    assert found.finished is None, "it was started again since"
