"""A compute target's settings hold a private key."""

from __future__ import annotations

from edge_training.adapters.azureml.computes import Machine


def test_a_machine_does_not_show_its_key():
    assert "PRIVATE KEY" not in repr(Machine("edge-vm", "10.0.0.4", "edge", "-----BEGIN PRIVATE KEY-----"))
