"""The site's VM as compute target of an Azure Machine Learning workspace: attached by its address, kept
attached, detached.

Attaching tells the service address, user and private key of the VM, and the service shows them to whoever may
list keys. So the VM has a key of its own for it, which Airflow never uses. Nothing of ours runs through the
compute target: it is there so that runs name the machine they ran on.
"""

from __future__ import annotations

import logging
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from edge_training.adapters.azureml.faults import is_status
from edge_training.adapters.azureml.session import AzureMlSession
from edge_training.adapters.ssh.keys import fingerprint
from edge_training.errors import EdgeError, ModelRegistryRefused, ModelRegistryUnavailable

if TYPE_CHECKING:
    from azureml.core.compute import RemoteCompute

    from edge_training.adapters.azureml.client import AzureMlClient

log = logging.getLogger(__name__)

LIMIT_S: Final = 60.0
"""Of attaching or detaching as a whole. It is tried twice before patience is at its end, and a run is
made after that: all of it has to be over before a bridge gives up.
"""
LOOK_S: Final = 2.0
COMPUTE_TYPE: Final = "VirtualMachine"
SUCCEEDED: Final = "Succeeded"
ENDS: Final = frozenset({SUCCEEDED, "Failed", "Canceled"})


@dataclass(frozen=True)
class Machine:
    """A VM as the service is to know it.

    Attributes:
        name: What the compute target is called.
        address: Host name or address at which the service finds the VM.
        user: Whom it logs in as.
        private_key: The key it logs in with, made for it alone.
        port: SSH's port.
    """

    name: str
    address: str
    user: str
    private_key: str = field(repr=False)
    port: int = 22


class SiteCompute:
    """A machine that is kept attached while trainings use it; implements `ComputeTarget`."""

    def __init__(self, session: AzureMlSession, machine: Machine) -> None:
        """Use a workspace; nothing is sent yet.

        Args:
            session: The workspace.
            machine: What to attach.
        """
        self._session = session
        self._machine = machine

    def attach(self) -> str:
        """See `ComputeTarget.attach`; it is attached anew when address, user or key have changed."""
        self._session.call(lambda client: _keep_attached(client, self._machine))
        return self._machine.name

    def detach(self) -> str:
        """See `ComputeTarget.detach`."""
        self._session.call(lambda client: _detach_found(client, self._machine.name))
        return self._machine.name


def attached_name(site_compute: SiteCompute | None) -> str | None:
    """The compute target's name, once it is attached; None where there is none, or the service does not
    attach it.

    No training fails for that: it is said in a warning.
    """
    if site_compute is None:
        return None
    try:
        return site_compute.attach()
    except EdgeError as error:
        log.warning("%s The training's run is kept without a compute target.", error)
        return None


def _keep_attached(client: AzureMlClient, machine: Machine) -> None:
    deadline, found = time.monotonic() + LIMIT_S, _found(client, machine.name)
    if found is not None and not _is_as_it_should_be(found, machine):
        _detach(found, deadline)
        found = None
    if found is None:
        _attach(client, machine, deadline)


def _detach_found(client: AzureMlClient, name: str) -> None:
    found = _found(client, name)
    if found is not None:
        _detach(found, time.monotonic() + LIMIT_S)


def _found(client: AzureMlClient, name: str) -> RemoteCompute | None:
    """The attached machine of this name, or None.

    Raises:
        ModelRegistryRefused: The name is taken by a compute target of another kind.
    """
    from azureml.core.compute import ComputeTarget
    from azureml.exceptions import ComputeTargetException

    try:
        found = ComputeTarget(client.workspace, name)
    except ComputeTargetException as error:
        if "ComputeTargetNotFound" in str(error.message):
            return None
        raise
    if found.type != COMPUTE_TYPE:
        raise ModelRegistryRefused(
            f"The workspace has a compute target {name} of the type {found.type}; name the site's machine "
            "otherwise."
        )
    return found


def _is_as_it_should_be(found: RemoteCompute, machine: Machine) -> bool:
    if (found.address, found.ssh_port) != (machine.address, machine.port) or found.provisioning_state in (
        ENDS - {SUCCEEDED}
    ):
        return False
    account = found.get_credentials().get("administratorAccount") or {}
    key = account.get("privateKeyData")
    return account.get("username") == machine.user and (
        key is None or fingerprint(key) == fingerprint(machine.private_key)
    )


def _attach(client: AzureMlClient, machine: Machine, deadline: float) -> None:
    from azureml.core.compute import ComputeTarget, RemoteCompute

    with tempfile.TemporaryDirectory(prefix="edge-key-") as directory:
        key_file = Path(directory) / "key"
        key_file.touch(mode=0o600)
        key_file.write_text(machine.private_key)
        wanted = RemoteCompute.attach_configuration(
            username=machine.user,
            address=machine.address,
            ssh_port=machine.port,
            private_key_file=str(key_file),
        )
        target = _unless_busy(lambda: ComputeTarget.attach(client.workspace, machine.name, wanted))
    _wait(target, "attached", deadline)
    log.info("Azure Machine Learning has attached %s as %s.", machine.address, machine.name)


def _detach(found: RemoteCompute, deadline: float) -> None:
    _unless_busy(found.detach)
    _wait(found, "detached", deadline)


def _unless_busy(change: Callable[[], Any]) -> Any:
    """Begin a change.

    Raises:
        ModelRegistryUnavailable: Somebody else is changing the same compute target.
    """
    from azureml.exceptions import ComputeTargetException

    try:
        return change()
    except ComputeTargetException as error:
        if is_status(error, 409):
            raise ModelRegistryUnavailable(
                "Somebody else is attaching or detaching the compute target; it is looked at again."
            ) from error
        raise


def _wait(target: RemoteCompute, done: str, deadline: float) -> None:
    """Wait for the end of an operation; azureml-core's own wait has no limit."""
    while True:
        state, error = target._get_operation_state()
        if state in ENDS:
            break
        if time.monotonic() > deadline:
            raise ModelRegistryUnavailable(
                f"{target.name} is not {done} within {LIMIT_S:g} s; it is looked at again."
            )
        time.sleep(LOOK_S)
    if state != SUCCEEDED:
        reason = error.get("message", error) if isinstance(error, dict) else error
        raise ModelRegistryRefused(
            f"Azure Machine Learning has not {done} {target.name} ({state}: {reason}); let it reach the VM's "
            "address by SSH with this user and key, or do without a compute target."
        )
