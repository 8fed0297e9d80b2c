"""What is downloaded once."""

from __future__ import annotations

import subprocess
import sys

import pytest

from local_site.bootstrap import uv_requirement
from local_site.commands import run_logged
from local_site.environments import content_hash, ensure_directory
from local_site.errors import BuildFailed
from local_site.settings import PROJECT_ROOT


def test_a_directory_is_filled_once(tmp_path):
    calls: list[str] = []
    for _ in range(2):
        ensure_directory(tmp_path / "wheels", lambda directory: calls.append(directory.name))
    assert calls == ["wheels"]


def test_a_directory_left_half_filled_is_started_again(tmp_path):
    def fail(directory):
        (directory / "half").touch()
        raise BuildFailed("no network")

    with pytest.raises(BuildFailed):
        ensure_directory(tmp_path / "wheels", fail)
    ensure_directory(tmp_path / "wheels", lambda directory: (directory / "whole").touch())
    assert sorted(path.name for path in (tmp_path / "wheels").iterdir()) == [".ready", "whole"]


def test_parts_of_a_hash_do_not_run_into_each_other():
    assert content_hash(b"ab", b"c") != content_hash(b"a", b"bc")


def test_a_failing_command_is_reported_with_the_end_of_its_log(tmp_path):
    command = [sys.executable, "-c", "print('no such wheel'); raise SystemExit(1)"]
    with pytest.raises(BuildFailed, match="no such wheel"):
        run_logged(command, tmp_path / "log", limit_s=20)


def test_a_command_that_takes_too_long_is_ended(tmp_path):
    with pytest.raises(BuildFailed, match="longer than 0 s"):
        run_logged([sys.executable, "-c", "import time; time.sleep(60)"], tmp_path / "log", limit_s=0.2)


def test_the_tools_version_is_the_locked_one():
    assert uv_requirement([PROJECT_ROOT / "requirements-dev.txt"]).startswith("uv==")


def test_the_bootstrap_needs_the_standard_library_only():
    script = PROJECT_ROOT / "include" / "local_site" / "bootstrap.py"
    command = [
        sys.executable,
        "-I",
        "-S",
        "-c",
        f"import runpy; runpy.run_path({str(script)!r}, run_name='probe')",
    ]
    assert subprocess.run(command, check=False).returncode == 0
