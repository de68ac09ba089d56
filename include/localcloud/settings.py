"""Settings of one local cloud, and the only place that reads environment variables."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum
from pathlib import Path

ACCOUNT_ID = "123456789012"
LOOPBACK = "127.0.0.1"

BOX_VARIABLES = {
    "LANG",
    "LC_ALL",
    "TZ",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "REQUESTS_CA_BUNDLE",
    "CURL_CA_BUNDLE",
    "GIT_SSL_CAINFO",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "http_proxy",
    "https_proxy",
    "no_proxy",
}
"""What a box may know of the environment of the local cloud."""

BOX_PREFIXES = ("PIP_", "UV_")
"""Installer settings, so that a box reaches the same package indexes."""

NOT_FOR_BOXES = {
    "PIP_PREFIX",
    "PIP_REQUIRE_VIRTUALENV",
    "PIP_TARGET",
    "PIP_USER",
    "PIP_PYTHON",
    "UV_PROJECT",
    "UV_PROJECT_ENVIRONMENT",
    "UV_PYTHON",
    "UV_TARGET",
    "UV_PREFIX",
    "UV_WORKING_DIR",
}
"""Installer settings that say where to install: right for the local cloud's own environment alone."""

MOTO_ENVIRONMENT = {
    "MOTO_ACCOUNT_ID": ACCOUNT_ID,
    "MOTO_DISABLE_GLOBAL_CORS": "true",
    "MOTO_EC2_ENABLE_INSTANCE_TYPE_VALIDATION": "true",
    "S3_IGNORE_SUBDOMAIN_BUCKETNAME": "true",
}
"""Read by moto when it is imported."""


class ContainmentChoice(str, Enum):
    """How boxes are told to hold their processes together."""

    AUTO = "auto"
    PID_NAMESPACE = "pid-namespace"
    USER_NAMESPACE = "user-namespace"
    SUBREAPER = "subreaper"
    PROCESS_GROUP = "process-group"


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Everything that a local cloud is started with."""

    home: Path
    port: int
    key_file: Path
    address: str = LOOPBACK
    """What it listens on and is called by: another than the loopback's is for containers on this machine, which have
    addresses of their own. Whoever reaches it still needs the key."""
    region: str = "us-east-1"
    boot_delay: timedelta = timedelta(seconds=0.5)
    agent_delay: timedelta = timedelta(seconds=0.5)
    cache_dir: Path | None = None
    """Shared by the package installers of all boxes."""
    containment: ContainmentChoice = ContainmentChoice.AUTO
    hidden: tuple[Path, ...] = ()
    """Folders that boxes don't see, beside `home`, where this machine can hide them."""
    shown: tuple[Path, ...] = ()
    """What boxes may read of them all the same."""
    terminated_retention: timedelta = timedelta(hours=1)
    """How long a terminated instance is still described. AWS: about an hour."""
    secrets_file: Path | None = None
    """What Secrets Manager gives instances; None leaves Secrets Manager to moto."""
    secrets_prefix: str = ""
    """What the names in that file lack of a secret's whole name."""
    channels_prefix: str | None = None
    """The same for its lines `news/NAME=value`, which are secrets of channels and none of an instance's business."""
    prune_interval: timedelta = timedelta(minutes=1)
    """How often what is no longer needed is taken out of memory."""


def prepare_own_environment() -> None:
    """Set what moto reads at import, and drop AWS settings: the local cloud must never act on a real account."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        del os.environ[name]
    os.environ.update(MOTO_ENVIRONMENT)


def box_environment(cache_dir: Path | None) -> dict[str, str]:
    """The part of a box's environment that is the same for all: an explicit allow-list, and a PATH of the system."""
    return select_for_box(os.environ, Path(sys.executable).parent, cache_dir)


def function_environment(endpoint_url: str, access_key_id: str, secret_access_key: str) -> dict[str, str]:
    """The part of a function's environment that is the same for all: the way to this local cloud, and PATH."""
    return {
        "PATH": os.environ.get("PATH", "/usr/local/bin:/usr/bin:/bin"),
        "AWS_ENDPOINT_URL": endpoint_url,
        "AWS_ACCESS_KEY_ID": access_key_id,
        "AWS_SECRET_ACCESS_KEY": secret_access_key,
        "AWS_EC2_METADATA_DISABLED": "true",
    }


def select_for_box(environment: Mapping[str, str], own_programs: Path, cache_dir: Path | None) -> dict[str, str]:
    """Pure part of `box_environment`: `own_programs`, the local cloud's own bin folder, is taken out of PATH."""
    selected = {
        name: value
        for name, value in environment.items()
        if (name in BOX_VARIABLES or name.startswith(BOX_PREFIXES)) and name not in NOT_FOR_BOXES
    }
    folders = [
        folder
        for folder in environment.get("PATH", "/usr/local/bin:/usr/bin:/bin").split(":")
        if folder and Path(folder) != own_programs
    ]
    folders += [folder for folder in ("/usr/sbin", "/sbin") if folder not in folders]
    selected["PATH"] = ":".join(folders)
    if cache_dir:
        selected["UV_CACHE_DIR"] = str(cache_dir / "uv")
        selected["PIP_CACHE_DIR"] = str(cache_dir / "pip")
    return selected
