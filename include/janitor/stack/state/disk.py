"""Whether there is room for what the stack and its instances write: one judgement for `doctor` and `status`."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from janitor.settings import Settings

_GIB = 2**30


@dataclass(frozen=True, kw_only=True)
class DiskSpace:
    """What is free where the stack lives."""

    folder: Path
    free_gib: float
    needed_gib: float

    @property
    def problem(self) -> str | None:
        """Why that isn't enough, with the next step; None where it is."""
        if self.free_gib >= self.needed_gib:
            return None
        return (
            f"{self.words}, {self.needed_gib:g} GiB are needed: free some space, before runs end as errors and"
            " PostgreSQL stops"
        )

    @property
    def words(self) -> str:
        """`12 GiB free in /folder`."""
        shown = f"{self.free_gib:.0f}" if self.free_gib >= 10 else f"{self.free_gib:.1f}"
        return f"{shown} GiB free in {self.folder}"

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {
            "folder": str(self.folder),
            "free_gib": round(self.free_gib, 2),
            "needed_gib": self.needed_gib,
            "problem": self.problem,
        }


def look_at_disk(settings: Settings) -> DiskSpace:
    """Measure the file system of the state folder, which need not be there yet."""
    folder = nearest_existing(settings.state_dir)
    free = shutil.disk_usage(folder).free / _GIB
    return DiskSpace(folder=folder, free_gib=free, needed_gib=settings.needed_disk_gib)


def nearest_existing(path: Path) -> Path:
    """The path, or the first of its parents that is there."""
    return next(candidate for candidate in (path, *path.parents) if candidate.exists())
