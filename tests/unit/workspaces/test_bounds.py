"""A lock that ends with its holder and a git that ends in time, whatever they are up against."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from datetime import timedelta
from pathlib import Path

import pytest

from janitor.domain.errors import WorkspaceError
from janitor.guest.processes.marked import marked_processes
from janitor.services.workspaces.git import Git
from janitor.services.workspaces.mirror import Mirror
from janitor.services.workspaces.turns import turn
from tests.support.git_origins import Origin

_HOLD = (
    "import fcntl, sys; f = open(sys.argv[1], 'a'); fcntl.flock(f, fcntl.LOCK_EX); print('held', flush=True); input()"
)


def test_a_lock_of_another_is_waited_for_and_ends_with_it(tmp_path: Path) -> None:
    lock = tmp_path / "folder" / "lock"
    lock.parent.mkdir()
    holder = subprocess.Popen(
        [sys.executable, "-c", _HOLD, str(lock)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout is not None
    assert holder.stdin is not None
    assert holder.stdout.readline() == "held\n"
    refused = pytest.raises(WorkspaceError, match="is fetching for more than 0 s")
    with refused, turn(lock, what="fetching", limit=timedelta(seconds=0.2)):
        pytest.fail("two hold it")
    holder.kill()
    holder.wait(60)
    holder.stdin.close()
    holder.stdout.close()
    with turn(lock, what="fetching", limit=timedelta(seconds=60)):
        pass


def test_a_lock_file_stays_when_it_is_given_back_so_that_no_waiter_has_an_older_one(tmp_path: Path) -> None:
    lock, inside, most = tmp_path / "lock", 0, 0

    def work() -> None:
        nonlocal inside, most
        for _ in range(20):
            with turn(lock, what="at work", limit=timedelta(seconds=120)):
                inside += 1
                most = max(most, inside)
                inside -= 1

    with turn(lock, what="at work", limit=timedelta(seconds=60)):
        inode = lock.stat().st_ino
        workers = [threading.Thread(target=work) for _ in range(4)]
        for worker in workers:
            worker.start()
    for worker in workers:
        worker.join(120)
        assert not worker.is_alive()
    assert most == 1
    assert lock.stat().st_ino == inode


def fake_git(folder: Path, script: str, **more: str) -> Git:
    folder.mkdir()
    (folder / "git").write_text(f"#!/bin/sh\n{script}\n")
    (folder / "git").chmod(0o755)
    git = Git(folder=folder / "ours", search_path=f"{folder}:{os.environ['PATH']}", more=more)
    git.prepare()
    return git


def test_a_git_that_hangs_is_ended_with_all_that_it_started(tmp_path: Path) -> None:
    mark = f"test-{os.getpid()}"
    git = fake_git(tmp_path / "bin", "trap '' TERM; sleep 600 & sleep 600", JANITOR_TEST_MARK=mark)
    began = time.monotonic()
    with pytest.raises(WorkspaceError, match="git fetch was not ready after"):
        git("fetch", cwd=tmp_path, limit=timedelta(seconds=0.3))
    assert time.monotonic() - began < 60
    deadline = time.monotonic() + 30
    while marked_processes("JANITOR_TEST_MARK", mark) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert marked_processes("JANITOR_TEST_MARK", mark) == []


def test_what_git_prints_is_bounded_and_its_failure_is_told(tmp_path: Path) -> None:
    git = fake_git(tmp_path / "bin", '[ "$1" = bad ] && { echo "fatal: it is so" >&2; exit 3; }; yes | head -c 100000')
    with pytest.raises(WorkspaceError, match="printed more than 1000 bytes"):
        git.output("show", cwd=tmp_path, most_bytes=1000)
    with pytest.raises(WorkspaceError, match="git bad ended with 3 after 0 s: fatal: it is so"):
        git("bad", cwd=tmp_path)


def test_no_variable_of_this_process_reaches_git(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GIT_DIR", "GIT_SSH_COMMAND", "AWS_SECRET_ACCESS_KEY", "http_proxy"):
        monkeypatch.setenv(name, "leaked")
    printed = fake_git(tmp_path / "bin", "env").output("x", cwd=tmp_path, most_bytes=100_000).decode()
    assert "leaked" not in printed
    assert "GIT_CONFIG_NOSYSTEM=1" in printed


def test_a_repository_that_is_larger_than_allowed_is_not_fetched(tmp_path: Path) -> None:
    origin = Origin(tmp_path / "origin")
    (tmp_path / "origin").mkdir()
    (tmp_path / "origin" / "large").write_bytes(os.urandom(300_000))
    origin.commit({"small": "x"})
    git = Git(folder=tmp_path / "mirrors", search_path=os.environ["PATH"], largest_file_bytes=100_000)
    mirror = Mirror(mirrors=tmp_path / "mirrors", url=origin.url, git=git)
    with pytest.raises(WorkspaceError, match="git fetch ended with"):
        mirror.refresh()
    assert sum(path.stat().st_size for path in mirror.path.rglob("*") if path.is_file()) < 200_000
