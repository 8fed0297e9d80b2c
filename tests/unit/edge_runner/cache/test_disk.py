"""Having files on the disk."""

from __future__ import annotations

import os

import pytest

from edge_runner.cache.disk import begin_writing_back, wait_until_written


def test_folder_that_cannot_be_flushed_is_an_error(tmp_path):
    wait_until_written(tmp_path)
    with pytest.raises(FileNotFoundError):
        wait_until_written(tmp_path / "nowhere")


def test_writing_back_changes_nothing_and_needs_no_disk(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"x" * 100_000)
    with path.open("rb") as file:
        begin_writing_back(file.fileno(), 0, 100_000)
    assert path.read_bytes() == b"x" * 100_000
    reading, writing = os.pipe()
    begin_writing_back(writing, 0, 1)  # a pipe has no place on a disk
    os.close(reading)
    os.close(writing)
