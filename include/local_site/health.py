"""Is a part of the site well? Small questions with short time limits, answered yes or no."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable
from pathlib import Path

import httpx

ASK_LIMIT_S = 5.0
LOOPBACK = "127.0.0.1"


def ssl_context(ca_file: Path) -> ssl.SSLContext:
    """A context that trusts this authority and no other, whatever the environment says."""
    return ssl.create_default_context(cafile=str(ca_file))


def http_status(url: str, ca_file: Path | None = None, login: tuple[str, str] | None = None) -> int | None:
    """Status of a GET, None when nobody answers; the environment's proxies and trust are not used."""
    verify = ssl_context(ca_file) if ca_file else False
    try:
        return httpx.get(url, auth=login, verify=verify, timeout=ASK_LIMIT_S, trust_env=False).status_code
    except httpx.TransportError:
        return None


def answers_http(
    url: str, status: int = 200, ca_file: Path | None = None, login: tuple[str, str] | None = None
) -> Callable[[], bool]:
    """A health check: a GET is answered with this status."""
    return lambda: http_status(url, ca_file, login) == status


def accepts(socket_path: Path) -> Callable[[], bool]:
    """A health check: somebody listens on this unix socket (its file may outlive its server)."""

    def check() -> bool:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(ASK_LIMIT_S)
            return connection.connect_ex(str(socket_path)) == 0

    return check


def greets(port: int, greeting: bytes) -> Callable[[], bool]:
    """A health check: the server on this loopback port opens with these bytes."""

    def check() -> bool:
        try:
            with socket.create_connection((LOOPBACK, port), timeout=ASK_LIMIT_S) as connection:
                return connection.recv(len(greeting)) == greeting
        except OSError:
            return False

    return check
