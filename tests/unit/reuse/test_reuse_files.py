"""What is noted of a machine's folders: each change shows, no link is followed, and nothing goes on for ever."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from janitor.protocol.reuse import manifest as bounds
from janitor.protocol.reuse.manifest import AreaSeen
from janitor.validator.reuse import files
from janitor.validator.reuse.files import Clock, contents, name_of, programs, set_uid
from janitor.validator.reuse.places import Folder, places
from janitor.validator.settings import Settings


def changed(before: AreaSeen, after: AreaSeen) -> set[str]:
    names = before.entries.keys() | after.entries.keys()
    return {name for name in names if before.entries.get(name) != after.entries.get(name)}


def look(*paths: Path) -> AreaSeen:
    return contents(paths, Clock(10))


@pytest.fixture
def etc(tmp_path: Path) -> Path:
    folder = tmp_path / "etc"
    (folder / "cron.d").mkdir(parents=True)
    (folder / "passwd").write_text("root:x:0:0\n")
    (folder / "cron.d" / "daily").write_text("0 1 * * * root true\n")
    (folder / "mtab").symlink_to("/proc/self/mounts")
    return folder


def test_a_new_a_changed_and_a_removed_file_show(etc: Path) -> None:
    before = look(etc)
    (etc / "ld.so.preload").write_text("/tmp/evil.so\n")
    (etc / "passwd").write_text("root::0:0\n")
    (etc / "cron.d" / "daily").unlink()
    assert changed(before, look(etc)) == {str(etc / name) for name in ("ld.so.preload", "passwd", "cron.d/daily")}


def test_the_same_content_written_anew_is_no_change_and_other_rights_are(etc: Path) -> None:
    before = look(etc)
    (etc / "passwd").write_text("root:x:0:0\n")
    assert changed(before, look(etc)) == set()
    (etc / "passwd").chmod(0o666)
    assert changed(before, look(etc)) == {str(etc / "passwd")}


def test_a_link_counts_by_what_it_says_and_a_pipe_is_not_opened(etc: Path) -> None:
    os.mkfifo(etc / "pipe")
    before = look(etc)
    assert before.entries[str(etc / "pipe")].startswith("pipe")
    (etc / "mtab").unlink()
    (etc / "mtab").symlink_to("/proc/self/environ")
    assert changed(before, look(etc)) == {str(etc / "mtab")}


def test_the_end_of_a_file_that_is_too_long_to_be_read_counts_by_its_instant(etc: Path) -> None:
    large = etc / "large"
    large.write_bytes(b"x" * (files._MOST_READ + 10))
    before = look(etc)
    with large.open("r+b") as file:
        file.seek(-1, os.SEEK_END)
        file.write(b"y")
    os.utime(large, ns=(1, 1))
    assert changed(before, look(etc)) == {str(large)}


def test_a_program_that_is_replaced_shows_whatever_its_times_say(tmp_path: Path) -> None:
    tool = tmp_path / "git"
    tool.write_text("true")
    old = tool.stat()
    before = programs([Folder(path=tmp_path)], Clock(10))
    tool.write_text("evil")
    os.utime(tool, ns=(old.st_atime_ns, old.st_mtime_ns))
    after = programs([Folder(path=tmp_path)], Clock(10))
    assert changed(before, after) == {str(tmp_path)}
    assert after.entries[str(tmp_path)].endswith("last changed git")


def test_a_set_uid_program_shows(tmp_path: Path) -> None:
    program = tmp_path / "a" / "sh"
    program.parent.mkdir()
    program.touch()
    where = [Folder(path=tmp_path, depth=3)]
    assert set_uid(where, Clock(10)).entries == {}
    program.chmod(0o4755)
    assert list(set_uid(where, Clock(10)).entries) == [str(program)]


def test_too_many_entries_are_counted(etc: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "MOST_ENTRIES", 3)
    seen = look(etc)
    assert (len(seen.entries), seen.left_out) == (3, 2)


def test_a_clock_that_has_run_out_says_so(etc: Path) -> None:
    clock = Clock(0)
    seen = contents([etc], clock)
    assert (clock.is_over, seen.entries, seen.left_out) == (True, {}, 1)


def test_names_that_no_document_holds_are_told_all_the_same(tmp_path: Path) -> None:
    odd = os.fsencode(tmp_path) + b"/\xff\xfe"
    Path(os.fsdecode(odd)).touch()
    assert f"{tmp_path}/\\xff\\xfe" in look(tmp_path).entries
    long = f"/{'x' * 1000}"
    assert len(name_of(long)) <= bounds.LONGEST_NAME
    assert name_of(long) != name_of(f"{long}y")


def test_of_a_part_of_a_machine_only_its_own_folders_are_walked(tmp_path: Path) -> None:
    settings = Settings.from_environment(
        {"HOME": str(tmp_path / "root"), "TMPDIR": str(tmp_path / "tmp"), "PATH": "/bin"}
    )
    part, whole = (places(settings, is_whole=is_whole) for is_whole in (False, True))
    assert tmp_path / "root" / ".ssh" / "authorized_keys" in part.configuration
    assert {folder.path for folder in part.set_uid} == {Path("/bin"), tmp_path / "root", tmp_path / "tmp"}
    assert Path("/root/.ssh/authorized_keys") in whole.configuration
    assert Path("/tmp") in {folder.path for folder in whole.set_uid}
