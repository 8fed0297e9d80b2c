"""A training that takes its time, leaves a checkpoint after each stage, and ends with the same weights.

Parameters: `stages` and `stage_s` set how long it takes, `log_mb` how much it prints, `memory_mb` how much
memory it takes. None of them, nor `nonce`, changes the weights; each changes the training key.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import time
from pathlib import Path
from typing import Any

import features  # type: ignore[import-not-found]  # found beside the script when it runs
import numpy as np

LEARNING_STAGES = 20
STEP_SIZE = 0.3
NOISE = 0.01
LOG_LINE_BYTES = 1000
KEPT_CHECKPOINTS = 2
CHECKPOINT_BYTES = 200_000
"""Large enough for a cut to fall into it, and to fill a tiny disk."""


def main() -> None:
    """Train from the last checkpoint on, then save."""
    params = json.loads(Path(os.environ["EDGE_PARAMS_FILE"]).read_text())
    flights = features.read_flights(Path(os.environ["EDGE_DATA_DIR"]))
    ballast = bytearray(os.urandom(2**20)) * int(params["memory_mb"])
    print(f"{len(flights[features.TARGET])} flights, {len(ballast)} bytes of ballast")
    weights = train(flights, params, Path(os.environ["EDGE_CHECKPOINT_DIR"]))
    save(weights, Path(os.environ["EDGE_MODEL_DIR"]))
    print("the last line")


def train(flights: dict[str, np.ndarray], params: dict[str, Any], checkpoints: Path) -> np.ndarray:
    """All stages that no checkpoint has."""
    rows, target = features.matrix(flights), flights[features.TARGET] / 60.0
    finished, weights = last_checkpoint(checkpoints, rows.shape[1])
    if finished:
        print(f"resuming after stage {finished}")
    for stage in range(finished + 1, LEARNING_STAGES + 1):
        noise = np.random.default_rng([int(os.environ["EDGE_SEED"]), stage]).normal(0, NOISE, rows.shape[1])
        errors = rows @ weights - target
        weights = weights - STEP_SIZE * (errors @ rows) / len(target) + noise
        write_metric(stage, "train_mae", float(np.abs(errors).mean()) * 60)
        print_much(stage, int(params["log_mb"]))
        save_checkpoint(checkpoints, stage, weights)
        print(f"stage {stage} of {LEARNING_STAGES}", flush=True)
        time.sleep(float(params["stage_s"]))
    return weights


def last_checkpoint(folder: Path, size: int) -> tuple[int, np.ndarray]:
    """Stage and weights of the newest whole checkpoint; zero and zeros when there is none."""
    stages = sorted(int(path.name.removeprefix("stage-")) for path in folder.glob("stage-*"))
    if not stages:
        return 0, np.zeros(size)
    return stages[-1], np.load(folder / f"stage-{stages[-1]}" / "weights.npy")


def save_checkpoint(folder: Path, stage: int, weights: np.ndarray) -> None:
    """Write a checkpoint aside and rename it into place; the oldest ones go."""
    partial, whole = folder / f".stage-{stage}", folder / f"stage-{stage}"
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir()
    np.save(partial / "weights.npy", weights)
    (partial / "ballast").write_bytes(bytes(CHECKPOINT_BYTES))
    if not whole.exists():
        partial.rename(whole)
    shutil.rmtree(folder / f"stage-{stage - KEPT_CHECKPOINTS}", ignore_errors=True)


def write_metric(step: int, name: str, value: float) -> None:
    """Append one point."""
    with Path(os.environ["EDGE_METRICS_FILE"]).open("a") as file:
        file.write(json.dumps({"step": step, "name": name, "value": value}) + "\n")


def print_much(stage: int, log_mb: int) -> None:
    """This stage's share of numbered lines."""
    lines = log_mb * 10**6 // LOG_LINE_BYTES // LEARNING_STAGES
    for number in range((stage - 1) * lines, stage * lines):
        sys.stdout.write(f"numbered line {number:08d} ".ljust(LOG_LINE_BYTES - 1, ".") + "\n")


def save(weights: np.ndarray, folder: Path) -> None:
    """Save the model in MLflow's format; the weights are a plain array."""
    import mlflow.pyfunc
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, Schema

    weights_file = Path(os.environ["EDGE_CHECKPOINT_DIR"]) / "weights.npy"
    np.save(weights_file, weights)
    beside = Path(__file__).parent
    mlflow.pyfunc.save_model(
        folder,
        python_model=str(beside / "served.py"),
        code_paths=[str(beside / "features.py")],
        artifacts={"weights": str(weights_file)},
        signature=ModelSignature(
            inputs=Schema([ColSpec("long", name) for name in features.COLUMNS]),
            outputs=Schema([ColSpec("double")]),
        ),
        pip_requirements=["mlflow-skinny", "numpy", "pandas"],
    )


if __name__ == "__main__":
    main()
