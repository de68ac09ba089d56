"""Where a report stays on an instance until storage has taken it, so that it can be asked for a second time.

The validator writes it there; the script of the second chance reads it. Both are started by the same agent, so that
they find the same folder for temporary files.
"""

from __future__ import annotations

KEPT_FOLDER = "janitor-kept-reports"
"""In the folder for temporary files; closed to everybody but its owner."""


def kept_name(validation_id: str) -> str:
    """The file of one validation's report in that folder."""
    return f"{validation_id}.json"
