"""Patterns as the standard means them: it asks for regular expressions of ECMA-262, Polars has those of Rust.

What differs is what the short classes stand for (in ECMA-262 without its `u` flag `\\d`, `\\w` and the word
boundary are those of ASCII, in Rust those of Unicode), and that Rust has sets within square brackets.
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
}
INSIDE: Mapping[str, str] = {
    r"\d": DIGITS,
    r"\D": f"[^{DIGITS}]",
    r"\w": WORDS,
    r"\W": f"[^{WORDS}]",
    "[": r"\[",
    "&": r"\&",
    "~": r"\~",
}
"""The same between square brackets."""
_PIECE = re.compile(r"\\.|.", re.DOTALL)


def in_rust(pattern: str) -> str:
    """The pattern in the words of Rust's regex crate, which Polars uses.

    Source: https://docs.rs/regex/latest/regex/#syntax
    """
    translated, is_inside = [], False
    for piece in _PIECE.findall(pattern):
        translated.append((INSIDE if is_inside else OUTSIDE).get(piece, piece))
        is_inside = piece != "]" if is_inside else piece == "["
    return "".join(translated)
