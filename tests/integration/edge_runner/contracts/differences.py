"""How docs/contract-verdicts.md names a pair over which datacontract-cli and we differ."""

from __future__ import annotations

from tests.integration.edge_runner.contracts.pairs import NOT_CHECKED, PASSED, Pair

STRUCTURE = {"contract", "partition", "file", "present", "type"}
"""Verdicts that are about more than one rule: when one of ours fails, no rule is counted."""


def line(pair: Pair) -> str:
    """The pair's line on the page, below the heading that the pair gives as its reason."""
    compared = (
        f"`{rule}` {our_verdict(pair, rule)}, there {verdict}" for rule, verdict in pair.theirs.items()
    )
    return f"- {pair.name}: {'; '.join(compared)}"


def our_verdict(pair: Pair, rule: str) -> str:
    """What we say of a rule, said or not."""
    is_counted = STRUCTURE.isdisjoint(name.split()[0] for name in (rule, *pair.expected))
    return pair.expected.get(rule, PASSED if is_counted else NOT_CHECKED)
