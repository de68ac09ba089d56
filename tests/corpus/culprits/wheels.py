"""Releases that are made on the spot: wheels, and archives that can't be built."""

from __future__ import annotations

import io
import tarfile
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Release:
    """One version of a package."""

    name: str
    version: str
    modules: Mapping[str, str] = field(default_factory=dict)
    """Source by file name."""
    requires: tuple[str, ...] = ()
    is_buildable: bool = True
    """False: an archive of sources whose build fails."""

    def write(self, folder: Path) -> Path:
        """Put it where an installer finds it; returns the file."""
        return self._wheel(folder) if self.is_buildable else self._archive(folder)

    def _wheel(self, folder: Path) -> Path:
        stem = f"{self.name.replace('-', '_')}-{self.version}"
        info = f"{stem}.dist-info"
        requires = "".join(f"Requires-Dist: {each}\n" for each in self.requires)
        files = {
            **self.modules,
            f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {self.name}\nVersion: {self.version}\n{requires}",
            f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        }
        files[f"{info}/RECORD"] = "".join(f"{name},,\n" for name in [*files, f"{info}/RECORD"])
        path = folder / f"{stem}-py3-none-any.whl"
        with zipfile.ZipFile(path, "w") as archive:
            for name, text in files.items():
                archive.writestr(name, text)
        return path

    def _archive(self, folder: Path) -> Path:
        stem = f"{self.name.replace('-', '_')}-{self.version}"
        files = {
            "PKG-INFO": f"Metadata-Version: 2.1\nName: {self.name}\nVersion: {self.version}\n",
            "setup.py": "raise SystemExit('this release needs a compiler that nobody has')\n",
            # A build in the environment's own tools asks no index for any.
            "pyproject.toml": '[build-system]\nrequires = []\nbuild-backend = "broken"\nbackend-path = ["."]\n',
            "broken.py": "raise SystemExit('this release needs a compiler that nobody has')\n",
        }
        path = folder / f"{stem}.tar.gz"
        with tarfile.open(path, "w:gz") as archive:
            for name, text in files.items():
                entry = tarfile.TarInfo(f"{stem}/{name}")
                entry.size = len(text.encode())
                archive.addfile(entry, io.BytesIO(text.encode()))
        return path
