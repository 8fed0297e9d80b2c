"""A whole site on this machine: blob store, VM with Docker behind SSH, registries, Airflow.

`python -m local_site up` starts it, `describe` says where everything is.
"""

from __future__ import annotations

from local_site.info import SiteInfo, describe

__all__ = ["SiteInfo", "describe"]
