"""The pages' scripts: where they lie, and what of them Airflow has to be told."""

from __future__ import annotations

import hashlib
from importlib import resources
from pathlib import Path
from typing import Any

SCRIPTS = "static"
PREFIX = "/janitor-pages"
"""Where Airflow mounts the app; the page of a log has a prefix of its own, for its rights are others."""
PAGE, TAB, TILE = "Janitor", "Repositories", "Janitor today"
"""Names of the components; `main.js` gives each to Airflow."""


def react_apps() -> list[dict[str, Any]]:
    """Janitor's entry in the side bar, its tab on each run, its tile on the home page; one script for the three.

    The address is relative, so that it holds under any base path. Its version changes with the scripts: an upgrade
    isn't hidden by a browser's cache.
    """
    script = f"{PREFIX.removeprefix('/')}/{SCRIPTS}/main.js?v={_version()}"
    return [
        {"name": PAGE, "bundle_url": script, "destination": "nav", "nav_top_level": True, "url_route": "janitor"},
        {"name": TAB, "bundle_url": script, "destination": "dag_run", "url_route": "repositories"},
        {"name": TILE, "bundle_url": script, "destination": "dashboard"},
    ]


def _version() -> str:
    digest = hashlib.sha256()
    for path in sorted(Path(str(resources.files("janitor.web") / SCRIPTS)).glob("*")):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:8]
