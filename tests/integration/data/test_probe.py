"""The probe before gates of several ceilings, all of them in front of one real blob server."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import pytest
from tests.integration.data.conftest import Box

from edge_runner.protocol import StepError
from edge_runner.steps import probe
from local_site.layout import Layout
from local_site.stackhub_gate import running_gate

Gate = Callable[[str], str]


@contextmanager
def gate_of_ceiling(settings, max_version: str) -> Iterator[int]:
    """A gate of the test's own; gives its port."""
    layout, started, over = Layout(settings.state_dir, settings.cache_dir), threading.Event(), asyncio.Event()
    loop, ports = asyncio.new_event_loop(), []

    async def serve() -> None:
        async with running_gate(
            [("127.0.0.1", 0)],
            f"127.0.0.1:{settings.ports.azurite}",
            layout.server_certificate_file,
            layout.server_key_file,
            max_version,
        ) as addresses:
            ports.append(addresses[0][1])
            started.set()
            await over.wait()

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()))
    thread.start()
    assert started.wait(30)
    try:
        yield ports[0]
    finally:
        loop.call_soon_threadsafe(over.set)
        thread.join()
        loop.close()


@pytest.fixture
def gate(site, site_settings) -> Iterator[Gate]:
    """Start a gate of a ceiling; gives the endpoint behind it."""
    with ExitStack() as gates:

        def started(ceiling: str) -> str:
            port = gates.enter_context(gate_of_ceiling(site_settings, ceiling))
            return f"https://127.0.0.1:{port}/{site.blob_account}"

        yield started


def found(box: Box) -> dict[str, dict]:
    """Run the step; gives the findings by what was looked at."""
    value = probe.run(box.request(prefix=""), box.secrets(), box.dirs)
    json.dumps(value)
    return {finding["what"]: finding for finding in value["findings"]} | {"newest": value["newest_version"]}


def test_a_stack_hub_is_found_to_be_one(box, capsys):
    box.put("day/a", b"0123456789")
    findings = found(box)
    assert findings["newest"] == "2019-07-07"
    assert [what for what in findings if what != "newest" and findings[what]["ok"] is False] == []
    assert findings["range read"]["found"] == "9 of 9 bytes asked for"
    assert findings["If-Match"]["found"] == "412 ConditionNotMet"
    assert findings["Content-MD5"]["found"] == "1 of 1 blobs have it"
    assert findings["tags"]["found"] == "not here (400 InvalidQueryParameterValue)"
    assert findings["without a signature"]["ok"]
    assert findings["certificate"]["found"] == "trusted by the connection's ca_pem"
    shown = capsys.readouterr().out
    assert "If-Match" in shown
    assert "sig=" not in shown


@pytest.mark.parametrize(
    ("ceiling", "newer"),
    [
        ("2019-02-02", "none is accepted"),
        ("2019-12-12", "up to 2019-12-12 are accepted"),
        ("2024-11-04", "up to 2024-11-04 are accepted"),
    ],
)
def test_each_ceiling_is_found(box, gate, ceiling, newer):
    box.access["endpoint"] = gate(ceiling)
    findings = found(box)
    assert findings["newest"] == ceiling
    assert findings["newer versions"]["found"] == newer


def test_a_version_above_the_ceiling_is_refused_with_the_one_to_set(box, gate, capsys):
    box.access["endpoint"] = gate("2018-11-09")
    with pytest.raises(StepError) as caught:
        found(box)
    assert caught.value.kind == "StoreRefused"
    assert "set api_version" in caught.value.message
    assert caught.value.message.endswith("It accepts versions up to 2018-11-09.")
    assert "NO  2019-02-02 is refused" in capsys.readouterr().out


def test_a_signature_that_is_over_is_refused_after_the_table_of_what_is_known(box, capsys):
    box.let_access_be_over()
    with pytest.raises(StepError, match="the signature expired at"):
        found(box)
    assert "newer versions" in capsys.readouterr().out
