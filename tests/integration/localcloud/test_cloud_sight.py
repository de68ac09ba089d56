"""A thief in a box: what it finds of the stack that runs it, of the local cloud, and of other boxes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from localcloud.box.containment import best_containment
from localcloud.box.process import can_hide
from tests.support.cloud import Cloud
from tests.support.localcloud_server import LocalCloudServer

pytestmark = pytest.mark.local_only

SECRET = "the-owner-s-password"
IN_TWO_PIECES = '"the-owner-s-pass""word"'
"""So that the thief's own script isn't what it finds."""
WITHOUT_CAPABILITIES = "setpriv --bounding-set=-all --inh-caps=-all --no-new-privs"
"""As the validator starts what a repository brings."""


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A stack's state folder: its settings, its secrets, its repositories."""
    folder = tmp_path_factory.mktemp("state")
    (folder / "stack.env").write_text(f"PASSWORD={SECRET}\n")
    (folder / "secrets").mkdir()
    (folder / "secrets" / "owner").write_text(SECRET)
    (folder / "repositories" / "echo.git").mkdir(parents=True)
    (folder / "repositories" / "echo.git" / "HEAD").write_text("ref: refs/heads/main\n")
    return folder


@pytest.fixture(scope="module")
def hiding(state: Path) -> Iterator[LocalCloudServer]:
    if not can_hide(best_containment()):
        pytest.skip("this machine allows boxes no mount namespace")
    with LocalCloudServer(
        state / "cloud",
        boot_delay=0.1,
        agent_delay=0.1,
        cache_dir=state / "cache",
        hide=state,
        show=state / "repositories",
    ) as running:
        yield running


@pytest.fixture(scope="module")
def thieves(hiding: LocalCloudServer) -> Iterator[tuple[Cloud, str, str]]:
    """Two machines: the thief's, and one whose script holds a secret while it runs."""
    cloud = Cloud.of(hiding)
    thief, victim = cloud.online(), cloud.online()
    cloud.send(victim, f"echo {SECRET} >$HOME/mine; sleep 300 # {SECRET}")
    yield cloud, thief, victim
    cloud.terminate_launched()


def test_the_local_cloud_says_that_it_hides(hiding: LocalCloudServer) -> None:
    assert hiding.health()["hides_files"] is True


def test_nothing_of_the_stack_is_found(thieves: tuple[Cloud, str, str], state: Path) -> None:
    cloud, thief, victim = thieves
    tries = f"""
cat {state}/stack.env {state}/secrets/owner {state}/cloud/key.json 2>&1
ls {state} {state}/cloud {state}/cloud/boxes {state}/cloud/records 2>&1
cat {state}/cloud/boxes/{victim}/root/mine 2>&1
ls ../../../.. ; cat ../../../../stack.env ../../../stack.env 2>&1
cd / ; cat {state}/cloud/../stack.env 2>&1
for process in /proc/[0-9]*; do
  cat $process/root{state}/stack.env $process/cwd/../../../../stack.env 2>/dev/null
  for open in $process/fd/*; do timeout 1 cat $open/../stack.env $open/stack.env 2>/dev/null; done
done
grep -rs {IN_TWO_PIECES} {state} && echo stolen
echo looked
"""
    said = cloud.output(thief, tries)
    assert said.endswith("looked\n")
    assert SECRET not in said
    assert victim not in said.replace(f"boxes/{victim}/root/mine", "")
    assert "stolen" not in said
    assert "AKIA" not in said
    assert "No such file" in said


def test_what_it_may_see_is_there(thieves: tuple[Cloud, str, str], state: Path) -> None:
    cloud, thief, _ = thieves
    said = cloud.output(
        thief,
        f"cat {state}/repositories/echo.git/HEAD; echo x 2>&1 >{state}/repositories/echo.git/HEAD || echo refused;"
        " echo mine >$HOME/file && cat $HOME/file; mkdir -p $UV_CACHE_DIR && touch $UV_CACHE_DIR/wheel && echo cached;"
        " python3 -c 'print(1)'; pwd",
    )
    lines = said.splitlines()
    assert "Read-only file system" in lines.pop(1)
    assert lines == [
        "ref: refs/heads/main",
        "refused",
        "mine",
        "cached",
        "1",
        f"{state}/cloud/boxes/{thief}/root",
    ]
    assert (state / "cache" / "uv" / "wheel").exists()


def test_the_cover_can_t_be_lifted_by_what_a_repository_runs(thieves: tuple[Cloud, str, str], state: Path) -> None:
    cloud, thief, _ = thieves
    lift = f"sh -c 'umount -l {state}; umount -l {state}/cloud; cat {state}/stack.env' 2>&1"
    nested = f"unshare --user --map-root-user --mount {lift}"
    tries = "; ".join(f"{WITHOUT_CAPABILITIES} {each}" for each in (lift, nested))
    said = cloud.output(thief, f"command -v setpriv >/dev/null || exit 9; {tries}; echo tried")
    assert said.endswith("tried\n")
    assert SECRET not in said
