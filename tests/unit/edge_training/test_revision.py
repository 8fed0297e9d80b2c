"""Which commit runs, where there is a repository and where there is none."""

from __future__ import annotations

import subprocess

import pytest

from edge_training.revision import COMMIT_VARIABLE, UNKNOWN, git_commit


@pytest.fixture(autouse=True)
def untold(monkeypatch):
    monkeypatch.delenv(COMMIT_VARIABLE, raising=False)


@pytest.fixture
def checkout(tmp_path):
    """A repository with one committed file."""
    (tmp_path / "train.py").write_text("one")
    identity = ("-c", "user.name=t", "-c", "user.email=t@example.com")
    for command in (("init", "-q"), ("add", "."), (*identity, "commit", "-q", "-m", "one")):
        subprocess.run(["git", "-C", tmp_path, *command], check=True)
    return tmp_path


def test_a_clean_checkout_is_its_commit(checkout):
    commit = git_commit(checkout)
    assert len(commit) == 40
    assert int(commit, 16)


def test_changed_files_make_it_dirty(checkout):
    commit = git_commit(checkout)
    (checkout / "train.py").write_text("two")
    assert git_commit(checkout) == f"{commit}-dirty"


def test_a_deployment_without_its_repository_can_say_it(checkout, monkeypatch):
    monkeypatch.setenv(COMMIT_VARIABLE, "abc123")
    assert git_commit(checkout) == "abc123"


def test_without_a_repository_it_is_unknown(tmp_path):
    assert git_commit(tmp_path) == UNKNOWN
