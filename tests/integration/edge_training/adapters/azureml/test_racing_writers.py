"""Two who write to one version at the same moment: both find their tags, though the service replaces all at
once, and files and tags of a registration are those of one of them.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from tests import bundles
from tests.standins.azureml.bridging import bridged
from tests.standins.azureml.faults import Fault

from edge_training.ports.model_registry import ModelRegistry, Registration

SLOW_S = 0.5
"""Less than another writer waits before it looks at its tags again."""
STUCK_S = 5.0
"""About as long as another writer's registration takes."""


@pytest.fixture(scope="module")
def two(azureml_standin, site_settings, tmp_path_factory) -> Iterator[tuple[ModelRegistry, ModelRegistry]]:
    """Two workers."""
    homes = tmp_path_factory.mktemp("one"), tmp_path_factory.mktemp("other")
    with (
        bridged(azureml_standin, site_settings, homes[0], patience_s=0) as one,
        bridged(azureml_standin, site_settings, homes[1], patience_s=0) as other,
    ):
        yield one, other


def test_tags_that_are_written_between_anothers_look_and_its_writing_are_not_lost(azureml, two, tmp_path):
    slow, quick = two
    version = slow.register(Registration("flight-delay", "5" * 64, bundles.stored(tmp_path)))
    quick.search(version.name)  # logs in
    azureml.faults.add(Fault("PATCH", "/models/", delay_s=SLOW_S))

    with ThreadPoolExecutor(1) as pool:
        written = pool.submit(slow.set_tags, version, {"image": "sha256:1"})
        while azureml.faults.waiting == 0:
            time.sleep(0.01)
        quick.set_tags(version, {"deployments": "[]"})
        written.result()

    found = slow.get(version.name, version.version)
    assert found.tags == {**version.tags, "image": "sha256:1", "deployments": "[]"}


def test_a_writer_that_comes_late_leaves_no_card_beside_the_tags_of_another(azureml, two, tmp_path):
    """It is stuck in the middle of its bundle while the other one registers."""
    slow, quick = two
    late, early = (
        Registration(
            "flight-delay",
            "5" * 64,
            bundles.stored(tmp_path / who),
            tags={"run_id": who},
            attachments={"card/card.md": f"card of {who}".encode()},
        )
        for who in ("late", "early")
    )
    for registry in two:
        registry.search(late.name)  # logs in
    azureml.faults.add(Fault("PUT", "blob.core.windows.net", delay_s=STUCK_S))

    with ThreadPoolExecutor(1) as pool:
        written = pool.submit(slow.register, late)
        while azureml.faults.waiting == 0:
            time.sleep(0.01)
        quick.register(early)
        written.result()

    (found,) = quick.search(late.name)
    assert quick.attached(found, "card/card.md") == f"card of {found.tags['run_id']}".encode()
