"""The stand-in for a workspace as a process of the site: azureml-core reaches it as the connection says."""

from __future__ import annotations

import json
import socket
import stat
from collections.abc import Iterator

import pytest
from tests.standins.azureml.interpreter import azureml_python

from local_site import azureml_workspace
from local_site.errors import StartFailed
from local_site.layout import Layout
from local_site.processes import Supervisor
from local_site.settings import Ports


@pytest.fixture
def ports(site_settings, monkeypatch) -> Ports:
    """Ports of nobody."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        number = free.getsockname()[1]
    monkeypatch.setattr(Ports, "azureml_proxy", number)
    return site_settings.ports


@pytest.fixture
def layout(tmp_path) -> Layout:
    return Layout(tmp_path / "state", tmp_path)


@pytest.fixture
def supervisor(layout, site_settings, ports) -> Iterator[Supervisor]:
    layout.state_dir.mkdir()
    supervisor = Supervisor(layout)
    supervisor.ensure(azureml_workspace.workspace(layout, site_settings.root, ports))
    yield supervisor
    supervisor.stop("azureml")


@pytest.fixture
def known(supervisor, layout, site_settings, tmp_path) -> dict[str, str]:
    return azureml_workspace.client(
        layout, "azureml", azureml_python(site_settings, tmp_path / "install.log")
    )


def test_azureml_core_enters_the_workspace_and_a_wrong_secret_does_not(known):
    assert azureml_workspace.versions(known, ["nobody_has_this"]) == []
    with pytest.raises(StartFailed, match=r"cannot read the workspace: (?s:.*)AADSTS7000215"):
        azureml_workspace.versions({**known, "client_secret": "wrong"}, ["nobody_has_this"])


def test_its_secret_is_its_owners_and_stands_on_no_command_line(known, layout, supervisor):
    assert stat.S_IMODE(layout.azureml_client_file.stat().st_mode) == stat.S_IRUSR | stat.S_IWUSR
    assert known["client_secret"] not in " ".join(supervisor.running("azureml").cmdline())


def test_a_second_start_has_the_same_secret(known, layout, supervisor, site_settings, ports):
    supervisor.stop("azureml")
    assert not azureml_workspace.answers(layout, ports)
    supervisor.ensure(azureml_workspace.workspace(layout, site_settings.root, ports))
    assert json.loads(layout.azureml_client_file.read_text())["client_secret"] == known["client_secret"]
