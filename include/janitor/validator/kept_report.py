"""The copy of a report that stays on this machine until storage has taken it."""

from __future__ import annotations

import contextlib
import os
import stat
from pathlib import Path

from janitor.guest.journal import Journal
from janitor.protocol.kept_report import KEPT_FOLDER, kept_name


class KeptReport:
    """One validation's copy. That it can't be kept is told, and costs nothing else.

    Args:
        temporary: The folder for temporary files.
        validation_id: Whose report it is.
    """

    def __init__(self, temporary: Path, validation_id: str) -> None:
        self._folder = temporary / KEPT_FOLDER
        self._path = self._folder / kept_name(validation_id)

    def keep(self, content: bytes, journal: Journal) -> None:
        """Write it whole, or leave what is there."""
        unfinished = self._path.with_suffix(".part")
        try:
            self._make_folder()
            with open(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
                file.write(content)
            os.replace(unfinished, self._path)
        except OSError as exc:
            journal.say(f"no copy of the report can be kept here: {exc.strerror or exc}")

    def forget(self) -> None:
        """Storage has it: nothing is left here."""
        with contextlib.suppress(OSError):
            self._path.unlink()
            self._folder.rmdir()

    def _make_folder(self) -> None:
        """The folder's name is known to everybody, so that it is taken only where nobody else has made it."""
        with contextlib.suppress(FileExistsError):
            self._folder.mkdir(mode=0o700)
        seen = self._folder.lstat()
        if not stat.S_ISDIR(seen.st_mode) or seen.st_uid != os.geteuid() or stat.S_IMODE(seen.st_mode) & 0o077:
            raise PermissionError(None, f"{self._folder} is somebody else's")
