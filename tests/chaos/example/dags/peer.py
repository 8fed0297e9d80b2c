"""One training DAG for each fault, as a user of Airflow's own `SSHRemoteJobOperator` would write it.

What the provider's documentation (apache-airflow-providers-ssh 7.0.1) shows is taken from there: deferral,
`poll_interval=5`, `cleanup="on_success"`, `timeout`, `remote_os="posix"` because that "is more reliable"; all
else has its documented default. What it does not show is what a careful engineer adds:

- The container takes signals (`--init`), removes itself, has no network, a memory limit and the owner's user.
- It has no name. The documentation promises that tasks on one host do not conflict; a fixed name would make
  each retry fail until the container before it has ended, and that retry would train once more all the same.
- Checkpoints stand in a folder of the run on the VM, so that a retry goes on where the last try was, and two
  runs do not write into each other's. Each try saves its model into a folder of its own.
- Retries and the delay between them are those of our own DAG.

`remote_base_dir` differs from /tmp/airflow-ssh-jobs because the VM is this machine, and `--host` because its
Docker is not at the usual socket. The labels are for the suite's eyes only; nothing else reads them.
"""

from __future__ import annotations

import json
import shlex
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from airflow.providers.ssh.operators.ssh_remote_job import SSHRemoteJobOperator
from airflow.sdk import DAG, CronPartitionTimetable, Param, dag

LINES: list[dict[str, Any]] = json.loads(Path(__file__).with_name("chaos_lines.json").read_text())
SEED = 0
PARAMS = {
    "nonce": Param("", type="string"),
    "stage_s": Param(1.0, type="number"),
    "log_mb": Param(0, type="integer"),
    "memory_mb": Param(0, type="integer"),
}


def train(line: dict[str, Any]) -> str:
    """The command that trains in a container on the VM."""
    folder, run = line["vm_folder"], f"{line['vm_folder']}/runs/{{{{ run_id }}}}"
    variables = {
        "HOME": "/tmp",
        "EDGE_DATA_DIR": "/data",
        "EDGE_CHECKPOINT_DIR": "/run/training/checkpoints",
        "EDGE_MODEL_DIR": "/run/training/model-{{ ti.try_number }}",
        "EDGE_METRICS_FILE": "/run/training/metrics.jsonl",
        "EDGE_PARAMS_FILE": "/run/training/params.json",
        "EDGE_SEED": str(SEED),
    }
    labels = {
        "edge-training.step": "train",
        "edge-training.dag_id": line["dag_id"],
        "edge-training.run_id": "{{ run_id }}",
        "edge-training.key": "{{ params.nonce }}",
    }
    docker = ["docker", "--host", f"unix://{line['docker_socket']}", "run", "--rm", "--init"]
    docker += ["--network", "none", "--memory", str(line["memory_bytes"])]
    docker += [word for name, value in variables.items() for word in ("--env", f"{name}={value}")]
    docker += [word for name, value in labels.items() for word in ("--label", f"{name}={value}")]
    docker += ["--volume", f"{folder}/data:/data:ro", "--volume", f"{folder}/code:/code:ro"]
    docker += ["--volume", f"{run}:/run/training"]
    image_and_script = "{{ var.value.edge_training_image }} python3 -u /code/train.py"
    return (
        f"mkdir -p {run}/checkpoints && "
        f"printf %s '{{{{ dag_run.conf | tojson }}}}' > {run}/params.json && "
        f'{shlex.join(docker)} --user "$(id -u):$(id -g)" {image_and_script}'
    )


def peer_dag(line: dict[str, Any]) -> DAG:
    """The one task over one line.

    Args:
        line: `dag_id`, `site`, `memory_bytes`, `retries`, `retry_delay_s`, `training_timeout_s`,
            `docker_socket`, `vm_folder`.
    """

    @dag(
        dag_id=line["dag_id"],
        schedule=CronPartitionTimetable("0 0 * * *", timezone="UTC", run_offset=-1, key_format="%Y-%m-%d"),
        start_date=datetime(2013, 1, 2, tzinfo=UTC),
        end_date=datetime(2013, 1, 3, tzinfo=UTC),
        catchup=False,
        params=PARAMS,
        tags=["chaos", "peer"],
    )
    def training() -> None:
        """The training alone."""
        SSHRemoteJobOperator(
            task_id="train_model",
            ssh_conn_id=f"{line['site']}_vm",
            command=train(line),
            remote_base_dir=f"{line['vm_folder']}/jobs",
            remote_os="posix",
            poll_interval=5,
            cleanup="on_success",
            timeout=int(line["training_timeout_s"]),
            execution_timeout=timedelta(seconds=line["training_timeout_s"]),
            retries=line["retries"],
            retry_delay=timedelta(seconds=line["retry_delay_s"]),
        )

    return training()


for one_line in LINES:
    peer_dag(one_line)
