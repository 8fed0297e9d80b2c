"""Prints the versions of models in a workspace as azureml-core sees them, as JSON; run by the interpreter of
requirements-azureml.txt, which has nothing else of ours.
"""

from __future__ import annotations

import json
import sys
from typing import Any


def main() -> None:
    """Read workspace and names from standard input, print the versions as one line."""
    from azureml.core import Model, Workspace
    from azureml.core.authentication import ServicePrincipalAuthentication

    asked = json.load(sys.stdin)
    known = asked["workspace"]
    login = ServicePrincipalAuthentication(known["tenant_id"], known["client_id"], known["client_secret"])
    workspace = Workspace(known["subscription_id"], known["resource_group"], known["workspace"], auth=login)
    found = [model for name in asked["names"] for model in Model.list(workspace, name=name)]
    print(json.dumps([seen(workspace, model) for model in found]))


def seen(workspace: Any, model: Any) -> dict[str, Any]:
    """What azureml-core says of a version, and of the run it comes from."""
    return {
        "name": model.name,
        "version": str(model.version),
        "run_id": model.run_id,
        "compute_target": workspace.get_run(model.run_id).get_details().get("target"),
        "framework": model.model_framework,
        "tags": model.tags,
    }


if __name__ == "__main__":
    main()
