"""Building the machine image: a program stands for Packer and says what it was given, which is all that is needed."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from datetime import datetime, timezone
from pathlib import Path

import pytest

from janitor.domain.errors import CloudError, SettingsError
from janitor.services.machine_image.packer import ImageOrder, build_image

ROOT = Path(__file__).resolve().parents[3]
ORDER = ImageOrder(
    deployment="dev",
    region="eu-west-1",
    source_ami="ami-0base",
    log_group="/janitor-runner",
    at=datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone.utc),
)
_PACKER = """\
#!/bin/sh
echo "$@" >>{calls}
[ "$1" = build ] || exit 0
test -s dist/machine.tar.gz || exit 9
{build}
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A folder with all that is packed, so that a build writes nothing into this one."""
    for name in ("infra/packer", "infra/scripts", "include/janitor", "docs"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__", "dist"))
    shutil.copy(ROOT / "requirements.lock", tmp_path)
    return tmp_path


def packer(folder: Path, build: str) -> dict[str, str]:
    """An environment whose Packer does this."""
    programs = folder / "bin"
    programs.mkdir(exist_ok=True)
    program = programs / "packer"
    program.write_text(_PACKER.format(calls=folder / "calls", build=build))
    program.chmod(0o755)
    return {"PATH": f"{programs}:/usr/bin:/bin", "AWS_PROFILE": "mine"}


def manifest(artifact: str) -> str:
    return f"echo '{json.dumps({'builds': [{'artifact_id': artifact}]})}' >dist/manifest.json"


def test_the_id_is_the_one_in_its_region(checkout: Path) -> None:
    environment = packer(checkout, manifest("us-east-1:ami-0other,eu-west-1:ami-0new"))
    assert build_image(checkout, ORDER, environment) == "ami-0new"
    init, build = (checkout / "calls").read_text().splitlines()
    assert init == "init ."
    words = build.split()
    assert words[:2] == ["build", "-color=false"]
    assert "deployment=dev" in words
    assert "source_ami=ami-0base" in words
    assert "stamp=20260102030405" in words
    assert not [word for word in words if word.startswith(("subnet_id", "cuda_image"))]


@pytest.mark.parametrize(
    ("build", "said"),
    [
        ("exit 1", "packer build ended with 1"),
        ("exit 0", "doesn't name an image"),
        ("echo '[]' >dist/manifest.json", "doesn't name an image"),
        (manifest("us-east-1:ami-0other"), "names no image in eu-west-1"),
    ],
)
def test_a_build_without_an_image_is_said(checkout: Path, build: str, said: str) -> None:
    (checkout / "infra" / "packer" / "dist").mkdir()
    (checkout / "infra" / "packer" / "dist" / "manifest.json").write_text(
        json.dumps({"builds": [{"artifact_id": "eu-west-1:ami-0yesterday"}]})
    )
    with pytest.raises(CloudError, match=said):
        build_image(checkout, ORDER, packer(checkout, build))


def test_without_packer_it_is_said_what_to_do(checkout: Path) -> None:
    with pytest.raises(SettingsError, match="packer is not on PATH"):
        build_image(checkout, ORDER, {"PATH": "/nowhere"})


_PROGRAM = """\
import sys
from datetime import datetime, timezone
from pathlib import Path
from janitor.services.machine_image.packer import ImageOrder, build_image
order = ImageOrder(deployment="d", region="r", source_ami="a", log_group="g", at=datetime.now(timezone.utc))
build_image(Path(sys.argv[1]), order, {"PATH": sys.argv[2]})
"""


def test_an_interrupted_packer_has_the_time_to_remove_its_builder(checkout: Path) -> None:
    removes = f"""
trap 'echo asked >>{checkout}/asked; sleep 1; echo removed >{checkout}/removed; exit 1' INT
touch {checkout}/builds
while :; do sleep 0.05; done
"""
    environment = packer(checkout, removes)
    process = subprocess.Popen(
        [sys.executable, "-c", _PROGRAM, str(checkout), environment["PATH"]],
        env={"PYTHONPATH": str(ROOT / "include"), "PATH": "/usr/bin:/bin"},
        start_new_session=True,
        stderr=subprocess.DEVNULL,
    )
    ends_at = time.monotonic() + 120
    while not (checkout / "builds").exists():
        assert time.monotonic() < ends_at
        assert process.poll() is None
        time.sleep(0.05)
    # As a terminal does: every process of the session is interrupted.
    os.killpg(process.pid, signal.SIGINT)
    assert process.wait(120) != 0
    assert (checkout / "removed").exists()
    assert (checkout / "asked").read_text() == "asked\n", "a second signal makes Packer leave its builder"
