"""What the machine has that a container runs on; a container's limits are not seen here.

Source: the kernel's documentation, filesystems/proc; NVIDIA's driver shows each GPU that a container may use
as a directory.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

PROC = Path("/proc")
_GPUS = "driver/nvidia/gpus"
_CPU_MODEL = re.compile(r"^model name\s*:\s*(.+)$", re.MULTILINE)
_MEMORY_KB = re.compile(r"^MemTotal:\s*(\d+) kB$", re.MULTILINE)
_GPU_MODEL = re.compile(r"^Model:\s*(.+?)\s*$", re.MULTILINE)


def hardware(proc: Path = PROC) -> dict[str, Any]:
    """`cpus`, `cpu_model` (None where the kernel names none), `memory_bytes` (None where it does not say) and
    `gpus`, the models of those that may be used.
    """
    memory_kb = _found(_MEMORY_KB, proc / "meminfo")
    return {
        "cpus": os.cpu_count(),
        "cpu_model": _found(_CPU_MODEL, proc / "cpuinfo"),
        "memory_bytes": int(memory_kb) * 1024 if memory_kb else None,
        "gpus": [
            _found(_GPU_MODEL, place / "information") or "unknown model"
            for place in sorted((proc / _GPUS).glob("*"))
        ],
    }


def _found(pattern: re.Pattern[str], file: Path) -> str | None:
    try:
        found = pattern.search(file.read_text(errors="replace"))
    except OSError:
        return None
    return found.group(1) if found else None
