"""What is made of the programs' results, and that both ways carry the same bytes."""

from __future__ import annotations

import pytest
from benchmarks.parts import register
from benchmarks.parts.register import CLIENT, CURL
from benchmarks.registration.bundle import LARGE_PATH, write
from benchmarks.registration.taken import OURS, Taken, compared

from edge_runner.listing import list_files
from edge_training import bundle as bundles


def test_time_beside_each_other_program_and_memory_beside_those_that_tell_theirs():
    taken = {
        OURS: Taken([3.0, 1.0, 2.0], [190.0, 200.0, 195.0], [189.0, 194.0, 194.0]),
        CLIENT: Taken([1.0], [150.0], [150.0]),
        CURL: Taken([4.0]),
    }
    figures = list(compared("it", taken))
    assert [(figure.peer_name, figure.ours, figure.peer, figure.unit) for figure in figures] == [
        (CLIENT, 2.0, 1.0, "s"),
        (CLIENT, 195.0, 150.0, "MiB"),
        (CURL, 2.0, 4.0, "s"),
    ]
    assert figures[1].note.startswith("of ours, 1.0 MiB came on top")


def test_a_program_that_did_not_work_ends_the_part(tmp_path, monkeypatch):
    monkeypatch.setattr(register, "program", lambda name: "/bin/false")
    server = register.Server("http://127.0.0.1:1", tmp_path)
    with pytest.raises(register.ProgramFailed, match="curl ended with 1"):
        register.curl(server, tmp_path, Taken())


def test_the_bundle_has_the_files_of_the_directory_and_the_size_asked_for(tmp_path):
    written = write(tmp_path, 7_000_000)
    assert bundles.read_listing(written.bundle) == list_files(written.files)
    assert (written.files / LARGE_PATH).stat().st_size == 7_000_000
