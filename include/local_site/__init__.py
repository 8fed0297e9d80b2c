"""A whole site on this machine: blob store, VM with Docker behind SSH, container registry, model registry and Airflow.

`python -m local_site up` starts it, `describe` says where everything is.
"""

from __future__ import annotations

from local_site.info import SiteInfo, describe

__all__ = ["SiteInfo", "describe"]
