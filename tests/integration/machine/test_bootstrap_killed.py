"""The bootstrap killed at every step that changes something, before it and after it; then given once more."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from tests.integration.machine.test_bootstrap_disks import keep_something, mounted
from tests.support.machine import BOOTSTRAP, EBS, MIB, NVME, VOLUME, Machine

CHANGING = ("mkfs.ext4", "e2fsck", "resize2fs", "mount", "umount", "mv", "mkdir", "chmod", "systemctl", "sync", "dd")
KILLED = -9
# Counts each step of the script; kills the whole session at one of them.
# `timeout` has a group of its own; the session is the bootstrap's.
_KILL_ALL = "{ read -r _ _ _ _ _ session _ </proc/$$/stat; kill -9 -$session; kill -9 0; }"
_WATCHED = """\
#!/bin/sh
step=$(($(cat {folder}/step 2>/dev/null || echo 0) + 1))
echo "$step" >{folder}/step
[ "$step-before" = "$JANITOR_KILL" ] && {kill}
{program} "$@"
status=$?
[ "$step-after" = "$JANITOR_KILL" ] && {kill}
exit $status
"""


def watch(machine: Machine) -> None:
    """Put a counter before each program that changes something."""
    for name in CHANGING:
        own = machine.programs / name
        program = shutil.which(name, path=f"{machine.environment['PATH']}")
        if own.exists():
            own.rename(machine.programs / f"{name}.own")
            program = f"{machine.programs}/{name}.own"
        machine.program(name, _WATCHED.format(folder=machine.folder, program=program, kill=_KILL_ALL))


def steps_of(machine: Machine) -> int:
    return int((machine.folder / "step").read_text())


def killed_at(machine: Machine, words: tuple[str, ...], where: str) -> bool:
    """Whether it came as far as to be killed there."""
    (machine.folder / "step").unlink(missing_ok=True)
    return machine.bootstrap(*words, JANITOR_KILL=where).returncode == KILLED


def unwatched(machine: Machine, *words: str) -> subprocess.CompletedProcess[str]:
    return machine.bootstrap(*words, JANITOR_KILL="")


def places(machine: Machine, words: tuple[str, ...]) -> list[str]:
    """Every place at which it can be killed, learned from a run that isn't."""
    (machine.folder / "step").unlink(missing_ok=True)
    assert unwatched(machine, *words).returncode == 0
    return [f"{step}-{moment}" for step in range(1, steps_of(machine) + 1) for moment in ("before", "after")]


def fresh(machine: Machine, link: str) -> str:
    """A blank disk in the place of the one before."""
    machine.die()
    shutil.rmtree(machine.data, ignore_errors=True)
    (machine.folder / f"{link}.disk").unlink(missing_ok=True)
    return machine.disk(link)


def test_a_new_volume_survives_a_kill_anywhere(bare_machine: Machine) -> None:
    bare_machine.disk(EBS)
    watch(bare_machine)
    bare_machine.boot()
    killed = 0
    for where in places(bare_machine, ("cache", VOLUME)):
        device = fresh(bare_machine, EBS)
        bare_machine.boot()
        killed += killed_at(bare_machine, ("cache", VOLUME), where)
        done = unwatched(bare_machine, "cache", VOLUME)
        assert done.stdout == f"cache: attached ({VOLUME}, as it was)\n", (where, done.stdout, done.stderr)
        assert mounted(bare_machine.data / "cache") == device, where
    assert killed >= 16


def test_a_volume_with_data_keeps_it_through_a_kill_anywhere(bare_machine: Machine) -> None:
    bare_machine.disk(EBS)
    watch(bare_machine)
    bare_machine.boot()
    kept = keep_something(bare_machine)
    killed = 0
    for where in places(bare_machine, ("cache", VOLUME)):
        bare_machine.die()
        bare_machine.boot()
        killed += killed_at(bare_machine, ("cache", VOLUME), where)
        if killed % 3 == 0:
            bare_machine.die()  # and the instance with it
            bare_machine.boot()
        done = unwatched(bare_machine, "cache", VOLUME)
        assert done.stdout == f"cache: attached ({VOLUME}, as it was)\n", (where, done.stdout, done.stderr)
        assert kept.read_text() == "layers of last night", where
    assert killed >= 12


def test_a_boot_survives_a_kill_anywhere(bare_machine: Machine) -> None:
    bare_machine.disk(NVME)
    watch(bare_machine)
    for where in places(bare_machine, ("disk",)):
        device = fresh(bare_machine, NVME)
        killed_at(bare_machine, ("disk",), where)
        done = unwatched(bare_machine, "disk")
        assert done.returncode == 0, (where, done.stderr)
        assert mounted(bare_machine.data) == device, (where, done.stderr)


def test_a_release_survives_a_kill_anywhere(bare_machine: Machine) -> None:
    bare_machine.disk(EBS)
    watch(bare_machine)
    bare_machine.boot()
    kept = keep_something(bare_machine)
    assert "attached" in unwatched(bare_machine, "cache", VOLUME).stdout
    for where in places(bare_machine, ("release",)):
        assert "attached" in unwatched(bare_machine, "cache", VOLUME).stdout, where
        killed_at(bare_machine, ("release",), where)
        assert unwatched(bare_machine, "release").stdout == "cache: released\n", where
        assert mounted(bare_machine.data / "cache") is None, where
    assert "attached" in unwatched(bare_machine, "cache", VOLUME).stdout
    assert kept.read_text() == "layers of last night"


def test_a_format_that_was_cut_off_is_begun_anew(bare_machine: Machine) -> None:
    device = bare_machine.disk(EBS)
    bare_machine.boot()
    half = f"#!/bin/sh\nhead -c {MIB} /dev/urandom | dd of={device} conv=notrunc status=none\n{_KILL_ALL}\n"
    bare_machine.program("mkfs.ext4", half)
    assert bare_machine.bootstrap("cache", VOLUME).returncode == KILLED
    assert any(Path(device).read_bytes()[:MIB])
    (bare_machine.programs / "mkfs.ext4").unlink()
    assert bare_machine.bootstrap("cache", VOLUME).stdout == f"cache: attached ({VOLUME}, as it was)\n"


def test_two_at_once_take_turns(bare_machine: Machine) -> None:
    bare_machine.disk(EBS)
    bare_machine.boot()
    words = [str(BOOTSTRAP), "cache", VOLUME]
    both = [
        subprocess.Popen(words, env=bare_machine.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    for process in both:
        out, err = process.communicate(timeout=120)
        assert out == f"cache: attached ({VOLUME}, as it was)\n", err


def test_a_lock_that_is_held_for_ever_is_said(bare_machine: Machine) -> None:
    bare_machine.boot()
    holder = subprocess.Popen(["flock", str(bare_machine.run / "lock"), "sleep", "60"])
    try:
        bare_machine.program("flock", "#!/bin/sh\nexec /usr/bin/flock --nonblock 9\n")
        done = bare_machine.bootstrap("cache", VOLUME)
        assert done.returncode == 1
        assert "another bootstrap has worked" in done.stderr
    finally:
        holder.kill()
        holder.wait()
