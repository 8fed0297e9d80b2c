"""A checkpoint is whole or it is gone; the last two of a series are kept, and nothing else is touched."""

from __future__ import annotations

import os

import pytest

from edge_runner.checkpoints import keep_newest, remove_torn


@pytest.fixture
def folder(tmp_path):
    """Makes checkpoints, directories with a file, in the order given."""

    def made(*names: str):
        for name in names:
            (tmp_path / name).mkdir()
            (tmp_path / name / "weights").touch()
        return tmp_path

    return made


def names(folder) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_what_was_being_written_is_removed_before_the_script_starts_again(folder):
    made = folder("step-6", "step-7", "step-8.partial", "step-9.tmp", ".step-10")
    (made / "model.partial").touch()
    (made / "link.tmp").symlink_to(made / "step-7")
    remove_torn(made)
    assert names(made) == ["step-6", "step-7"]
    assert (made / "step-7" / "weights").exists()


def test_the_last_two_are_kept_by_number_and_not_by_name(folder):
    made = folder("step-8", "step-9", "step-10", "step-11")
    keep_newest(made)
    assert names(made) == ["step-10", "step-11"]


def test_a_clock_that_was_set_back_costs_no_new_checkpoint(folder):
    made = folder("step-1", "step-2", "step-3")
    os.utime(made / "step-3", (0, 0))
    keep_newest(made)
    assert names(made) == ["step-2", "step-3"]


def test_each_series_keeps_its_own(folder):
    made = folder("a-1", "a-2", "a-3", "b_1", "b_2", "b_3", "7", "8", "9")
    keep_newest(made)
    assert names(made) == ["8", "9", "a-2", "a-3", "b_2", "b_3"]


def test_what_is_no_whole_numbered_directory_is_the_scripts_own_business(folder):
    made = folder("step-1", "step-2", "best", "runs", "step-9.partial", ".cache-3")
    (made / "step-0").touch()
    (made / "model.joblib").touch()
    (made / "step-5").symlink_to(made / "step-1")
    (made / "step-6").symlink_to(made / "nowhere")
    before = names(made)
    keep_newest(made)
    assert names(made) == before


def test_a_link_is_not_followed_out_of_the_directory(folder, tmp_path_factory):
    outside = tmp_path_factory.mktemp("outside")
    (outside / "kept").touch()
    made = folder("step-1", "step-2", "step-3")
    (made / "step-1" / "elsewhere").symlink_to(outside)
    keep_newest(made)
    assert names(made) == ["step-2", "step-3"]
    assert (outside / "kept").exists()


def test_what_a_removal_left_half_done_is_torn(folder):
    made = folder("step-1", "step-2", "step-3")
    (made / ".step-1.partial").mkdir()
    (made / ".step-1.partial" / "half").touch()
    keep_newest(made)
    remove_torn(made)
    assert {"step-2", "step-3"} <= set(names(made))
    assert ".step-1.partial" not in names(made)


def test_a_script_that_removes_its_directory_does_no_harm(tmp_path):
    keep_newest(tmp_path / "none")
    (tmp_path / "file").touch()
    keep_newest(tmp_path / "file")
