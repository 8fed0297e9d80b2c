"""The network of our own Docker engine: a bridge and an address range of its own, removed without a trace.

The engine itself sets no iptables rules, because two engines on a machine flush each other's. Two rules of
ours take their place: containers of the site may talk to each other, and to nothing outside this machine.
Published ports go through Docker's own proxy.
"""

from __future__ import annotations

import ipaddress
import subprocess
from dataclasses import dataclass
from pathlib import Path

import psutil

from local_site.errors import DockerUnusable
from local_site.files import read_json, write_json
from local_site.layout import Layout
from local_site.packages import program

# One /16 for each site, high in 10.0.0.0/8 where neither Docker's defaults nor home networks are.
FIRST_OCTET = 200
OCTETS = 50
PORTS_PER_SITE = 100


@dataclass(frozen=True)
class EngineNetwork:
    """Names and addresses of one engine's network.

    Attributes:
        bridge: Name of the default bridge; 15 bytes at most.
        address_range: Everything the engine hands out.
    """

    bridge: str
    address_range: ipaddress.IPv4Network

    @property
    def bridge_interface(self) -> ipaddress.IPv4Interface:
        """The host's address on the default bridge, with its prefix."""
        subnet = next(self.address_range.subnets(new_prefix=24))
        return ipaddress.IPv4Interface(f"{subnet[1]}/{subnet.prefixlen}")

    @property
    def pool(self) -> ipaddress.IPv4Network:
        """Where further networks get their addresses; the upper half."""
        return list(self.address_range.subnets(prefixlen_diff=1))[1]

    @property
    def forward_rules(self) -> list[list[str]]:
        """The site's iptables rules, first to last.

        The first matters where the machine filters bridged traffic, the second where it forwards packets.
        """
        addresses = str(self.address_range)
        return [
            ["FORWARD", "-s", addresses, "-d", addresses, "-j", "ACCEPT"],
            ["FORWARD", "-s", addresses, "-j", "DROP"],
        ]


def choose_network(layout: Layout, port_base: int) -> EngineNetwork:
    """The network on record, or a free range."""
    record_file = layout.docker_dir / "network.json"
    recorded = read_json(record_file)
    if recorded is None:
        recorded = {"address_range": str(free_range(port_base // PORTS_PER_SITE, _addresses_in_use()))}
        write_json(record_file, recorded)
    return EngineNetwork(f"edge{layout.site_id}", ipaddress.IPv4Network(recorded["address_range"]))


def free_range(preference: int, in_use: list[ipaddress.IPv4Network]) -> ipaddress.IPv4Network:
    """The first /16 from the preferred one on that overlaps nothing in use.

    Raises:
        DockerUnusable: All are taken.
    """
    for offset in range(OCTETS):
        octet = FIRST_OCTET + (preference + offset) % OCTETS
        candidate = ipaddress.IPv4Network(f"10.{octet}.0.0/16")
        if not any(candidate.overlaps(network) for network in in_use):
            return candidate
    raise DockerUnusable(
        "Every address range from 10.200.0.0/16 on is in use: stop another site with `make down`."
    )


def ensure_bridge(network: EngineNetwork) -> None:
    """Make the bridge unless it exists, and put the rules first."""
    if network.bridge not in psutil.net_if_addrs():
        _ip("link", "add", "name", network.bridge, "type", "bridge")
        _ip("addr", "add", str(network.bridge_interface), "dev", network.bridge)
    _ip("link", "set", network.bridge, "up")
    for rule in reversed(network.forward_rules):
        _iptables("-D", rule)
        _iptables("-I", rule)


def remove(network: EngineNetwork) -> None:
    """Remove every interface of the address range, and the rules."""
    for name, addresses in psutil.net_if_addrs().items():
        if any(_inside(address.address, network.address_range) for address in addresses):
            _ip("link", "del", name)
    for rule in network.forward_rules:
        _iptables("-D", rule)


def local_addresses() -> set[str]:
    """All addresses of this machine's interfaces."""
    return {address.address for addresses in psutil.net_if_addrs().values() for address in addresses}


def _inside(address: str, address_range: ipaddress.IPv4Network) -> bool:
    try:
        return ipaddress.ip_address(address) in address_range
    except ValueError:  # a link-layer address
        return False


def _addresses_in_use() -> list[ipaddress.IPv4Network]:
    """Networks of the kernel's routing table."""
    return parse_routes(Path("/proc/net/route").read_text())


def parse_routes(table: str) -> list[ipaddress.IPv4Network]:
    """Destinations in /proc/net/route without the default route; addresses are little-endian hexadecimal."""
    rows = [line.split() for line in table.splitlines()[1:]]
    pairs = [
        (bytes.fromhex(row[1])[::-1], bytes.fromhex(row[7])[::-1]) for row in rows if row[7] != "00000000"
    ]
    return [ipaddress.IPv4Network((address, str(ipaddress.IPv4Address(mask)))) for address, mask in pairs]


def _ip(*arguments: str) -> None:
    result = subprocess.run(
        [program("ip"), *arguments], capture_output=True, text=True, check=False, timeout=30
    )
    if result.returncode != 0:
        raise DockerUnusable(
            f"`ip {' '.join(arguments)}` failed ({result.stderr.strip()}): start the site as root."
        )


def _iptables(action: str, rule: list[str]) -> None:
    """Add or delete a rule; deleting one that is not there is no failure."""
    command = [program("iptables"), "-w", "10", action, *rule]
    subprocess.run(command, capture_output=True, check=False, timeout=30)
