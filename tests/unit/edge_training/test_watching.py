"""Each line of a job once and in order, whatever happens to connections, clocks and containers."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from dataclasses import replace

import pytest
from tests.fakes.edge_host import InMemoryEdgeHost, Outcome, success
from tests.jobs import IMAGE, NEXT_TRY, OWNER, PLAIN, Said

from edge_runner.frames import RECEIVED, Line, Point
from edge_runner.protocol import ENDING_NAME, EXIT_NOT_DELIVERED, WORK_NAME
from edge_training import errors, ownership
from edge_training.lifecycle import ensure_started
from edge_training.ports.edge_host import LogLine
from edge_training.watching import START, Cursor, follow, watch

LINES = tuple(f"line {number}" for number in range(20))
KILLED = 137


@pytest.fixture
def host() -> InMemoryEdgeHost:
    return InMemoryEdgeHost({IMAGE})


async def finished(host: InMemoryEdgeHost, *lines: str) -> None:
    """A job that has said something and ended well."""
    host.outcomes[PLAIN.name] = [Outcome(lines=lines, result=success({}))]
    await ensure_started(host, PLAIN, OWNER)


async def to_the_end(host, cursor: Cursor = START, said: Said | None = None) -> tuple[Said, Cursor]:
    said = said or Said()
    async for reached in follow(host, PLAIN.name, cursor, said):
        cursor = reached
    return said, cursor


async def test_every_line_is_passed_on_once(host):
    await finished(host, *LINES)
    said, cursor = await to_the_end(host)
    assert said.lines == list(LINES)
    again, _ = await to_the_end(host, cursor)
    assert again.lines == []


async def cut_after(seen: int, host: InMemoryEdgeHost) -> list[str]:
    """What a watch shows that is cut after some lines and goes on from its cursor."""
    said, cursor = Said(), START
    async for reached in follow(host, PLAIN.name, START, said):
        cursor = reached
        if len(said.lines) == seen:
            break
    await to_the_end(host, cursor, said)
    return said.lines


@pytest.mark.parametrize("seen", range(len(LINES) + 1))
async def test_a_watch_that_is_cut_anywhere_goes_on_where_it_was(host, seen):
    await finished(host, *LINES)
    assert await cut_after(seen, host) == list(LINES)


def shuffled_clock(host: InMemoryEdgeHost, stamps: list[str]) -> None:
    lines = host.containers[PLAIN.name].lines
    lines[:] = [LogLine(stamp, line.text) for stamp, line in zip(stamps, lines, strict=True)]


@pytest.mark.parametrize("seen", range(1, 6))
async def test_a_clock_that_is_set_back_hides_no_line_and_repeats_none(host, seen):
    await finished(host, *LINES[:6])
    shuffled_clock(host, ["5", "6", "7", "2", "3", "6"])
    assert await cut_after(seen, host) == list(LINES[:6])


async def test_lines_that_share_a_time_are_all_passed_on(host):
    await finished(host, *LINES[:4])
    shuffled_clock(host, ["1"] * 4)
    assert await cut_after(2, host) == list(LINES[:4])


@pytest.mark.parametrize("seen", range(1, 6))
async def test_lines_of_a_raw_log_whose_end_a_power_cut_has_taken_are_all_passed_on_once(host, seen):
    """The third and fourth line were shown, and their bytes were lost; the places are given again."""
    await finished(host)
    frames = [Line(n * 7, n * 7 + 7, f"line {n}") for n in range(4)]
    frames += [Line(14, 21, "again"), Line(21, 28, "and on"), Line(28, 35, "bye")]
    host.containers[PLAIN.name].lines += [LogLine(str(n), each.encoded()) for n, each in enumerate(frames)]
    assert await cut_after(seen, host) == [each.text for each in frames]


async def test_a_remark_is_passed_on_once_however_often_the_log_is_read(host):
    await finished(host)
    host.containers[PLAIN.name].lines += [
        LogLine("1", "a remark"),
        LogLine("2", Line(0, 6, "hello").encoded()),
        LogLine("3", "another remark"),
        LogLine("4", Line(6, 12, "there").encoded()),
    ]
    assert await cut_after(3, host) == ["a remark", "hello", "another remark", "there"]


async def test_output_that_the_site_has_lost_is_said(host):
    await finished(host, *LINES[:5])
    del host.containers[PLAIN.name].lines[2]
    said, _ = await to_the_end(host)
    assert said.lines == [
        "line 0",
        "line 1",
        "[7 bytes of output are not shown here; the raw log has them]",
        "line 3",
        "line 4",
    ]


async def test_points_and_foreign_lines_find_their_way(host):
    await finished(host)
    point = Point(1, "loss", 0.5, 7)
    host.containers[PLAIN.name].lines += [
        LogLine("1", "the interpreter's own words"),
        LogLine("2", RECEIVED),
        LogLine("3", point.encoded()),
        LogLine("4", Line(0, 6, "hello").encoded()),
    ]
    said, _ = await to_the_end(host)
    assert said.lines == ["the interpreter's own words", "hello"]
    assert said.points == [point]


async def test_another_container_of_the_name_is_followed_from_its_start(host):
    host.outcomes[PLAIN.name] = [Outcome(exit_code=1, lines=("first",)), Outcome(lines=("second",))]
    await ensure_started(host, PLAIN, OWNER)
    said, cursor = await to_the_end(host)
    await ensure_started(host, PLAIN, NEXT_TRY)
    await to_the_end(host, cursor, said)
    assert said.lines == ["first", "second"]


async def watched(host: InMemoryEdgeHost, said: Said, most_restarts: int = 3) -> None:
    async for _ in watch(host, PLAIN.name, OWNER, START, said, most_restarts):
        pass


async def killed(host: InMemoryEdgeHost) -> None:
    """Wait until the job runs, then end it as a reboot does."""
    while host.containers[PLAIN.name].status != "running":
        await asyncio.sleep(0)
    host.containers[PLAIN.name].end(KILLED)


async def test_an_interrupted_job_is_started_again_while_it_is_watched(host):
    host.outcomes[PLAIN.name] = [
        Outcome(lines=("one",), runs=True),
        Outcome(lines=("two",), result=success({})),
    ]
    await ensure_started(host, PLAIN, OWNER)
    said = Said()
    await asyncio.gather(watched(host, said), killed(host))
    assert [said.lines[0], said.lines[2]] == ["one", "two"]
    assert "is started again (1 of at most 3)" in said.lines[1]


async def test_a_job_that_was_given_up_is_not_started_again(host):
    host.outcomes[PLAIN.name] = [Outcome(runs=True)]
    await ensure_started(host, PLAIN, OWNER)
    await ownership.release(host, PLAIN.name, OWNER)
    host.containers[PLAIN.name].end(KILLED)
    with pytest.raises(errors.JobInterrupted, match="Nobody watches"):
        await watched(host, Said())
    assert host.containers[PLAIN.name].status == "exited"


@pytest.mark.parametrize("exit_code", [KILLED, EXIT_NOT_DELIVERED])
async def test_an_interrupted_job_or_delivery_with_secrets_asks_for_a_worker(host, exit_code):
    secret = replace(PLAIN, secrets={"sas": "top-secret"})
    host.outcomes[PLAIN.name] = [Outcome(runs=True)]
    await ensure_started(host, secret, OWNER)
    host.containers[PLAIN.name].end(exit_code)
    with pytest.raises(errors.SecretsNeeded):
        await watched(host, Said())


async def test_an_interrupted_job_is_given_new_secrets_by_a_watcher_that_can_make_them(host):
    secret = replace(PLAIN, secrets={"sas": "first"})
    host.outcomes[PLAIN.name] = [Outcome(runs=True), Outcome(result=success({}))]
    await ensure_started(host, secret, OWNER)
    host.containers[PLAIN.name].end(KILLED)

    async def sign():
        return {"sas": "second"}

    said = Said()
    async for _ in watch(host, PLAIN.name, OWNER, START, said, 3, sign):
        pass
    assert host.messages[PLAIN.name] == [b'{"sas":"first"}', b'{"sas":"second"}']
    assert "is started again (1 of at most 3)" in said.lines[0]


async def test_what_the_connection_swallowed_at_the_end_is_fetched(host):
    """The stream ended early; the raw log is longer than what was seen."""
    await finished(host, *LINES[:3])

    class Deaf(InMemoryEdgeHost):
        async def logs(self, name, since):
            async for line in super().logs(name, since):
                if not since:
                    yield line

    deaf = Deaf(set())
    vars(deaf).update(vars(host))
    said = Said()
    async for reached in follow(deaf, PLAIN.name, START, said):
        cursor = reached
        if said.lines:
            break
    await to_the_end(deaf, cursor, said)
    assert said.lines == list(LINES[:3])


@pytest.mark.parametrize("left", [b"", b"{", b"[]", b'{"log": {"size_bytes": "all"}}'])
async def test_an_ending_that_a_script_has_written_over_ends_the_watch_all_the_same(host, left):
    await finished(host, *LINES[:3])
    _, cursor = await to_the_end(host)
    host.volumes[PLAIN.name][f"{WORK_NAME}/{ENDING_NAME}"] = left
    again, _ = await to_the_end(host, cursor)
    assert again.lines == []


class Counted(InMemoryEdgeHost):
    """Knows how many of its streams are open."""

    open_streams = 0

    async def logs(self, name, since):
        self.open_streams += 1
        try:
            async for line in super().logs(name, since):
                yield line
        finally:
            self.open_streams -= 1


@pytest.mark.parametrize("goes_on", [False, True])
async def test_a_watch_that_is_closed_leaves_no_stream_open(goes_on):
    """A stream is a channel of the connection that all jobs share."""
    host = Counted({IMAGE})
    await finished(host, *LINES[:3])
    _, cursor = await to_the_end(host)
    begin = replace(cursor, stamp=host.containers[PLAIN.name].lines[0].time) if goes_on else START
    async with aclosing(watch(host, PLAIN.name, OWNER, begin, Said(), 0)) as watched:
        await anext(watched)
        await anext(watched)
        assert host.open_streams == 1
    assert host.open_streams == 0


async def test_a_watch_that_is_cancelled_leaves_no_stream_open():
    host, said = Counted({IMAGE}), Said()
    host.outcomes[PLAIN.name] = [Outcome(lines=LINES[:1], runs=True)]
    await ensure_started(host, PLAIN, OWNER)
    watching = asyncio.create_task(watched(host, said))
    while not said.lines:
        await asyncio.sleep(0)
    assert host.open_streams == 1
    watching.cancel()
    with pytest.raises(asyncio.CancelledError):
        await watching
    assert host.open_streams == 0


async def test_a_gap_closes_the_stream_that_showed_it():
    host = Counted({IMAGE})
    await finished(host, *LINES[:4])
    said = Said()
    async with aclosing(follow(host, PLAIN.name, START, said)) as following:
        async for reached in following:
            cursor = reached
            if said.lines:
                break
    lines = host.containers[PLAIN.name].lines
    lines[1] = replace(lines[1], time="0")  # a clock set back hides it from the first reading
    async with aclosing(follow(host, PLAIN.name, cursor, said)) as following:
        async for _ in following:
            assert host.open_streams <= 1
    assert said.lines == list(LINES[:4])
