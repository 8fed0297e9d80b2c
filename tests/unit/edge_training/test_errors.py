"""One class a remedy; the tree in the module's docstring is the tree of classes."""

from __future__ import annotations

import inspect
import re

import pytest

from edge_training import errors


def classes() -> dict[str, type[errors.EdgeError]]:
    return {
        name: found
        for name, found in inspect.getmembers(errors, inspect.isclass)
        if issubclass(found, errors.EdgeError)
    }


def descendants(parent: type[errors.EdgeError]) -> list[str]:
    """Names of all below, in the order in which a tree is drawn."""
    children = [child for child in parent.__subclasses__() if child.__module__ == errors.__name__]
    below = [[child.__name__, *descendants(child)] for child in children]
    return [name for names in below for name in names]


def test_the_docstrings_tree_is_the_tree_of_classes():
    drawn: dict[str, list[str]] = {}
    for line in (errors.__doc__ or "").splitlines():
        if found := re.match(r"^(?:│|\s)*[├└]── (\w+)", line):
            name = found.group(1)
            if line.startswith(("├", "└")):
                drawn[name] = []
            else:
                drawn[list(drawn)[-1]].append(name)
    assert drawn == {parent.__name__: descendants(parent) for parent in errors.EdgeError.__subclasses__()}


def test_every_leaf_says_whether_a_retry_helps():
    leaves = [found for found in classes().values() if not found.__subclasses__()]
    assert len(leaves) > 20
    assert {found.retryable for found in leaves} == {True, False}


@pytest.mark.parametrize("kind", sorted(set(classes()) - {"EdgeError"}))
def test_an_error_named_by_a_container_becomes_that_error(kind):
    error = errors.error_of_kind(kind, "It broke.", {"rows": 3})
    assert (type(error).__name__, str(error), error.details) == (kind, "It broke.", {"rows": 3})


@pytest.mark.parametrize("kind", ["Unheard", "Any", "annotations", "error_of_kind", "EdgeError"])
def test_a_name_that_is_no_error_of_ours_is_a_mismatch_of_releases(kind):
    error = errors.error_of_kind(kind, "It broke.", {})
    assert isinstance(error, errors.ProtocolMismatch)
    assert kind in str(error)
    assert "It broke." in str(error)
