"""Which Debian packages are missing, and what a user without root is told."""

from __future__ import annotations

import os

import pytest

from local_site.errors import PackagesMissing
from local_site.packages import apt_line, find_program, install, missing, require_installable

NEEDED = {"sshd": "openssh-server", "dockerd": "docker.io", "containerd": "containerd"}


def test_only_programs_that_are_not_found_are_installed():
    assert missing(NEEDED, lambda name: "/usr/sbin/sshd" if name == "sshd" else None) == [
        "containerd",
        "docker.io",
    ]


def test_programs_of_postgresql_are_found_below_their_version(tmp_path):
    for version in ("9.6", "15", "9"):
        server = tmp_path / version / "bin" / "some-server"
        server.parent.mkdir(parents=True)
        server.touch(mode=0o755)
    assert find_program("some-server", tmp_path) == str(tmp_path / "15" / "bin" / "some-server")


def test_nothing_is_done_when_nothing_is_missing(tmp_path):
    install([], tmp_path / "log")
    assert not (tmp_path / "log").exists()


def test_one_line_installs_everything():
    assert apt_line(["docker.io", "npm"]) == "apt-get install -y --no-install-recommends docker.io npm"


@pytest.mark.skipif(os.geteuid() == 0, reason="root installs instead of asking")
def test_without_root_the_message_is_the_line_to_run():
    with pytest.raises(PackagesMissing, match=r"sudo apt-get install .* docker\.io"):
        require_installable(["docker.io"])
