"""What a training runs on is read from the kernel, and unknown where the kernel does not say."""

from __future__ import annotations

import os

from edge_runner.hardware import hardware

CPUINFO = (
    "processor\t: 0\nmodel name\t: AMD EPYC 7763 64-Core Processor\n\nprocessor\t: 1\nmodel name\t: other\n"
)
MEMINFO = "MemTotal:       16374552 kB\nMemFree:         1234 kB\n"
GPU = "Model: \t\t Tesla T4\nIRQ:   \t\t 33\nGPU UUID: \t GPU-1\n"


def test_cpus_memory_and_gpus_of_the_machine_are_named(tmp_path):
    (tmp_path / "cpuinfo").write_text(CPUINFO)
    (tmp_path / "meminfo").write_text(MEMINFO)
    for place, told in (("0000:01:00.0", GPU), ("0000:02:00.0", "")):
        (tmp_path / "driver/nvidia/gpus" / place).mkdir(parents=True)
        (tmp_path / "driver/nvidia/gpus" / place / "information").write_text(told)

    assert hardware(tmp_path) == {
        "cpus": os.cpu_count(),
        "cpu_model": "AMD EPYC 7763 64-Core Processor",
        "memory_bytes": 16374552 * 1024,
        "gpus": ["Tesla T4", "unknown model"],
    }


def test_a_kernel_that_does_not_say_ends_nothing(tmp_path):
    found = hardware(tmp_path)
    assert (found["cpu_model"], found["memory_bytes"], found["gpus"]) == (None, None, [])
