"""What the servers of a site are told."""

from __future__ import annotations

import configparser
import json
from pathlib import Path

from sqlalchemy.engine import make_url

from local_site import airflow, metadata_database, registry, ssh_server
from local_site.credentials import Credentials
from local_site.layout import Layout
from local_site.settings import Settings

LAYOUT = Layout(Path("/srv/a site"), Path("/srv/cache"))
ROOT = Path("/srv/project")
SETTINGS = Settings.from_environment({})


def sshd_options() -> dict[str, str]:
    text = ssh_server.configuration(Path("/srv/a site/ssh"), 2222, "edge", use_pam=False)
    return dict(line.split(" ", 1) for line in text.splitlines())


def test_sshd_lets_one_user_in_with_a_key_and_nothing_else():
    options = sshd_options()
    assert options["ListenAddress"] == "127.0.0.1:2222"
    assert options["AllowUsers"] == "edge"
    assert options["AuthenticationMethods"] == "publickey"
    assert (
        options["PasswordAuthentication"]
        == options["KbdInteractiveAuthentication"]
        == options["UsePAM"]
        == "no"
    )


def test_sshd_forwards_sockets_and_ports_of_the_vm_and_nothing_else():
    options = sshd_options()
    assert options["AllowStreamLocalForwarding"] == options["AllowTcpForwarding"] == "local"
    assert options["AllowAgentForwarding"] == options["PermitTunnel"] == options["X11Forwarding"] == "no"


def test_sshd_reads_paths_with_spaces():
    assert sshd_options()["HostKey"] == '"/srv/a site/ssh/host_key"'


def test_a_locked_account_is_told_from_one_without_a_password():
    shadow = "root:!:19000:0:99999:7:::\nedge:*:19000:0:99999:7:::\n"
    assert ssh_server.is_locked("root", shadow)
    assert not ssh_server.is_locked("edge", shadow)


def test_the_registry_is_closed_encrypted_and_local():
    config = json.loads(registry.configuration(LAYOUT, "secret", 5000))
    assert config["http"]["addr"] == "127.0.0.1:5000"
    assert config["http"]["tls"]["certificate"] == str(LAYOUT.server_certificate_file)
    assert "htpasswd" in config["auth"]


def test_airflow_reads_its_configuration_back_unchanged():
    sections = {"api": {"secret_key": "50%a", "port": 8080}}
    parser = configparser.ConfigParser()
    parser.read_string(airflow.as_ini(sections))
    assert parser["api"]["secret_key"] == "50%a"
    assert parser["api"]["port"] == "8080"


def test_the_metadata_database_is_named_by_its_socket_also_below_a_path_with_blanks():
    layout = Layout(Path("/srv/my site"), Path("/srv/cache"))
    parsed = make_url(metadata_database.url(layout))
    assert (parsed.username, parsed.password, parsed.query["host"]) == ("airflow", None, "/srv/my site/run")


def test_airflow_has_no_literal_secret_and_listens_on_loopback():
    first, second = (airflow.configuration(LAYOUT, SETTINGS, Credentials()) for _ in range(2))
    assert first["api"]["host"] == "127.0.0.1"
    for section, option in [("core", "fernet_key"), ("api", "secret_key"), ("api_auth", "jwt_secret")]:
        assert first[section][option] != second[section][option]


def test_no_secret_is_on_a_command_line_or_in_the_environment_of_airflow():
    credentials = Credentials()
    told = [(part.command, dict(part.environment or {})) for part in airflow.processes(LAYOUT, ROOT, 8080)]
    assert len(told) == 4
    assert not any(secret in repr(told) for secret in vars(credentials).values())
