"""The progress line, and when it is printed."""

from __future__ import annotations

from edge_runner.cache import progress as module
from edge_runner.cache.progress import Progress, shown


def at(seconds):
    """A clock that was at 0 first and then stands."""
    times = iter([0.0])
    return lambda: next(times, seconds)


def test_line_says_blobs_bytes_rate_and_time_left():
    progress = Progress("downloaded", 4, 1_000_000_000, now_s=at(2.0))
    progress.add_bytes(400_000_000)
    progress.add_blob()
    assert progress.line() == "downloaded 1 of 4 blobs, 400.0 of 1000.0 MB, 200.0 MB/s, 3 s left"


def test_line_at_the_end_has_no_time_left():
    progress = Progress("checked", 1, 5_000_000, now_s=at(0.5))
    progress.add_bytes(5_000_000)
    progress.add_blob()
    assert progress.line() == "checked 1 of 1 blobs, 5.0 of 5.0 MB, 10.0 MB/s"


def test_line_before_the_first_byte_promises_nothing():
    assert (
        Progress("downloaded", 2, 7, now_s=at(9.0)).line()
        == "downloaded 0 of 2 blobs, 0.0 of 0.0 MB, 0.0 MB/s"
    )


def test_line_is_printed_while_work_goes_on_and_at_its_end(capsys, monkeypatch):
    monkeypatch.setattr(module, "INTERVAL_S", 0.01)
    progress = Progress("downloaded", 1, 1_000_000)
    with shown(progress):
        while not capsys.readouterr().out.startswith("downloaded 0 of 1 blobs"):
            pass
        progress.add_blob()
    assert capsys.readouterr().out.splitlines()[-1].startswith("downloaded 1 of 1 blobs")
