"""The process environment: the one place of the control plane that reads it, but for the terminal's own variables."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

PROCESS_LABEL = "process environment"
"""How messages call it."""

_INHERITED_NAMES = frozenset(
    {
        *("PATH", "HOME", "USER", "LOGNAME", "LANG", "LANGUAGE", "TZ", "TMPDIR"),
        *("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "AWS_CA_BUNDLE"),
        *("GIT_SSL_CAINFO", "NODE_EXTRA_CA_CERTS"),
        *("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY"),
        # What the deployment says of its default pool (janitor.settings.parts.pool).
        *("MIN_ACTIVE_GPUS", "MAX_ACTIVE_GPUS", "TASKS_PER_GPU_THRESHOLD", "GPU_IDLE_TIMEOUT_SEC"),
        *("TASK_STUCK_TIMEOUT_SEC", "SPAWNING_TIMEOUT_SEC", "GRACEFUL_SHUTDOWN_TIMEOUT_SEC"),
        *("http_proxy", "https_proxy", "no_proxy", "all_proxy"),
    }
)
# Where Airflow's own metrics go is nobody's but the operator's; nothing else of its configuration is taken.
_INHERITED_PREFIXES = ("JANITOR_", "LC_", "PIP_", "UV_", "AIRFLOW__METRICS__")


def process_environment(given: Mapping[str, str] | None) -> dict[str, str]:
    """What was given in its place, else the environment of this process."""
    return dict(os.environ if given is None else given)


def give_to_process(values: Mapping[str, str]) -> None:
    """Put variables into the environment of this process, for it and for whatever it starts."""
    os.environ.update(values)


def search_path(environment: Mapping[str, str]) -> str:
    """PATH with this Python's own programs before all others: the package installer is beside it."""
    return os.pathsep.join((str(Path(sys.executable).parent), environment.get("PATH") or os.defpath))


def inheritable(process: Mapping[str, str]) -> dict[str, str]:
    """What the processes of the stack inherit from whoever starts it; everything else stays outside."""
    return {k: v for k, v in process.items() if k in _INHERITED_NAMES or k.startswith(_INHERITED_PREFIXES)}
