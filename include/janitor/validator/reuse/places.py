"""Where it is looked for what a task may have changed.

A part of a machine, as a box of the local cloud is, has folders that others use, too: of those only what configures
the system is looked at, and what no one else writes to.
"""

from __future__ import annotations

import os
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from janitor.validator.settings import Settings

_CONFIGURATION = (
    *("/etc", "/usr/local/etc", "/var/spool/cron", "/var/spool/at", "/var/lib/cloud/scripts"),
    # What systemd, the next boot or the loader of programs obeys beside /etc.
    *("/run/systemd/system", "/run/systemd/generator", "/boot/grub/grub.cfg", "/lib/ld.so.preload"),
)
_OF_A_HOME = (
    *(".bashrc", ".bash_profile", ".bash_login", ".bash_logout", ".bash_aliases", ".profile", ".login", ".cshrc"),
    *(".zshrc", ".zshenv", ".zprofile", ".zlogin", ".kshrc", ".inputrc", ".pam_environment", ".environment"),
    *(".ssh/authorized_keys", ".ssh/authorized_keys2", ".ssh/config", ".ssh/environment", ".ssh/rc"),
    *(".docker/config.json", ".docker/daemon.json", ".docker/cli-plugins", ".aws/config", ".aws/credentials"),
    *(".gnupg/gpg.conf", ".netrc", ".npmrc", ".curlrc", ".wgetrc", ".pydistutils.cfg"),
    *(".gitconfig", ".config/git", ".config/pip", ".pip", ".config/uv", ".config/systemd", ".config/autostart"),
    *(".config/environment.d", ".config/containers", ".config/fish", ".local/share/systemd"),
)
_PROGRAMS = (
    *("/usr/bin", "/usr/sbin", "/usr/local/bin", "/usr/local/sbin", "/usr/local/lib", "/bin", "/sbin", "/root/bin"),
    *("/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/libexec", "/usr/local/libexec", "/usr/lib/security"),
)
"""Themselves, without what lies below them."""
_DEEP = (("/opt", 2), ("/usr/lib/systemd", 4), ("/lib/security", 2), ("/usr/lib/docker", 3), ("/usr/libexec/docker", 3))
"""With folders below them, so many levels."""
_DEEPEST = 12
_TEMPORARY = ("/tmp", "/var/tmp", "/dev/shm")  # noqa: S108  # looked at, not written to
_MOST_HOMES = 100
_PERSONS = range(1_000, 60_000)
"""Numbers of users who log in. Source: login.defs(5), UID_MIN and UID_MAX."""


@dataclass(frozen=True, kw_only=True)
class Folder:
    """A folder, and how far below it is looked; 1: at itself alone."""

    path: Path
    depth: int = 1


@dataclass(frozen=True, kw_only=True)
class Places:
    """All of them."""

    configuration: tuple[Path, ...]
    """Files, and folders with all below them: their content counts."""
    programs: tuple[Folder, ...]
    """What the kernel notes of each file counts."""
    set_uid: tuple[Folder, ...]
    """Where set-uid programs are looked for."""


def places(settings: Settings, *, is_whole: bool) -> Places:
    """Where to look.

    Args:
        settings: Of the machine.
        is_whole: Whether the machine is the worker's alone.
    """
    homes = _homes(settings) if is_whole else [settings.home]
    path = [Path(folder) for folder in settings.path.split(os.pathsep) if folder.startswith("/")]
    of_homes = [home / name for home in homes for name in _OF_A_HOME]
    configuration = _each_once([*(Path(each) for each in _CONFIGURATION), *of_homes])
    temporary = [settings.temporary, *(map(Path, _TEMPORARY) if is_whole else ())]
    searched = [*(Folder(path=each, depth=6) for each in temporary), *(Folder(path=each, depth=6) for each in homes)]
    if not is_whole:
        return Places(
            configuration=configuration,
            programs=tuple(Folder(path=each) for each in _each_once(path)),
            set_uid=(*(Folder(path=each) for each in _each_once(path)), *searched),
        )
    programs = [
        *(
            Folder(path=each)
            for each in _each_once([*path, *map(Path, _PROGRAMS), *Path("/usr/lib").glob("*-linux-gnu")])
        ),
        *(Folder(path=Path(name), depth=depth) for name, depth in _DEEP),
        Folder(path=Path("/lib/modules") / os.uname().release, depth=_DEEPEST),
        *_of_python(),
    ]
    wide = [
        Folder(path=Path(name), depth=_DEEPEST)
        for name in ("/usr", "/opt", "/srv", "/snap/bin", "/var/lib/janitor/tmp")
    ]
    return Places(configuration=configuration, programs=tuple(programs), set_uid=(*wide, *searched))


def _of_python() -> Iterator[Folder]:
    """The system's interpreter: its own modules, and its packages."""
    paths = sysconfig.get_paths()
    yield Folder(path=Path(paths["stdlib"]))
    for name in sorted({paths["purelib"], paths["platlib"], "/usr/lib/python3/dist-packages"}):
        yield Folder(path=Path(name), depth=_DEEPEST)


def _homes(settings: Settings) -> list[Path]:
    """Of this user, of root and of everybody who logs in."""
    found = [settings.home, Path("/root")]
    try:
        lines = Path("/etc/passwd").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return _unique(found)
    for line in lines:
        fields = line.split(":")
        if len(fields) > 5 and fields[2].isdecimal() and (int(fields[2]) == 0 or int(fields[2]) in _PERSONS):
            found.append(Path(fields[5]))
    return [each for each in _unique(found) if len(each.parts) > 1][:_MOST_HOMES]


def _unique(paths: list[Path]) -> list[Path]:
    return list(dict.fromkeys(paths))


def _each_once(paths: list[Path]) -> tuple[Path, ...]:
    """Without those that are another by a link: /bin is /usr/bin on most systems."""
    found: dict[str, Path] = {}
    for path in paths:
        found.setdefault(os.path.realpath(path), path)
    return tuple(found.values())
