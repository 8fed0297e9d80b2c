"""The door to the site on a real sshd: who is let in, whom we trust, and what is said when it stays shut."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncssh
import pytest
from tests.real_host import target

from edge_training.adapters.ssh.target import SshTarget, connect
from edge_training.errors import SiteRefused, SiteUnreachable


@asynccontextmanager
async def connected(target: SshTarget) -> AsyncIterator[asyncssh.SSHClientConnection]:
    """A connection, closed at the end."""
    connection = await connect(target)
    yield connection
    connection.close()


def new_key(kind: str = "ssh-ed25519") -> asyncssh.SSHKey:
    return asyncssh.generate_private_key(kind)


def public(key: asyncssh.SSHKey) -> str:
    return key.export_public_key().decode().strip()


async def refused(site, **changes) -> str:
    with pytest.raises(SiteRefused) as caught:
        async with connected(target(site, **changes)):
            pass
    return str(caught.value)


async def test_the_pinned_host_and_the_right_key_open_the_door(site):
    async with connected(target(site)) as connection:
        assert connection.get_extra_info("username") == site.ssh_user


async def test_a_host_key_with_its_comment_is_the_same_key(site):
    async with connected(target(site, host_key=f"{site.ssh_host_key} root@vm\n")):
        pass


async def test_a_wrong_key_is_refused_with_the_remedy(site):
    private_key = new_key().export_private_key().decode()
    sentence = await refused(site, private_key=private_key)
    assert f"{site.ssh_user}@{site.ssh_host}:{site.ssh_port} does not accept the SSH key" in sentence
    assert "authorized_keys" in sentence


async def test_another_user_is_refused(site):
    assert "does not accept the SSH key" in await refused(site, user="nobody-of-ours")


@pytest.mark.parametrize("kind", ["ssh-ed25519", "ssh-rsa", "ecdsa-sha2-nistp256"])
async def test_an_unknown_or_changed_host_key_is_refused_before_anything_is_sent(site, kind):
    """Also one of a kind that the server does not have at all: it hangs up when asked for that kind alone."""
    sentence = await refused(site, host_key=public(new_key(kind)))
    assert "is not the pinned one" in sentence
    assert "pin its new key" in sentence


@pytest.mark.parametrize("change", [{"private_key": "no key"}, {"host_key": "no key"}, {"host_key": ""}])
async def test_keys_that_cannot_be_read_name_the_connections_fields(site, change):
    assert "correct private_key and host_key in the site's connection" in await refused(site, **change)


async def test_a_key_with_a_passphrase_cannot_be_read(site):
    private_key = new_key().export_private_key(passphrase="s3cret").decode()
    assert "cannot be read" in await refused(site, private_key=private_key)


async def test_a_closed_port_is_out_of_reach(site, free_port):
    with pytest.raises(SiteUnreachable, match=f":{free_port} does not answer over SSH") as caught:
        async with connected(target(site, port=free_port)):
            pass
    assert "check that the VM is up" in str(caught.value)


async def test_a_name_nobody_knows_is_out_of_reach(site):
    with pytest.raises(SiteUnreachable, match="does not answer over SSH"):
        async with connected(target(site, host="vm.invalid")):
            pass
