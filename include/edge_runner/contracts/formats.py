"""The formats that a contract may name: of strings, of numbers by their bits, of dates and times as text."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_OCTET = r"(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
_IPV4 = rf"(?:{_OCTET}\.){{3}}{_OCTET}"
_H16 = r"[0-9A-Fa-f]{1,4}"
_LS32 = rf"(?:{_H16}:{_H16}|{_IPV4})"
_IPV6 = "|".join(
    [
        rf"(?:{_H16}:){{6}}{_LS32}",
        rf"::(?:{_H16}:){{5}}{_LS32}",
        rf"(?:{_H16})?::(?:{_H16}:){{4}}{_LS32}",
        *(
            rf"(?:(?:{_H16}:){{0,{5 - rest}}}{_H16})?::(?:{_H16}:){{{rest - 1}}}{_LS32}"
            for rest in range(4, 0, -1)
        ),
        rf"(?:(?:{_H16}:){{0,5}}{_H16})?::{_H16}",
        rf"(?:(?:{_H16}:){{0,6}}{_H16})?::",
    ]
)

STRING_PATTERNS = {
    "email": rf"^[A-Za-z0-9.!#$%&'*+/=?^_`{{|}}~-]+@{_LABEL}(?:\.{_LABEL})*$",
    "uuid": r"^[0-9A-Fa-f]{8}-(?:[0-9A-Fa-f]{4}-){3}[0-9A-Fa-f]{12}$",
    "uri": r"^[A-Za-z][A-Za-z0-9+.-]*:(?:[A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=-]|%[0-9A-Fa-f]{2})*$",
    "hostname": rf"^{_LABEL}(?:\.{_LABEL})*$",
    "ipv4": rf"^{_IPV4}$",
    "ipv6": rf"^(?:{_IPV6})$",
    "byte": r"^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$",
}
"""What a string of each format matches: email as browsers do (WHATWG's HTML standard), uuid by RFC 9562, uri
by the scheme and characters of RFC 3986, hostname by RFC 1123, ipv4 and ipv6 by the grammar of RFC 3986; byte
is base64 by RFC 4648.
"""
LONGEST_HOSTNAME = 253
INTEGER_RANGES = {
    **{f"i{bits}": (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) for bits in (8, 16, 32, 64)},
    **{f"u{bits}": (0, 2**bits - 1) for bits in (8, 16, 32, 64)},
}
NUMBER_RANGES = {
    "f32": (-(2 - 2.0**-23) * 2.0**127, (2 - 2.0**-23) * 2.0**127),
    "f64": (-(2 - 2.0**-52) * 2.0**1023, (2 - 2.0**-52) * 2.0**1023),
}
"""The largest finite numbers of IEEE 754; infinities and NaN have a place in both formats."""

ISO = {
    "date": r"[0-9]{4}-[0-9]{2}-[0-9]{2}",
    "time": r"[0-9]{2}:[0-9]{2}(?::[0-5][0-9](?:\.[0-9]{1,9})?)?",
}
ZONE = r"(?:Z|[+-][0-9]{2}:?[0-9]{2})"
_DIGITS = {
    "yyyy": ("[0-9]{4}", "%Y"),
    "uuuu": ("[0-9]{4}", "%Y"),
    "MM": ("[0-9]{2}", "%m"),
    "dd": ("[0-9]{2}", "%d"),
    "DDD": ("[0-9]{3}", "%j"),
    "HH": ("[0-9]{2}", "%H"),
    "mm": ("[0-9]{2}", "%M"),
    "ss": ("[0-5][0-9]", "%S"),
    "SSS": ("[0-9]{3}", "%3f"),
    "SSSSSS": ("[0-9]{6}", "%6f"),
    "SSSSSSSSS": ("[0-9]{9}", "%9f"),
}
_ZONES = frozenset({"Z", "X", "XX", "XXX", "x", "xx", "xxx", "ZZZZZ"})
_PART = re.compile(r"'((?:[^']|'')*)'|([A-Za-z])\2*|[^A-Za-z']")


@dataclass(frozen=True)
class TextFormat:
    """How a moment is written as text.

    Attributes:
        pattern: What the whole text matches, without its zone.
        directive: The same in the letters of strptime, without the zone.
        has_zone: Whether a zone stands behind it.
    """

    pattern: str
    directive: str
    has_zone: bool


@cache
def text_format(written: str) -> TextFormat | None:
    """Read a pattern in the letters of the JDK's `DateTimeFormatter`, as the standard asks.

    A bare `T` stands for itself, as in the standard's own examples. Digits are counted strictly.

    Returns:
        None when the pattern has letters that are not known here.
    """
    patterns, directives = [], []
    parts = list(_PART.finditer(written))
    has_zone = bool(parts) and parts[-1].group() in _ZONES
    for part in parts[: len(parts) - has_zone]:
        text = part.group()
        if text in _DIGITS:
            pattern, directive = _DIGITS[text]
        elif part.group(2) and text != "T":
            return None
        else:
            literal = text if part.group(1) is None else part.group(1).replace("''", "'") or "'"
            pattern, directive = re.escape(literal), literal.replace("%", "%%")
        patterns.append(pattern)
        directives.append(directive)
    if "".join(part.group() for part in parts) != written:
        return None
    return TextFormat("".join(patterns), "".join(directives), has_zone)
