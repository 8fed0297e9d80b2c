"""Every byte lands in the raw log; of the lines as many are shown as their readers can take, each with its
place, and what is not shown is said.
"""

from __future__ import annotations

import errno
import itertools
import os
import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edge_runner.frames import Line, decode
from edge_runner.output import LAST_LINES, LINE_COST_BYTES, LONGEST_LINE_BYTES, Output, Rate

UNBOUNDED = Rate(1e12, 1e12)
NOTICE = re.compile(r"\[(\d+) lines, (\d+) bytes are not shown: they came faster than 1 kB/s; .*\]")
CONTENT = st.binary(max_size=400) | st.lists(st.sampled_from([b"a", b"\r", b"\n", b"\xff", b"\x00"])).map(
    b"".join
)


class Clock:
    """Seconds that a test lets pass."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def raw(tmp_path):
    with (tmp_path / "output.log").open("ab+", buffering=0) as file:
        yield file


class Reader:
    """Reads frames as a watcher does.

    Attributes:
        frames: All of them, remarks left out.
        remarks: Lines that are no frames.
    """

    def __init__(self) -> None:
        self.frames: list[Line] = []
        self.remarks: list[str] = []

    def show(self, text: str) -> None:
        frame = decode(text)
        if isinstance(frame, Line):
            self.frames.append(frame)
        else:
            self.remarks.append(text)

    @property
    def lines(self) -> list[str]:
        return [frame.text for frame in self.frames if not frame.skipped]

    @property
    def gaps(self) -> list[Line]:
        return [frame for frame in self.frames if frame.skipped]

    def require_every_byte_once(self, start: int, end: int) -> None:
        """Each frame begins where the one before it ended."""
        places = [start, *(frame.end for frame in self.frames)]
        assert [frame.start for frame in self.frames] == places[:-1]
        assert places[-1] == end


@pytest.fixture
def reader() -> Reader:
    return Reader()


def empty(raw) -> None:
    """As for a first start; one file serves all examples of a test."""
    raw.truncate(0)
    raw.seek(0)


def content_of(raw) -> bytes:
    raw.seek(0)
    return raw.read()


def chunks(content: bytes, cuts: list[int]) -> list[bytes]:
    places = [0, *sorted(cut % (len(content) + 1) for cut in cuts), len(content)]
    return [content[start:end] for start, end in itertools.pairwise(places)]


@given(content=CONTENT, cuts=st.lists(st.integers(0, 10**6), max_size=8))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_however_it_is_cut_every_line_is_shown_once_and_every_byte_kept(raw, content, cuts):
    empty(raw)
    reader = Reader()
    output = Output(raw, reader.show, UNBOUNDED)
    for chunk in chunks(content, cuts):
        output.add(chunk)
    output.close()
    assert content_of(raw) == content
    assert reader.lines == [line.decode(errors="backslashreplace") for line in content.splitlines()]
    reader.require_every_byte_once(0, len(content))


@given(
    sizes=st.lists(st.integers(0, 300), min_size=1, max_size=400),
    waits=st.lists(st.sampled_from([0.0, 0.05, 1.0, 9.0]), min_size=1, max_size=9),
    cuts=st.lists(st.integers(0, 10**6), max_size=8),
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_is_skipped_is_counted_exactly_and_covers_exactly_what_is_missing(raw, sizes, waits, cuts):
    empty(raw)
    reader, clock = Reader(), Clock()
    lines = [f"{number} {'x' * size}" for number, size in enumerate(sizes)]
    content = "".join(f"{line}\n" for line in lines).encode()
    output = Output(raw, reader.show, Rate(1000, 3000), clock)
    for number, chunk in enumerate(chunks(content, cuts)):
        output.add(chunk)
        clock.now += waits[number % len(waits)]
        output.rest()
    output.close()
    assert content_of(raw) == content
    reader.require_every_byte_once(0, len(content))
    for gap in reader.gaps:
        counted = NOTICE.fullmatch(gap.text)
        missing = content[gap.start : gap.end]
        assert counted is not None
        assert (int(counted[1]), int(counted[2])) == (missing.count(b"\n"), len(missing))
    assert [line for line in lines if line in set(reader.lines)] == reader.lines
    assert reader.lines[-LAST_LINES:] == lines[-LAST_LINES:]


@pytest.mark.parametrize(
    ("content", "lines"),
    [
        (b"no break at its end", ["no break at its end"]),
        (b"\n\n\n", ["", "", ""]),
        (b"10%\r20%\r30%\n", ["10%", "20%", "30%"]),
        (b"dos\r\nunix\n", ["dos", "unix"]),
        (b"nothing but a CR\r", ["nothing but a CR"]),
        (b"\xff\xfe is no text\n", ["\\xff\\xfe is no text"]),
        (b"a\x00b\x0b\x0c\x1c\xc2\x85\xe2\x80\xa8c\n", ["a\x00b\x0b\x0c\x1c\x85\u2028c"]),
        ("grün ✓ 🛰\n".encode(), ["grün ✓ 🛰"]),
    ],
)
def test_lines_are_told_apart_by_their_breaks_alone(raw, reader, content, lines):
    output = Output(raw, reader.show, UNBOUNDED)
    for number in range(len(content)):
        output.add(content[number : number + 1])
    output.close()
    assert reader.lines == lines
    reader.require_every_byte_once(0, len(content))


def test_a_line_of_three_megabytes_is_shown_in_pieces(raw, reader):
    content = b"z" * 3 * 2**20 + b"\nnext\n"
    output = Output(raw, reader.show, UNBOUNDED)
    for start in range(0, len(content), 2**16):
        output.add(content[start : start + 2**16])
    output.close()
    assert "".join(reader.lines[:-1]) == "z" * 3 * 2**20
    assert reader.lines[-1] == "next"
    assert max(map(len, reader.lines)) <= LONGEST_LINE_BYTES + 2**16
    reader.require_every_byte_once(0, len(content))


def test_a_long_line_is_not_cut_within_a_character(raw, reader):
    output = Output(raw, reader.show, UNBOUNDED)
    text = "x" + "é" * LONGEST_LINE_BYTES
    output.add(text.encode())
    output.close()
    assert "".join(reader.lines) == text


def test_a_long_line_that_is_no_text_at_all_is_cut_somewhere(raw, reader):
    output = Output(raw, reader.show, UNBOUNDED)
    output.add(b"\x80" * (LONGEST_LINE_BYTES + 3))
    output.close()
    assert "".join(reader.lines) == "\\x80" * (LONGEST_LINE_BYTES + 3)


def test_a_burst_is_shown_at_once_and_no_more_than_that(raw, reader, clock):
    output = Output(raw, reader.show, Rate(1000, 1000), clock)
    output.add(b"".join(b"%099d\n" % number for number in range(200)))
    assert [int(line) for line in reader.lines] == list(range(10))


def test_in_the_long_run_no_more_is_shown_than_the_rate_allows(raw, reader, clock):
    output = Output(raw, reader.show, Rate(10_000, 10_000), clock)
    seconds = 100
    for _ in range(seconds * 10):
        output.add((b"x" * 99 + b"\n") * 100)
        clock.now += 0.1
    shown = sum(frame.end - frame.start for frame in reader.frames if not frame.skipped)
    assert shown == pytest.approx(seconds * 10_000, rel=0.1)


def test_short_lines_count_too(raw, reader, clock):
    """A reader pays for a line, however short it is."""
    output = Output(raw, reader.show, Rate(1000, 10 * LINE_COST_BYTES), clock)
    output.add(b"\n" * 5000)
    assert reader.lines == [""] * 10


def test_what_is_held_back_is_shown_once_the_step_is_quiet(raw, reader, clock):
    output = Output(raw, reader.show, Rate(1000, 1000), clock)
    output.add(b"".join(b"%099d\n" % number for number in range(200)))
    output.rest()
    assert len(reader.lines) == 10
    clock.now = 1.0
    output.rest()
    assert [int(line) for line in reader.lines[10:]] == list(range(150, 200))
    assert [(gap.start, gap.end) for gap in reader.gaps] == [(1000, 15000)]


def test_the_last_lines_are_shown_whatever_the_rate(raw, reader, clock):
    output = Output(raw, reader.show, Rate(1, 1), clock)
    output.add(b"".join(b"%d\n" % number for number in range(1000)) + b"and the last")
    output.close()
    assert reader.lines == [str(number) for number in range(951, 1000)] + ["and the last"]


def test_places_go_on_where_an_earlier_start_ended(tmp_path, reader):
    (tmp_path / "output.log").write_bytes(b"earlier\n")
    with (tmp_path / "output.log").open("ab+", buffering=0) as raw:
        output = Output(raw, reader.show, UNBOUNDED)
        output.add(b"later\n")
        output.close()
    reader.require_every_byte_once(len(b"earlier\n"), len(b"earlier\nlater\n"))


def test_the_runners_own_line_stands_behind_what_was_left_unfinished(raw, reader):
    output = Output(raw, reader.show, UNBOUNDED)
    output.add(b"epoch 3 ...")
    output.say("OutOfMemory: more is needed.")
    output.say("A second one.")
    assert reader.lines == ["epoch 3 ...", "OutOfMemory: more is needed.", "A second one."]


class FullDisk:
    """A raw log on a disk that takes only so many bytes, and takes no more than a few at once."""

    def __init__(self, raw, room: int) -> None:
        self._raw, self.room = raw, room

    def tell(self) -> int:
        return self._raw.tell()

    def write(self, chunk) -> int:
        taken = min(self.room, 7, len(chunk))
        if not taken:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self.room -= taken
        return self._raw.write(chunk[:taken])

    def truncate(self, size: int) -> None:
        self._raw.truncate(size)


def test_a_disk_that_takes_little_at_once_gets_everything(raw, reader):
    output = Output(FullDisk(raw, 10**6), reader.show, UNBOUNDED)
    output.add(b"0123456789\n" * 20)
    assert content_of(raw) == b"0123456789\n" * 20


def test_a_full_disk_silences_nothing_and_later_bytes_lie_where_their_frames_say(raw, reader):
    disk = FullDisk(raw, 25)
    output = Output(disk, reader.show, UNBOUNDED)
    lines = [b"line %d of the log\n" % number for number in range(6)]
    for number, line in enumerate(lines):
        disk.room += 1000 * (number == 4)
        output.add(line)
    output.close()
    kept = content_of(raw)
    assert reader.lines == [line.decode().rstrip("\n") for line in lines]
    assert kept[:25] == b"".join(lines)[:25]
    last = reader.frames[-1]
    assert (kept[last.start : last.end], len(kept)) == (lines[-1], len(b"".join(lines)))
    assert reader.remarks == ["[from here on the raw log on the site has gaps: No space left on device]"]
