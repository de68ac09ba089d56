"""What a hostile repository tries within the sandbox and while it is copied there: it gets nothing out."""

from __future__ import annotations

import asyncio
import os
import resource
import threading
import time
from datetime import timedelta
from pathlib import Path

import pytest

from janitor.agent import repository_copy
from janitor.agent.executors.base import FileRefusedError, read_through
from janitor.agent.executors.jail import JailExecutor
from janitor.agent.repository_copy import pack_repository
from janitor.agent.settings import AgentSettings
from tests.integration.agent.conftest import needs_root

pytestmark = needs_root

KEY = "sk-key-that-nobody-may-see-0123456789abcdef"
LIMIT = timedelta(seconds=30)


@pytest.fixture
def in_sandbox(checkout, tmp_path):
    """Runs commands one after the other in one sandbox with the checkout."""
    temporary = tmp_path / "temporary"
    temporary.mkdir(mode=0o700)

    def work(*commands, limit=LIMIT):
        async def all_of_them():
            executor = JailExecutor(AgentSettings(path=os.environ["PATH"], temporary=str(temporary)))
            try:
                await executor.start(pack_repository(checkout)[0])
                return [
                    await (command(executor) if callable(command) else executor.run(command, limit))
                    for command in commands
                ]
            finally:
                await executor.stop()

        return asyncio.run(all_of_them())

    yield work
    assert list(temporary.iterdir()) == []


def assert_no_process_of(uid: int) -> None:
    """No process of this user lives; the kernel may take a moment to end those that were killed."""
    ends_at = time.monotonic() + 5
    while (living := _processes_of(uid)) and time.monotonic() < ends_at:
        time.sleep(0.05)
    assert living == []


def _processes_of(uid: int) -> list[str]:
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if entry.stat().st_uid == uid and "\nState:\tZ" not in (entry / "status").read_text():
                    found.append((entry / "cmdline").read_text())
            except OSError:
                continue
    return found


def test_git_folders_stay_outside(checkout, in_sandbox):
    for folder in (".git", "vendor/.git"):
        (checkout / folder / "hooks").mkdir(parents=True)
        (checkout / folder / "config").write_text(f"url = https://u:{KEY}@example.com/\n")
    (checkout / "vendor" / "file").write_text("kept\n")
    listed, found = in_sandbox("find . | sort", f"grep -r {KEY} . ; true")
    assert listed.stdout.split() == [".", "./README.md", "./app.sh", "./vendor", "./vendor/file"]
    assert found.stdout == ""


# -- forking away


def test_what_forks_away_ends_with_its_command(checkout, in_sandbox):
    (checkout / "away.sh").write_text(
        "(setsid sh -c 'trap \"\" TERM HUP INT; while :; do echo alive >> beat; sleep 0.05; done' >/dev/null 2>&1 &)\n"
        "until test -s beat; do sleep 0.05; done; echo started\n"
    )
    uid, started, first, second = in_sandbox("id -u", "sh away.sh", "wc -c < beat", "sleep 0.5; wc -c < beat")
    assert started.stdout == "started\n", started
    assert first.stdout == second.stdout
    assert_no_process_of(int(uid.stdout))


def test_command_beyond_its_time_ends_with_all_it_started(checkout, in_sandbox):
    began = time.monotonic()
    uid, result = in_sandbox("id -u", "setsid sleep 300 & sleep 301", limit=timedelta(seconds=10))
    assert result.timed_out
    assert time.monotonic() - began < 120
    assert_no_process_of(int(uid.stdout))


def test_fork_bomb_is_bounded(in_sandbox):
    uid, bomb, after = in_sandbox("id -u", "bomb() { bomb | bomb & }; bomb; sleep 1; echo done", "echo fine")
    assert after.stdout == "fine\n"
    assert bomb.exit_code != 0 or "done" in bomb.stdout
    assert_no_process_of(int(uid.stdout))


def test_nothing_lasts_but_the_workspace(in_sandbox, tmp_path):
    places = "/tmp /var/tmp /dev/shm /run /etc /usr/bin /root /home /"
    write = f"for place in {places}; do echo planted > $place/janitor-planted 2>/dev/null; done; echo kept > kept"
    _, look = in_sandbox(write, f"for place in {places} .; do ls $place | grep -E 'planted|kept'; done")
    assert look.stdout == "kept\n"
    assert not any(Path(place, "janitor-planted").exists() for place in places.split())


