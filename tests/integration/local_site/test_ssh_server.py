"""The VM's door opens for one key, to the Docker socket and to ports of the VM, and for nothing else."""

from __future__ import annotations

import asyncssh
import pytest


def options(site, **changes):
    known_hosts = asyncssh.import_known_hosts(f"[{site.ssh_host}]:{site.ssh_port} {site.ssh_host_key}\n")
    settings = {
        "host": site.ssh_host,
        "port": site.ssh_port,
        "username": site.ssh_user,
        "client_keys": [str(site.ssh_private_key_file)],
        "known_hosts": known_hosts,
        "agent_path": None,
        "config": None,
    }
    return settings | changes


async def test_the_one_key_opens_the_docker_socket(site):
    async with asyncssh.connect(**options(site)) as connection:
        reader, writer = await connection.open_unix_connection(site.docker_socket)
        writer.write(b"GET /_ping HTTP/1.0\r\n\r\n")
        assert (await reader.read()).endswith(b"OK")


async def test_another_key_is_refused(site):
    stranger = asyncssh.generate_private_key("ssh-ed25519")
    with pytest.raises(asyncssh.PermissionDenied):
        await asyncssh.connect(**options(site, client_keys=[stranger]))


async def test_a_password_is_not_even_asked_for(site):
    with pytest.raises(asyncssh.PermissionDenied):
        await asyncssh.connect(**options(site, client_keys=None, password="anything"))
    methods = await asyncssh.get_server_auth_methods(
        site.ssh_host, site.ssh_port, username=site.ssh_user, config=None
    )
    assert methods == ["publickey"]


async def test_another_user_is_refused(site):
    with pytest.raises(asyncssh.PermissionDenied):
        await asyncssh.connect(**options(site, username="nobody"))


async def test_another_servers_key_is_refused_by_the_client(site):
    stranger = asyncssh.generate_private_key("ssh-ed25519").export_public_key().decode()
    known_hosts = asyncssh.import_known_hosts(f"[{site.ssh_host}]:{site.ssh_port} {stranger}")
    with pytest.raises(asyncssh.HostKeyNotVerifiable):
        await asyncssh.connect(**options(site, known_hosts=known_hosts))


async def test_nothing_of_the_clients_is_forwarded_to_the_vm(site):
    async with asyncssh.connect(**options(site)) as connection:
        with pytest.raises(asyncssh.ChannelListenError):
            await connection.forward_remote_port("127.0.0.1", 0, "127.0.0.1", 80)
