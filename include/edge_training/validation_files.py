"""The files that a check of the data lets out of the site: two reports and the profile, aggregates all of them.

    report.json     what the rules and the comparison with the champion's data came to
    report.html     the same for people
    profile.json    what the next champion's data will be compared with
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any, Final

from edge_runner.listing import ListedFile
from edge_training.errors import ExportRefused

REPORT_NAME: Final = "report.json"
PAGE_NAME: Final = "report.html"
PROFILE_NAME: Final = "profile.json"
NAMES: Final = (REPORT_NAME, PAGE_NAME, PROFILE_NAME)
MAX_FILE_BYTES: Final = 5 * 2**20


def listing_of(files: Mapping[str, bytes]) -> list[ListedFile]:
    """The listing of files in memory, in order of paths."""
    return [
        {"path": path, "size": len(content), "sha256": sha256(content).hexdigest()}
        for path, content in sorted(files.items())
    ]
