"""Patterns as the standard means them: it asks for regular expressions of ECMA-262, Polars has those of Rust.

What differs is what the short classes stand for (in ECMA-262 without its `u` flag `\\d`, `\\w` and the word
boundary are those of ASCII, in Rust those of Unicode), where the point finds a line's end, and that Rust has
sets within square brackets.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

DIGITS, WORDS = "0-9", "0-9A-Za-z_"
OUTSIDE: Mapping[str, str] = {
    r"\d": f"[{DIGITS}]",
    r"\D": f"[^{DIGITS}]",
    r"\w": f"[{WORDS}]",
    r"\W": f"[^{WORDS}]",
    r"\b": r"(?-u:\b)",
    ".": r"[^\n\r\x{2028}\x{2029}]",
    "[]": r"[^\s\S]",
    "[^]": r"[\s\S]",
}
INSIDE: Mapping[str, str] = {
    r"\d": DIGITS,
    r"\D": f"[^{DIGITS}]",
    r"\w": WORDS,
    r"\W": f"[^{WORDS}]",
    "[": r"\[",
    "&": r"\&",
    "~": r"\~",
    "-": r"\-",
}
"""The same between square brackets."""
_PIECE = re.compile(r"\\.|\[\^?((?:\\.|[^\\\]])*)\]|.", re.DOTALL)
"""A class in square brackets as a whole, or what stands outside of one."""
_END = r"\\[^dDwWsS]|[^\\]"
_MEMBER = re.compile(rf"({_END})-({_END})|\\.|.", re.DOTALL)
"""Of a class: a range, or a single one; a hyphen that makes no range is one itself."""


def in_rust(pattern: str) -> str:
    """The pattern in the words of Rust's regex crate, which Polars uses.

    Source: https://docs.rs/regex/latest/regex/#syntax
    """
    return _PIECE.sub(_outside, pattern)


def _outside(found: re.Match[str]) -> str:
    piece, members = found.group(), found.group(1)
    if not members:
        return OUTSIDE.get(piece, piece)
    opening = piece[: -len(members) - 1]
    return f"{opening}{_MEMBER.sub(_member, members)}]"


def _member(found: re.Match[str]) -> str:
    ends = found.groups() if found.group(1) else (found.group(),)
    return "-".join(INSIDE.get(end, end) for end in ends)
