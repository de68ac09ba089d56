"""What a box sees of a hidden folder, with each containment that has a mount namespace; and where there is none."""

from __future__ import annotations

import os
import shutil
import subprocess
from datetime import timedelta
from pathlib import Path

import pytest

from localcloud.box.containment import Containment
from localcloud.box.layout import BoxFiles, base_python
from localcloud.box.process import ENCLOSE, ProcessRuntime, Sight, can_hide
from localcloud.box.runtime import BoxCommand, BoxSpec, CommandEnded, Gone, Ready

pytestmark = pytest.mark.local_only

WAIT = timedelta(seconds=60)
LOOK = "cat {0}/stack.env ../../../../stack.env; cat {0}/repositories/x; echo y 2>/dev/null >{0}/repositories/x; ls {0}"


def looked(containment: Containment, folder: Path, sight: Sight) -> list[str]:
    """What a command in a box below `folder` prints when it looks around there."""
    shutil.rmtree(folder / "cloud", ignore_errors=True)
    (folder / "stack.env").write_text("SECRET\n")
    (folder / "repositories").mkdir(exist_ok=True)
    (folder / "repositories" / "x").write_text("repository\n")
    files = BoxFiles(root=folder / "cloud/boxes/i-1", records=folder / "cloud/records/i-1")
    files.create()
    spec = BoxSpec(instance_id="i-1", root=files.root, environment={"PATH": os.environ["PATH"]}, records=files.records)
    box = ProcessRuntime(containment, sight).start(spec)
    outputs = files.command_output("c")
    outputs[0].parent.mkdir(parents=True)
    try:
        assert isinstance(box.next_event(WAIT), Ready)
        box.run(
            BoxCommand(
                command_id="c",
                argv=["/bin/sh", "-c", LOOK.format(folder)],
                directory=files.home,
                outputs=outputs,
                output_limit_bytes=10_000,
            )
        )
        while not isinstance(event := box.next_event(WAIT), CommandEnded):
            assert event is not None
            assert not isinstance(event, Gone)
    finally:
        box.end(timedelta(0))
        while not isinstance(box.next_event(WAIT), Gone):
            pass
    return outputs[0].read_text().split()


@pytest.mark.parametrize("containment", [Containment.PID_NAMESPACE, Containment.USER_NAMESPACE])
def test_a_hidden_folder_shows_what_the_box_needs(containment: Containment, tmp_path: Path) -> None:
    if not (containment.available and can_hide(containment)):
        pytest.skip(f"{containment.value} hides nothing on this machine")
    shown = (tmp_path / "repositories",)
    assert looked(containment, tmp_path, Sight()) == [
        *("SECRET", "SECRET", "repository"),
        *("cloud", "repositories", "stack.env"),
    ]
    assert looked(containment, tmp_path, Sight(hidden=(tmp_path,), shown=shown)) == [
        "repository",
        *("cloud", "repositories"),
    ]
    assert (tmp_path / "repositories" / "x").read_text() == "repository\n"
    # Nothing is hidden from whoever runs the box.
    assert (tmp_path / "stack.env").read_text() == "SECRET\n"


@pytest.mark.parametrize("containment", [Containment.SUBREAPER, Containment.PROCESS_GROUP])
def test_without_a_namespace_nothing_is_hidden_from_anybody(containment: Containment, tmp_path: Path) -> None:
    assert not can_hide(containment)
    assert not ProcessRuntime(containment, Sight(hidden=(tmp_path,))).hides_files
    assert "SECRET" in looked(containment, tmp_path, Sight(hidden=(tmp_path,)))
    assert (tmp_path / "stack.env").exists()


@pytest.mark.skipif(not Containment.USER_NAMESPACE.available, reason="this machine allows no user namespace")
def test_where_the_kernel_refuses_that_is_said_and_the_program_goes_on(tmp_path: Path) -> None:
    """A user namespace without a mount namespace of its own: every mount is refused."""
    (tmp_path / "program.py").write_text("import sys; print(sys.argv[1:])\n")
    (tmp_path / "hidden").mkdir()
    start = ["unshare", "--user", "--map-root-user", str(base_python()), "-I", "-S", str(ENCLOSE)]
    hide = f"--hide={tmp_path / 'hidden'}"
    answer = subprocess.run(
        [*start, hide, "--", str(tmp_path / "program.py"), "--an-argument"],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert answer.stdout == "['--an-argument']\n"
    assert "stay in sight of its box" in answer.stderr
    tried = subprocess.run([*start, hide, "--only-try"], capture_output=True, timeout=60, check=False)
    assert tried.returncode == 1
