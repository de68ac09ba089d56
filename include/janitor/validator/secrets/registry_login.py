"""Lets the engine's command pull from Docker Hub with the deployment's login: anybody's pulls are few by address.

The login is in a file of the validator's own, which its engine's command reads and hands to the builder for FROM lines
alone: neither a container nor a step of a build sees it. Source: Docker's manual, "docker login", config.json.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

from janitor.validator.settings import Settings

_DOCKER_HUB = "https://index.docker.io/v1/"
"""How Docker, and podman after it, call Docker Hub in that file."""
_FILE = "config.json"


def with_login(settings: Settings, login: str | None, folder: Path) -> Settings:
    """Settings whose engine's command logs in, beside all that the machine's own configuration says.

    Args:
        settings: Of this machine.
        login: `user:token`; None changes nothing.
        folder: Made for it; nobody else may look into the one that it lies in.

    Raises:
        OSError: It can't be made.
    """
    if login is None:
        return settings
    own = Path(settings.docker.get("DOCKER_CONFIG") or settings.home / ".docker")
    configuration = _read(own / _FILE)
    # A store of credentials would be asked in place of this file.
    configuration.pop("credsStore", None)
    others = configuration.get("auths")
    auths = others if isinstance(others, dict) else {}
    token = base64.b64encode(login.encode()).decode()
    configuration["auths"] = {**auths, _DOCKER_HUB: {"auth": token}}
    folder.mkdir(mode=0o700)
    descriptor = os.open(folder / _FILE, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(configuration, file)
    with contextlib.suppress(OSError):
        # Plugins and contexts are looked for beside it.
        for each in own.iterdir():
            if each.name != _FILE:
                (folder / each.name).symlink_to(each)
    return replace(settings, pull_config=folder)


def _read(file: Path) -> dict[str, Any]:
    """The machine's own configuration; one that can't be read is none, as Docker's command would say by itself."""
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
