"""Two writers of one training, whose bundles, tags or verdicts differ, in any order: what a reader sees as
finished is what one of them has written.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from tests import bundles
from tests.mlflow_faults import Crash, FaultySession, crash
from tests.standins.azureml.interpreter import running_mlflow

from edge_training.adapters.mlflow.registry import MlflowRegistry
from edge_training.adapters.mlflow.session import MlflowSession
from edge_training.ports.model_registry import ModelVersion, Registration

KEY = "5" * 64
CALLS = (8, 12, *range(14, 27))
"""Before each of them the other writer comes; before the first of them a registration has written nothing."""
PATIENCE_S = 60


@pytest.fixture(scope="module")
def url(site_settings, tmp_path_factory) -> Iterator[str]:
    """An MLflow server."""
    with running_mlflow(site_settings, tmp_path_factory.mktemp("mlflow")) as found:
        yield found


@pytest.fixture
def registry(url) -> MlflowRegistry:
    """Somebody to whom nothing happens."""
    return MlflowRegistry(MlflowSession(url))


@pytest.fixture
def one(tmp_path) -> Registration:
    """What the first writer brings."""
    return Registration(
        name=f"races-{uuid.uuid4().hex[:12]}",
        training_key=KEY,
        bundle=bundles.stored(tmp_path / "one"),
        tags={"partition": "2013-02-01", "run_id": "one", "verdict": "passed by one"},
        params={"window_days": "14"},
        attachments={"card/card.md": b"card of one"},
    )


@pytest.fixture
def other(one, tmp_path) -> Registration:
    """What the second one brings: the model was saved again, and judged in another run."""
    saved_again = bundles.FILES["model/model.pkl"][::-1]
    return replace(
        one,
        bundle=bundles.stored(tmp_path / "other", {**bundles.FILES, "model/model.pkl": saved_again}),
        tags={"partition": "2013-02-01", "run_id": "other", "verdict": "passed by other"},
        attachments={"card/card.md": b"card of other"},
    )


def the_version(registry: MlflowRegistry, store: Path, *brought: Registration) -> ModelVersion:
    """The only version, once it gives back one of the bundles that were brought."""
    (found,) = registry.search(brought[0].name)
    fetched = registry.fetch(found, store)
    assert fetched.read_bytes() in [registration.bundle.read_bytes() for registration in brought]
    assert is_whole(found, brought)
    return found


def is_whole(found: ModelVersion, brought: Iterable[Registration]) -> bool:
    """Whether the tags are those of one writer, state included."""
    wanted = [{**registration.tags, "state": registration.state} for registration in brought]
    return any(found.tags.items() >= tags.items() for tags in wanted)


@pytest.mark.parametrize("call", CALLS)
def test_a_version_has_the_bundle_of_one_writer_wherever_the_other_one_comes_between(
    url, registry, one, other, tmp_path, call
):
    """The second writer begins and ends between two calls of the first, which then goes on."""
    session = FaultySession(url, call, lambda: registry.register(other), PATIENCE_S)

    version = MlflowRegistry(session).register(one)

    assert the_version(registry, tmp_path / "fetched", one, other) == version
    assert registry.attached(version, "card/card.md") == b"card of " + version.tags["run_id"].encode()


@pytest.mark.parametrize("call", CALLS[::3])
def test_a_version_has_its_bundle_when_a_writer_dies_and_another_one_brings_other_bytes(
    url, registry, one, other, tmp_path, call
):
    with suppress(Crash):
        MlflowRegistry(FaultySession(url, call, crash)).register(one)

    version = registry.register(other)

    assert the_version(registry, tmp_path / "fetched", one, other) == version
    assert version.source.endswith("/model")


@pytest.mark.parametrize("first", ["registered", "rejected"])
@pytest.mark.parametrize("calls", range(1, 5))
def test_a_verdict_that_is_changed_by_two_at_a_time_is_that_of_one_of_them(
    url, registry, one, other, calls, first
):
    """One is about to write its verdict when the other one begins and ends, and dies a little later."""
    registry.register(replace(one, tags={**one.tags, "verdict": "the first"}, state=first))
    then = {"registered": "rejected", "rejected": "registered"}[first]
    dying = Then(calls, lambda: registry.register(replace(other, state=then)))

    with suppress(Crash):
        session = FaultySession(url, "set_model_version_tag", dying, PATIENCE_S)
        MlflowRegistry(session).register(replace(one, state=then))

    seen = registry.find(one.name, KEY)
    assert seen is None or is_whole(seen, (replace(one, state=then), replace(other, state=then)))
    finished = registry.register(replace(one, state=then))
    assert is_whole(finished, (replace(one, state=then), replace(other, state=then)))
    assert registry.find(one.name, KEY) == finished


@dataclass
class Then:
    """Does something at the first call, and dies some calls later.

    Attributes:
        calls: How many calls it lives on.
        action: What it does.
    """

    calls: int
    action: Callable[[], object]
    _made: int = 0

    def __call__(self) -> None:
        if self._made == 0:
            self.action()
        if self._made == self.calls:
            crash()
        self._made += 1
