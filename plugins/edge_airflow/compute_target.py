"""`python -m edge_airflow.compute_target attach|detach`: makes Azure Machine Learning know the site's VM, or
forget it.

Trainings attach it by themselves, and go on when that fails; this says why it fails.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from edge_airflow.hooks.lookups import LOOK_UP_ERRORS, look_up_without_a_task
from edge_airflow.hooks.registries import ModelRegistryHook
from edge_airflow.operators.defaults import DEFAULT_MODEL_REGISTRY
from edge_training.errors import BadRequest, EdgeError

FAILED, WRONG_ARGUMENT = 1, 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Attach or detach; gives the exit code, and says a failure in one sentence."""
    parser = argparse.ArgumentParser(prog="python -m edge_airflow.compute_target", description=__doc__)
    parser.add_argument("action", choices=("attach", "detach"))
    parser.add_argument("--connection", default=DEFAULT_MODEL_REGISTRY, help="of the workspace, in Airflow")
    told = parser.parse_args(arguments)
    try:
        target = ModelRegistryHook(told.connection).compute_target()
        if told.action == "attach":
            print(f"{target.attach()} is attached.")
        else:
            print(
                f"{target.detach()} is detached. The next training attaches it again, unless compute_target "
                f"is removed from the connection {told.connection}."
            )
    except (EdgeError, *LOOK_UP_ERRORS) as error:
        print(error, file=sys.stderr)
        return WRONG_ARGUMENT if isinstance(error, BadRequest) else FAILED
    return 0


if __name__ == "__main__":
    look_up_without_a_task()
    sys.exit(main())
