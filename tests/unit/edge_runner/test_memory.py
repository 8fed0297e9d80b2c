"""What the kernel says of memory, in the files of either version of its cgroups, or in none."""

from __future__ import annotations

import pytest

from edge_runner.memory import Memory, read

V1 = {
    "memory/memory.limit_in_bytes": "314572800\n",
    "memory/memory.max_usage_in_bytes": "314560512\n",
    "memory/memory.oom_control": "oom_kill_disable 0\nunder_oom 0\noom_kill 2\n",
}
V2 = {
    "memory.max": "314572800\n",
    "memory.peak": "314560512\n",
    "memory.events": "low 0\nhigh 0\nmax 91\noom 1\noom_kill 2\noom_group_kill 0\n",
}


@pytest.fixture
def cgroup(tmp_path):
    def made(files: dict[str, str]):
        (tmp_path / "memory").mkdir()
        for name, content in files.items():
            (tmp_path / name).write_text(content)
        return tmp_path

    return made


@pytest.mark.parametrize("files", [V1, V2])
def test_both_versions_say_the_same(cgroup, files):
    assert read(cgroup(files)) == Memory(300 * 2**20, 314560512, 2)


@pytest.mark.parametrize(
    "files",
    [
        {},
        {"memory.max": "max\n"},
        {"memory/memory.limit_in_bytes": "9223372036854771712\n"},
        {"memory.events": "garbage\n\n", "memory.max": "", "memory.peak": "-1\n"},
    ],
)
def test_what_the_kernel_does_not_say_is_not_made_up(cgroup, files):
    assert read(cgroup(files)) == Memory(None, None, 0)


def test_only_what_happened_since_counts():
    """The counter of a machine's own group knows of processes that were none of ours."""
    assert Memory(8, 7, 5).since(Memory(8, 1, 3)) == Memory(8, 7, 2)


def test_the_sentence_has_the_limit_the_peak_and_the_remedy():
    assert Memory(300 * 2**20, 299 * 2**20, 1).sentence == (
        "the memory limit of 300 MiB was reached (peak 299 MiB); raise the step's memory or use less data"
    )
    assert "peak unknown size" in Memory(300 * 2**20, None, 1).sentence
