"""What a DAG is made of, as a fresh process sees it: parsing must not depend on what a test has imported or set."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]


def described(script: str, home: Path, **variables: str) -> dict[str, Any]:
    """What a script prints of DAGs, as JSON on its last line.

    Args:
        script: Runs in the project's folder.
        home: An empty folder.
        variables: Of its environment, beside those of the local deployment.
    """
    answer = subprocess.run(
        [sys.executable, "-c", script],
        cwd=ROOT,
        env={
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "PYTHONPATH": str(ROOT / "include"),
            "PYTHONDONTWRITEBYTECODE": "1",
            "JANITOR_ENV": "local",
            **variables,
        },
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert answer.returncode == 0, answer.stderr
    found: dict[str, Any] = json.loads(answer.stdout.splitlines()[-1])
    return found
