"""`make repair-demo` on a real stack: a release breaks a worker, is named, and what repairs it is proved and given."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

from janitor.domain.repair.states import RepairState
from janitor.settings import Settings
from janitor.stores import repairs as store
from janitor.stores.database import transaction
from tests.support.janitor_command import janitor


def test_a_worker_that_a_release_broke_is_repaired_and_proved(stack: Settings, tmp_path: Path) -> None:
    shown = janitor({"PATH": os.environ["PATH"], "JANITOR_STATE_DIR": str(stack.state_dir)}, "repair-demo")
    assert shown.returncode == 0, shown.stdout

    with transaction(stack.reader_url) as connection:
        (repair, *_) = store.last(connection, stack.deployment, 1)
    assert (repair.repository, repair.name) == ("janitor-examples/greeting-worker", "put_back")
    assert repair.state is RepairState.PUBLISHED
    # The release that did it, and not the one that came with it.
    assert repair.evidence[0] == "greetings: 1.4.0 -> 2.0.0"

    clone = tmp_path / "clone"
    origin = stack.state_dir / "repositories" / "greeting-worker.git"
    (given,) = stack.runs_root.glob("repair-demo-*/artefacts/*/*/repair.mail")
    assert str(given) in shown.stdout
    proof = json.loads(given.with_name("proof.json").read_bytes())
    assert (proof["format"], proof["patch_sha256"]) == ("janitor-proof/1", repair.patch_sha256)
    subprocess.run(["git", "clone", "--quiet", str(origin), str(clone)], check=True, timeout=60)
    subprocess.run(
        ["git", "-c", "user.name=a", "-c", "user.email=a@b.invalid", "am", "--quiet", str(given)],
        cwd=clone,
        check=True,
        timeout=60,
    )
    asked = (clone / "requirements.txt").read_text().splitlines()
    assert asked[1:] == ["runpod==1.12.0", "greetings>=1.2,<=1.4.0", "punctuation>=1.0"]