# -- floods


def test_flood_of_output_costs_little(checkout, in_sandbox):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    (result,) = in_sandbox("head -c 400000000 /dev/zero | tr '\\0' x; head -c 100000000 /dev/zero >&2")
    assert result.exit_code == 0, result
    assert len(result.stdout) < 40_000
    assert "bytes left out" in result.stdout
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 20 * 1024


def test_flood_of_files_is_left_out(checkout, monkeypatch):
    monkeypatch.setattr(repository_copy, "MAX_FILES", 50)
    monkeypatch.setattr(repository_copy, "MAX_FILE_BYTES", 1_000)
    for number in range(100):
        (checkout / f"file{number}").write_text("x")
    (checkout / "a-large").write_text("x" * 2_000)
    os.mkfifo(checkout / "a-pipe")
    archive, notes = pack_repository(checkout)
    assert [note.split(" ", 1)[1] for note in notes] == [
        f"{what} left out of the agent's copy" for what in ("files beyond the limit", "large files", "special files")
    ]
    assert len(archive) < 200_000


def test_folders_without_end_are_left_out(checkout):
    (checkout / Path(*["d"] * 150)).mkdir(parents=True)
    _, notes = pack_repository(checkout)
    assert notes == ["1 folders too deep left out of the agent's copy"]


# -- links


def test_links_lead_only_to_what_the_sandbox_may_read(checkout, in_sandbox, tmp_path):
    secret = tmp_path / "secret"
    secret.write_text(KEY)
    secret.chmod(0o600)
    (checkout / "link").symlink_to(secret)
    (checkout / "shadow").symlink_to("/etc/shadow")
    (checkout / "folder").symlink_to(tmp_path)

    def refused(path):
        async def read(executor):
            with pytest.raises(FileRefusedError):
                await read_through(executor, path, offset=0, count=1_000)
            return True

        return read

    paths = ("link", "shadow", "folder/secret", "../../../../../../etc/shadow", str(secret), "-c")
    assert all(in_sandbox(*map(refused, paths)))


def test_race_of_links_leaks_nothing_while_reading(checkout, in_sandbox):
    """A link that turns from a file into somebody else's: the sandbox's own user reads it, whatever it is."""
    (checkout / "race.sh").write_text(
        "echo harmless > plain; i=0\n"
        "while test $i -lt 400; do ln -sfn plain turn; ln -sfn /etc/shadow turn; i=$((i+1)); done &\n"
        "i=0; while test $i -lt 400; do cat turn 2>/dev/null; i=$((i+1)); done | sort | uniq -c; wait\n"
    )
    (result,) = in_sandbox("sh race.sh")
    assert set(result.stdout.split()[1::2]) <= {"harmless"}, result.stdout


def test_race_of_links_leaks_nothing_while_packing(checkout, tmp_path):
    """A process of the repository that swaps files and folders for links while they are copied, as root."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret").write_text(KEY)
    (checkout / "real").mkdir()
    (checkout / "real" / "secret").write_text("harmless")
    (checkout / "secret").write_text("harmless")
    stop = threading.Event()

    def swap():
        while not stop.is_set():
            for name, target in (("folder", outside), ("folder", checkout / "real"), ("file", outside / "secret")):
                link = checkout / f"new-{name}"
                link.unlink(missing_ok=True)
                link.symlink_to(target)
                os.replace(link, checkout / f"turn-{name}")
            os.rename(checkout / "secret", checkout / "turn-plain")
            os.link(checkout / "turn-plain", checkout / "secret")
            (checkout / "turn-plain").unlink()

    swapper = threading.Thread(target=swap)
    swapper.start()
    try:
        for _ in range(200):
            archive, _ = pack_repository(checkout)
            assert KEY.encode() not in archive
    finally:
        stop.set()
        swapper.join(10)


def test_set_uid_files_lose_it(checkout, in_sandbox):
    tool = checkout / "tool"
    tool.write_bytes(Path("/bin/sh").read_bytes())
    tool.chmod(0o4755)
    result, su = in_sandbox(
        "ls -l tool; ./tool -c id", "find / -xdev -perm -4000 -exec {} --help \\; 2>&1 | head -2; id -u"
    )
    assert "rws" not in result.stdout
    assert "uid=0" not in result.stdout
    assert su.stdout.split()[-1].startswith("580")
