"""How a test calls functions in the interpreter with the clients: names and arguments in, results out."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any

MARK = "RESULT "


def main(*functions: Callable[..., Any]) -> None:
    """Make the calls on standard input, one after the other, until one fails."""
    known = {function.__name__: function for function in functions}
    try:
        result = {"values": [known[name](**arguments) for name, arguments in json.load(sys.stdin)]}
    except Exception as error:  # noqa: BLE001  # told to the test, which knows what it expects
        result = {"error": type(error).__name__, "message": str(error)}
    print(f"\n{MARK}{json.dumps(result)}", flush=True)
