"""Where a box keeps its files, and the commands that it brings along.

`BoxFiles.root` is the machine's disk: it goes when the instance is terminated. `BoxFiles.records` is what EC2 and
SSM still serve afterwards (console log, command output).
"""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from localcloud.trees import remove_tree

POWER_PIPE = "run/power"
PROGRAMS = "bin"

POWER = """\
#!/bin/sh
# shutdown, poweroff, halt, reboot and systemctl of a local-cloud box, by the name it is called under.
# They end the box, never the machine that the box runs on.
power=@POWER@; name=${0##*/}; verb=poweroff; seconds=60
if [ "$name" = systemctl ]; then
  case "$1" in
    poweroff|halt|reboot) name=$1; shift ;;
    *) echo "systemctl: a box has no service manager; only poweroff and halt are supported" >&2; exit 1 ;;
  esac
fi
case $name in
  shutdown) ;;
  poweroff) seconds=0 ;;
  # As on EC2, halt stops the system without powering the machine off: the instance keeps running, and costing.
  halt) seconds=0; verb=halt ;;
  *) echo "$name: not supported in a box; use the EC2 API's RebootInstances" >&2; exit 1 ;;
esac
for argument in "$@"; do
  case $name:$argument in
    halt:-p|halt:--poweroff) verb=poweroff ;;
    shutdown:-H|shutdown:--halt) verb=halt ;;
    shutdown:-c) echo cancel >"$power"; exit 0 ;;
    shutdown:now|shutdown:+0) seconds=0 ;;
    shutdown:+[0-9]|shutdown:+[0-9][0-9]|shutdown:+[0-9][0-9][0-9]|shutdown:+[0-9][0-9][0-9][0-9])
      seconds=$((60 * ${argument#+})) ;;
    shutdown:-h|shutdown:-P|shutdown:--poweroff|shutdown:--no-wall) ;;
    shutdown:-*|shutdown:+*|shutdown:[0-9]*)
      echo "shutdown: '$argument' is not supported in a box; use -h, -P, now, +MINUTES or -c" >&2; exit 1 ;;
  esac
done
[ "$seconds" = 0 ] || echo "Shutdown scheduled in $seconds seconds, use 'shutdown -c' to cancel." >&2
echo "$verb $seconds" >"$power"
"""

UNAVAILABLE = """\
#!/bin/sh
# What would reach the service manager of the machine that the box runs on.
echo "${0##*/}: not available in a box" >&2
exit 1
"""
UNAVAILABLE_PROGRAMS = ("systemd-run",)
POWER_PROGRAMS = ("shutdown", "poweroff", "halt", "reboot", "systemctl")


@dataclass(frozen=True)
class BoxFiles:
    """The folders of one instance."""

    root: Path
    records: Path

    @property
    def home(self) -> Path:
        return self.root / "root"

    @property
    def temporary(self) -> Path:
        return self.root / "tmp"

    @property
    def programs(self) -> Path:
        return self.root / PROGRAMS

    @property
    def scripts(self) -> Path:
        """Where the SSM agent keeps the scripts of commands."""
        return self.root / "var/ssm"

    @property
    def user_data(self) -> Path:
        """The folder with the programs that user data is made of."""
        return self.root / "var/user-data"

    @property
    def power(self) -> Path:
        return self.root / POWER_PIPE

    @property
    def console(self) -> Path:
        return self.records / "console.log"

    def command_output(self, command_id: str) -> tuple[Path, Path]:
        """Where a command's stdout and stderr are kept."""
        folder = self.records / command_id
        return folder / "stdout", folder / "stderr"

    def create(self) -> None:
        """Make the folders and the programs. A stopped instance's disk is taken as it is."""
        self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.records.mkdir(mode=0o700, parents=True, exist_ok=True)
        for folder in (self.home, self.temporary, self.programs, self.scripts, self.power.parent):
            folder.mkdir(parents=True, exist_ok=True)
        self.power.unlink(missing_ok=True)
        os.mkfifo(self.power, 0o600)
        for name in POWER_PROGRAMS:
            # The path is written into the program: it must work for processes with an empty environment, too.
            write_program(self.programs / name, POWER.replace("@POWER@", shlex.quote(str(self.power))))
        for name in UNAVAILABLE_PROGRAMS:
            write_program(self.programs / name, UNAVAILABLE)
        for name, target in interpreters().items():
            link = self.programs / name
            link.unlink(missing_ok=True)
            link.symlink_to(target)

    def write_user_data(self, programs: Sequence[tuple[str, bytes]]) -> list[Path]:
        """Write the programs of a boot, given with their kinds, and return their paths."""
        paths = [self.user_data / f"{number:02}-{kind}" for number, (kind, _) in enumerate(programs, 1)]
        self.user_data.mkdir(parents=True, exist_ok=True)
        for path, (_, text) in zip(paths, programs, strict=True):
            path.write_bytes(text)
            path.chmod(0o700)
        return paths

    def remove_disk(self) -> None:
        """Remove what goes with the machine."""
        remove_tree(self.root)


def one_after_the_other(programs: Sequence[Path]) -> list[str]:
    """The command line that runs programs in their order, whatever becomes of each."""
    if len(programs) == 1:
        return [str(programs[0])]
    return ["/bin/sh", "-c", "; ".join(shlex.quote(str(program)) for program in programs)]


def write_program(path: Path, text: str) -> None:
    """Write an executable script that only its owner can read. Raises FileNotFoundError where its folder is gone."""
    path.write_text(text, encoding="utf-8", newline="\n")
    path.chmod(0o700)


def base_python() -> Path:
    """The interpreter beneath this program's virtual environment."""
    return Path(getattr(sys, "_base_executable", None) or sys.executable).resolve()


def interpreters() -> dict[str, Path]:
    """Programs of this installation that a box finds first: the base interpreter, and uv where there is one."""
    found = {"python3": base_python()}
    beside = Path(sys.executable).parent / "uv"
    uv = str(beside) if os.access(beside, os.X_OK) else shutil.which("uv")
    if uv:
        found["uv"] = Path(uv).resolve()
    return found
