"""`python -m edge_runner.check_contract FILE`: whether a contract can be checked, without any data.

`-` stands for standard input. Exit code 1 with the sentence when it cannot.
"""

from __future__ import annotations

import sys
from pathlib import Path

from edge_runner.checks.rules import require_measurable
from edge_runner.contracts.compiler import compile_contract
from edge_runner.protocol import StepError


def main(file: str) -> int:
    """Check one contract."""
    text = sys.stdin.read() if file == "-" else Path(file).read_text()
    try:
        contract = compile_contract(text)
        require_measurable(contract)
    except StepError as error:
        sys.stdout.write(f"{error.message}\n")
        return 1
    sys.stdout.write(f"{len(contract.rules)} rules on {len(contract.columns)} columns can be checked.\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
