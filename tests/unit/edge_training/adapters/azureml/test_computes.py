"""What of a compute target is looked at before the service is told anything."""

from __future__ import annotations

from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from edge_training.adapters.azureml.computes import Machine, require_attachable
from edge_training.adapters.ssh_keys import fingerprint
from edge_training.errors import BadRequest, ModelRegistryRefused

KEY = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()).decode()
MACHINE = Machine("edge-vm", "10.0.0.4", "edge", KEY)


def test_a_machine_with_a_key_of_its_own_may_be_attached():
    require_attachable(MACHINE, {"SHA256:another"})


def test_airflows_key_is_never_given_away():
    with pytest.raises(ModelRegistryRefused, match=r"the one that Airflow uses.*make a key for this alone"):
        require_attachable(MACHINE, {fingerprint(KEY)})


@pytest.mark.parametrize("name", ["edge_site", "vm", "1-vm", "edge-vm-7", "e" * 25])
def test_a_name_that_no_compute_target_can_have_is_refused(name):
    with pytest.raises(ModelRegistryRefused, match="is no name for a compute target; use 3 to 24 letters"):
        require_attachable(replace(MACHINE, name=name), ())


def test_a_key_that_cannot_be_read_is_refused():
    with pytest.raises(BadRequest, match="cannot be read"):
        require_attachable(replace(MACHINE, private_key="no key"), ())


def test_a_machine_does_not_show_its_key():
    assert "PRIVATE KEY" not in repr(MACHINE)
