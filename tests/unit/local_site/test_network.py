"""Addresses and rules of our own Docker engine."""

from __future__ import annotations

from ipaddress import IPv4Network

import pytest

from local_site.docker_engine import engine_configuration, mount_points_below
from local_site.errors import DockerUnusable
from local_site.layout import Layout
from local_site.network import OCTETS, EngineNetwork, choose_network, free_range, parse_routes

ROUTES = """Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT
eth0\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\t0\t0\t0
eth0\t000200C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0
docker0\t000011AC\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0
"""


@pytest.fixture
def network() -> EngineNetwork:
    return EngineNetwork("edge0123456789", IPv4Network("10.228.0.0/16"))


def test_routes_are_read_without_the_default_route():
    assert parse_routes(ROUTES) == [IPv4Network("192.0.2.0/24"), IPv4Network("172.17.0.0/16")]


def test_two_sites_prefer_different_ranges():
    assert free_range(178, []) == IPv4Network("10.228.0.0/16")
    assert free_range(188, []) == IPv4Network("10.238.0.0/16")


def test_a_range_in_use_is_passed_over():
    assert free_range(178, [IPv4Network("10.228.7.0/24")]) == IPv4Network("10.229.0.0/16")


def test_without_a_free_range_the_message_names_the_remedy():
    with pytest.raises(DockerUnusable, match="make down"):
        free_range(0, [IPv4Network("10.0.0.0/8")])
    assert OCTETS > 1


def test_the_choice_is_kept(tmp_path):
    layout = Layout(tmp_path, tmp_path)
    first = choose_network(layout, 17800)
    assert choose_network(layout, 20000) == first


def test_an_interface_name_fits_the_kernels_fifteen_bytes(tmp_path):
    assert len(choose_network(Layout(tmp_path, tmp_path), 17800).bridge) <= 15


def test_bridge_and_further_networks_do_not_overlap(network):
    assert not network.bridge_interface.network.overlaps(network.pool)
    assert network.pool.subnet_of(network.address_range)


def test_containers_may_talk_to_each_other_before_everything_else_is_dropped(network):
    accept, drop = network.forward_rules
    assert accept[-1] == "ACCEPT"
    assert "-d" in accept
    assert drop == ["FORWARD", "-s", "10.228.0.0/16", "-j", "DROP"]


def test_the_engine_shares_no_path_address_or_rule_with_another(tmp_path, network):
    layout = Layout(tmp_path / "site", tmp_path / "cache")
    config = engine_configuration(layout, network)
    places = [config["data-root"], config["exec-root"], config["pidfile"], config["containerd"]]
    owned = (str(layout.state_dir), str(layout.runtime_dir))
    assert all(str(place).startswith(owned) for place in places)
    assert config["hosts"] == [f"unix://{layout.docker_socket}"]
    assert config["iptables"] is False
    assert config["ip-forward"] is False


def test_mounts_of_ours_are_found_innermost_first(tmp_path):
    info = "\n".join(
        [
            "22 1 8:1 / / rw - ext4 /dev/vda rw",
            "30 22 8:1 /site/docker/data /site/docker/data rw - ext4 /dev/vda rw",
            "31 30 0:40 / /site/docker/data/overlay2/with\\040space/merged rw - overlay overlay rw",
            "32 22 0:41 / /site2/docker/data rw - overlay overlay rw",
        ]
    )
    found = mount_points_below(info, tmp_path, tmp_path.__class__("/site"))
    assert [str(point) for point in found] == [
        "/site/docker/data/overlay2/with space/merged",
        "/site/docker/data",
    ]
