"""The agent's Python as the machine image gets it: the packed archive, unpacked and provisioned in another folder."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
_LIMIT_SECONDS = 550


def said(*words: str, cwd: Path, **environment: str) -> str:
    done = subprocess.run(
        words,
        cwd=cwd,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=_LIMIT_SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-1_000:] + done.stderr[-1_000:]
    return done.stdout


def test_the_agent_starts_from_what_the_image_holds(tmp_path: Path) -> None:
    unpacked, prefix = tmp_path / "unpacked", tmp_path / "opt"
    said(sys.executable, "-I", "infra/packer/pack.py", str(tmp_path / "machine.tar.gz"), cwd=ROOT)
    with tarfile.open(tmp_path / "machine.tar.gz") as archive:
        archive.extractall(unpacked)
    told = said("bash", "provision/40-janitor.sh", cwd=unpacked, JANITOR_PREFIX=str(prefix))
    assert "the agent has its packages" in told
    # As the validator starts it: isolated, with nothing of this checkout on its path.
    python = str(prefix / "bin" / "python")
    assert "--transcript" in said(python, "-I", "-m", "janitor.agent", "--help", cwd=tmp_path)
    where = said(python, "-I", "-c", "import janitor.agent as a; print(a.__file__)", cwd=tmp_path).strip()
    assert where.startswith(str(prefix))
