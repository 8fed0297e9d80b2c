"""The peer: Airflow's own `SSHRemoteJobOperator`, on the same VM behind the same links.

Its data, code, runs and jobs stand in one folder on the VM. Nothing of ours works for it: no housekeeping, no
supervisor in the container, no connection but Airflow's own.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from tests.chaos import peer_verdict
from tests.chaos.api import ChaosApi
from tests.chaos.line import Line
from tests.chaos.project import EXAMPLE
from tests.chaos.scene import Scene
from tests.chaos.side import Side
from tests.chaos.site import ChaosSite

from local_site import SiteInfo
from local_site.connections import connections
from local_site.flights import connect
from local_site.layout import Layout

DATA = "flights/date=2013-01-31/"
"""What our own runs train on for the suite's partition: the day before it."""


def vm_folder(layout: Layout) -> Path:
    """The folder on the VM."""
    return layout.state_dir / "peer"


def run_folder(layout: Layout, run_id: str) -> Path:
    """What a run keeps on the VM: its checkpoints, and the model of each try."""
    return vm_folder(layout) / "runs" / run_id


def facts(site: ChaosSite) -> Mapping[str, object]:
    """Where things are on the VM."""
    layout = site.layout
    return {"docker_socket": str(layout.docker_socket), "vm_folder": str(vm_folder(layout))}


def prepare(site: ChaosSite) -> None:
    """Put data and code on the VM, in the state in which our own staging leaves them."""
    folder, info = vm_folder(site.layout), site.info
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(EXAMPLE / "model", folder / "code", ignore=shutil.ignore_patterns("__pycache__"))
    key, ca_file = info.blob_key, info.ca_file
    with connect(info.blob_host_endpoint, info.blob_account, key, ca_file, info.blob_container) as container:
        for name in container.list_blob_names(name_starts_with=DATA):
            path = folder / "data" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(container.download_blob(name).readall())


def announce(line: Line, info: SiteInfo, api: ChaosApi) -> None:
    """Tell Airflow of the connection, in the provider's own words."""
    known = connections(info)["edge_site_vm"]
    told = json.loads(known["extra"])
    extra = {"private_key": told["private_key"], "host_key": told["host_key"], "look_for_keys": "false"}
    port = line.links["ssh"].port if "ssh" in line.links else known["port"]
    api.put_connection(f"{line.fault.site}_vm", {**known, "port": port, "extra": json.dumps(extra)})


def weights(scene: Scene) -> str:
    """SHA-256 of the weights of all models that the scene's runs have left; they must not differ.

    Raises:
        ValueError: There are none, or they differ.
    """
    (found,) = all_weights(scene)
    return found


def all_weights(scene: Scene) -> set[str]:
    """SHA-256 of the weights of each model that a try has saved."""
    files = [
        file
        for run_id in scene.runs
        for file in run_folder(scene.site.layout, run_id).glob("model-*/artifacts/weights.npy")
    ]
    return {hashlib.sha256(np.load(file, allow_pickle=False).tobytes()).hexdigest() for file in files}


PEER = Side(
    name="peer",
    dag_file="peer.py",
    housekeeping=False,
    facts=facts,
    prepare=prepare,
    announce=announce,
    weights=weights,
    judge=lambda scene, reference, seconds, missed: peer_verdict.judge(
        scene, all_weights(scene), reference, seconds, missed
    ),
    unjudged=peer_verdict.unjudged,
)
