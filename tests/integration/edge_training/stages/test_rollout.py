"""A roll-out on the real engine: published on loopback, swapped when healthy, kept when not."""

from __future__ import annotations

import socket
import uuid

import pytest
from tests.real_host import Engine, real_host

from edge_training.errors import RolloutFailed
from edge_training.ports.edge_host import ServiceSpec
from edge_training.stages.rollout import roll_out, service

SERVER = """
import http.server, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(int(sys.argv[1]))
        self.end_headers()
http.server.HTTPServer(("0.0.0.0", 8080), Handler).serve_forever()
"""
LIMIT_S = 60.0


@pytest.fixture
def image(site, behind: Engine):
    """Make a small serving image from its command; gives its id."""
    made: list[str] = []

    def build(*command: str) -> str:
        container = behind.client.containers.create(site.training_image)
        committed = container.commit(conf={"Cmd": list(command), "Entrypoint": []})
        container.remove()
        made.append(committed.id)
        return committed.id

    yield build
    behind.remove_containers()
    for found in made:
        behind.client.images.remove(found, force=True)


@pytest.fixture
def free_port() -> int:
    """A loopback port nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@pytest.fixture
def spec(behind: Engine, free_port: int):
    """A service of its own for an image."""
    name = f"t{uuid.uuid4().hex[:12]}"
    behind.names.append(f"edge-service-{name}")
    return lambda image: service(name, "1", image, free_port)


def serving(behind: Engine, spec: ServiceSpec) -> list[tuple[str, str]]:
    """Name and image of every container of the service."""
    found = behind.client.containers.list(all=True, filters={"name": spec.name})
    return [(container.name, container.attrs["Config"]["Image"]) for container in found]


async def test_services_are_swapped_when_healthy_and_kept_when_not(site, behind, image, spec):
    python = ("python3", "-c", SERVER)
    old, new, sick, dead = (
        image(*python, "200"),
        image(*python, "200", "new"),
        image(*python, "503"),
        image("false"),
    )
    async with real_host(site) as host:
        assert await roll_out(host, spec(old), None, LIMIT_S) is True
        assert await roll_out(host, spec(old), None, LIMIT_S) is False
        assert await roll_out(host, spec(new), None, LIMIT_S) is True
        for bad, limit_s in ((sick, 2.0), (dead, 2.0)):
            with pytest.raises(RolloutFailed, match="what served before serves on"):
                await roll_out(host, spec(bad), None, limit_s)
            assert serving(behind, spec(new)) == [(spec(new).name, new)]
            assert await host.http_status(spec(new).host_port, "/ping") == 200


async def test_a_service_is_published_on_loopback_only(site, behind, image, spec):
    made = spec(image("python3", "-c", SERVER, "200"))
    async with real_host(site) as host:
        await roll_out(host, made, None, LIMIT_S)
        assert await host.http_status(made.host_port, "/other") == 200
    bindings = behind.client.api.inspect_container(made.name)["NetworkSettings"]["Ports"]["8080/tcp"]
    assert {binding["HostIp"] for binding in bindings} == {"127.0.0.1"}


async def test_nobody_answers_on_a_port_without_a_service(site, free_port):
    async with real_host(site) as host:
        assert await host.http_status(free_port, "/ping") is None
