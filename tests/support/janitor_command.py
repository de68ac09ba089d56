"""The `janitor` command as a process of its own, with a stack's environment."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LIMIT_SECONDS = 1500


def janitor(environment: Mapping[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command; its output, standard error included, is one text."""
    path = os.pathsep.join([str(ROOT / "include"), str(ROOT)])
    return subprocess.run(
        [sys.executable, "-m", "janitor.cli.main", *arguments],
        env={**environment, "PYTHONPATH": path},
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=LIMIT_SECONDS,
        check=False,
    )
