"""What a container writes to Docker's log, line by line: a frame of its output, or a point of a metric.

`<start>-<end> <text>` is one line of the step's output with its place, in bytes, in the raw log that stays
in the job's volume; with `+`, a long line beyond ASCII as a JSON string. `<start>~<end> <text>` stands for a
part of the output that is not shown, and says so. The places make every line count once: whoever loses the
connection goes on behind the last place it has seen, and notices when something is missing. `metric <json>`
is one point of a metric. All other lines are remarks: of the interpreter or of Docker before the step began,
of the supervisor about the disk.
"""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass

DOCKER_PIECE_BYTES = 2**14
"""Docker cuts longer lines, also in the middle of a character, which it loses then; ASCII it cannot hurt."""
_PLACES_BYTES = 40
_BYTES_OF_A_CHARACTER = 4
_UNCUT_CHARS = (DOCKER_PIECE_BYTES - _PLACES_BYTES) // _BYTES_OF_A_CHARACTER
RECEIVED = "received"
"""The one line that says that the secrets have arrived; see `bootstrap.py`."""
_LINE = re.compile(r"([0-9]{1,18})([-+~])([0-9]{1,18}) (.*)", re.DOTALL)
_METRIC = "metric "
_POINT_TYPES: dict[str, tuple[type, ...]] = {
    "step": (int,),
    "name": (str,),
    "value": (int, float),
    "time_ms": (int,),
}


@dataclass(frozen=True)
class Line:
    """A line of the step's output.

    Attributes:
        start: Place of its first byte in the raw log.
        end: Place behind its last byte, the line break included.
        text: The line without its break; bytes that are no UTF-8 are escaped.
        skipped: Whether the text stands for lines that are not shown.
    """

    start: int
    end: int
    text: str
    skipped: bool = False

    def encoded(self) -> str:
        """The frame, without a line break."""
        if len(self.text) > _UNCUT_CHARS and not self.text.isascii():
            return f"{self.start}+{self.end} {json.dumps(self.text)}"
        return f"{self.start}{'~' if self.skipped else '-'}{self.end} {self.text}"


@dataclass(frozen=True)
class Point:
    """One point of a metric.

    Attributes:
        step: The step it belongs to.
        name: The metric.
        value: A finite number.
        time_ms: When the runner saw it, in milliseconds since 1970.
    """

    step: int
    name: str
    value: float
    time_ms: int

    def encoded(self) -> str:
        """The frame, without a line break."""
        return _METRIC + json.dumps(asdict(self))


def decode(text: str) -> Line | Point | None:
    """The frame of a line of Docker's log; None for a line that is none."""
    if found := _LINE.fullmatch(text):
        said = _decode_string(found[4]) if found[2] == "+" else found[4]
        return None if said is None else Line(int(found[1]), int(found[3]), said, skipped=found[2] == "~")
    return _decode_point(text.removeprefix(_METRIC)) if text.startswith(_METRIC) else None


def _decode_string(text: str) -> str | None:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, str) else None


def _decode_point(text: str) -> Point | None:
    try:
        fields = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(fields, dict) or fields.keys() != _POINT_TYPES.keys():
        return None
    fits = all(type(value) in _POINT_TYPES[name] for name, value in fields.items())
    return Point(**fields) if fits else None
