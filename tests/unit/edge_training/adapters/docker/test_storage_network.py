"""The forwarder reaches exactly one address, whatever way that address is given."""

from __future__ import annotations

from dataclasses import replace

import pytest

from edge_training.adapters.docker.storage_network import forwarder_config, forwarder_name, upstream
from edge_training.ports.edge_host import BlobForward

FORWARD = BlobForward("store.blob.local.test", 443, "10.0.0.4", "runtime@sha256:1")


@pytest.mark.parametrize(
    ("address", "dialled", "hosts"),
    [
        ("10.0.0.4", "10.0.0.4", []),
        ("fd00::4", "[fd00::4]", []),
        ("store.blob.local.test", "store.blob.local.test", []),
        ("host-gateway", "blob-store.upstream", ["blob-store.upstream:host-gateway"]),
    ],
)
def test_what_is_dialled_and_the_hosts_line_it_needs(address, dialled, hosts):
    assert upstream(address) == (dialled, hosts)


def test_the_forwarder_listens_where_the_endpoint_is_and_dials_one_address():
    config = forwarder_config(FORWARD)
    assert config["Cmd"][:2] == ["python3", "-c"]
    assert config["Cmd"][3:] == ["443", "10.0.0.4:443", ""]
    assert config["HostConfig"]["CapDrop"] == ["ALL"]
    assert config["HostConfig"]["RestartPolicy"] == {"Name": "unless-stopped"}
    assert config["HostConfig"]["LogConfig"]["Config"] == {"max-size": "10m", "max-file": "3"}


def test_the_forwarder_asks_the_proxy_that_the_connection_names():
    config = forwarder_config(replace(FORWARD, proxy="http://proxy.test:3128"))
    assert config["Cmd"][3:] == ["443", "10.0.0.4:443", "proxy.test:3128"]


@pytest.mark.parametrize(
    "change",
    [{"host": "other.test"}, {"port": 8443}, {"address": "10.0.0.5"}, {"proxy": "http://proxy.test:3128"}],
)
def test_another_store_gets_a_forwarder_of_its_own(change):
    assert forwarder_name(replace(FORWARD, **change)) != forwarder_name(FORWARD)
    assert forwarder_name(replace(FORWARD)) == forwarder_name(FORWARD)
