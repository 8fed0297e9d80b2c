"""The VM's door: an OpenSSH server on loopback that knows one key, and runs as whoever started the site."""

from __future__ import annotations

import getpass
import os
from pathlib import Path

from local_site.credentials import ensure_ssh_key
from local_site.files import make_private_dir, write_private
from local_site.health import greets
from local_site.layout import Layout
from local_site.packages import program
from local_site.processes import ProcessSpec

PRIVILEGE_SEPARATION_DIR = Path("/run/sshd")
SHADOW_FILE = Path("/etc/shadow")


def client_key_file(layout: Layout) -> Path:
    """Private key of the one client."""
    return layout.ssh_dir / "client_key"


def host_key_line(layout: Layout) -> str:
    """The server's public key as `ssh-ed25519 AAAA...`."""
    return ensure_ssh_key(layout.ssh_dir / "host_key")


def ssh_server(layout: Layout, port: int) -> ProcessSpec:
    """Write keys and configuration; gives the process to run."""
    host_key_line(layout)
    write_private(layout.ssh_dir / "authorized_keys", ensure_ssh_key(client_key_file(layout)) + "\n")
    make_private_dir(home_dir(layout.ssh_dir))
    login = getpass.getuser()
    locked = os.geteuid() == 0 and is_locked(login, SHADOW_FILE.read_text())
    config_file = layout.ssh_dir / "sshd_config"
    write_private(config_file, configuration(layout.ssh_dir, port, login, use_pam=locked))
    if os.geteuid() == 0:
        PRIVILEGE_SEPARATION_DIR.mkdir(mode=0o755, exist_ok=True)
    return ProcessSpec(
        name="sshd",
        # sshd re-executes itself for every connection and insists on its absolute path.
        command=[program("sshd"), "-D", "-e", "-f", str(config_file)],
        healthy=greets(port, b"SSH-2.0"),
        ports=(port,),
        configuration=(config_file,),
    )


def configuration(ssh_dir: Path, port: int, login: str, *, use_pam: bool) -> str:
    """The server's configuration.

    Args:
        ssh_dir: Directory of the keys.
        port: Loopback port.
        login: The one user who may log in.
        use_pam: Only for an account without a valid password, as root is on Ubuntu: without PAM, sshd refuses
            such an account even with a key. Passwords stay refused either way.
    """
    lines = [
        f"ListenAddress 127.0.0.1:{port}",
        f"HostKey {_quoted(ssh_dir / 'host_key')}",
        f"AuthorizedKeysFile {_quoted(ssh_dir / 'authorized_keys')}",
        "PidFile none",
        f"AllowUsers {login}",
        "AuthenticationMethods publickey",
        "PubkeyAuthentication yes",
        "PasswordAuthentication no",
        "KbdInteractiveAuthentication no",
        "PermitRootLogin prohibit-password",
        f"UsePAM {'yes' if use_pam else 'no'}",
        # The key's directory belongs to a checkout that may be group-writable; the key file itself is 0600.
        "StrictModes no",
        # The site's doors: the Docker socket, and what is published on the VM's loopback address. OpenSSH
        # refuses unix sockets too when TCP forwarding is off or PermitOpen narrows it.
        "AllowStreamLocalForwarding local",
        "AllowTcpForwarding local",
        "AllowAgentForwarding no",
        "X11Forwarding no",
        "PermitTunnel no",
        "PermitUserRC no",
        "PrintMotd no",
        "UseDNS no",
        "MaxStartups 100",
        "MaxSessions 100",
        "LogLevel VERBOSE",
        f"Subsystem sftp internal-sftp -d {_quoted(home_dir(ssh_dir))}".replace("%", "%%"),
    ]
    return "\n".join(lines) + "\n"


def home_dir(ssh_dir: Path) -> Path:
    """The VM's home directory over SFTP, apart from that of whoever runs the site."""
    return ssh_dir / "home"


def is_locked(login: str, shadow: str) -> bool:
    """Whether the account's password field in /etc/shadow starts with `!`."""
    return any(line.startswith(f"{login}:!") for line in shadow.splitlines())


def _quoted(path: Path) -> str:
    return f'"{path}"'
