"""A log is read while it is written: each match counts once, however the writing is cut."""

from __future__ import annotations

import hashlib
import subprocess
import sys

from benchmarks.scripts import NUMBERED, TICK, flood, flood_sha256
from benchmarks.tail import LONGEST_MATCH_BYTES, Tail, anything


def said(tail: Tail) -> list[bytes]:
    return [arrival.said for arrival in tail.arrivals]


def test_a_file_that_is_not_there_yet_has_nothing(tmp_path):
    assert Tail(tmp_path / "later", TICK).look() == []


def test_a_match_in_two_pieces_counts_once(tmp_path):
    tail = Tail(tmp_path / "log", TICK)
    for piece in (b"noise tick 12.34", b"5678;", b" and tick 13.000000; and more"):
        with tail.path.open("ab") as log:
            log.write(piece)
        tail.look()
    assert said(tail) == [b"12.345678", b"13.000000"]


def test_a_match_behind_much_noise_is_found(tmp_path):
    tail = Tail(tmp_path / "log", TICK)
    tail.path.write_bytes(b"." * 10 * LONGEST_MATCH_BYTES)
    tail.look()
    with tail.path.open("ab") as log:
        log.write(b"tick 1.000000;")
    assert [arrival.said for arrival in tail.look()] == [b"1.000000"]


def test_waiting_gives_the_first_that_is_enough_or_nothing(tmp_path):
    tail = Tail(tmp_path / "log", TICK)
    tail.path.write_bytes(b"tick 1.000000; tick 2.000000;")
    found = tail.wait(lambda arrival: arrival.said.startswith(b"2"), limit_s=60)
    assert found is not None
    assert found.said == b"2.000000"
    assert tail.wait(anything, limit_s=0) is None


def test_a_flood_writes_what_its_digest_says(tmp_path):
    written = tmp_path / "written"
    with written.open("wb") as output:
        subprocess.run([sys.executable, "-c", flood(2000, float("inf"))], stdout=output, check=True)
    tail = Tail(written, NUMBERED)
    tail.look()
    assert len(set(said(tail))) == 2000
    assert hashlib.sha256(written.read_bytes()).hexdigest() == flood_sha256(2000)
