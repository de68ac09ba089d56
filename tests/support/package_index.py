"""A package index on this machine, of wheels that are made as they are asked for. PEP 503 and PEP 427."""

from __future__ import annotations

import io
import re
import tarfile
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.answering import Answer, AnsweringServer

_LISTED = re.compile(r"/simple/([a-z0-9-]+)/")
_FILE = re.compile(r"/files/([A-Za-z0-9._-]+(?:\.whl|\.tar\.gz))")


@dataclass(frozen=True, kw_only=True)
class Wheel:
    """One release of a package."""

    name: str
    version: str
    modules: Mapping[str, str] = field(default_factory=dict)
    """Source by path, such as `pkg/__init__.py`."""
    requires: tuple[str, ...] = ()
    yanked: bool = False
    python: str | None = None
    """What it says of Python."""
    is_buildable: bool = True
    """False: an archive of sources, whose build fails."""

    @property
    def file_name(self) -> str:
        """As indexes spell it."""
        stem = f"{self.name.replace('-', '_')}-{self.version}"
        return f"{stem}-py3-none-any.whl" if self.is_buildable else f"{stem}.tar.gz"

    def content(self) -> bytes:
        """The archive; the same bytes each time."""
        return self._wheel() if self.is_buildable else self._sources()

    def write(self, folder: Path) -> Path:
        """Put it where an installer finds it; returns the file."""
        path = folder / self.file_name
        path.write_bytes(self.content())
        return path

    def _sources(self) -> bytes:
        stem = f"{self.name.replace('-', '_')}-{self.version}"
        fails = "raise SystemExit('this release needs a compiler that nobody has')\n"
        files = {
            "PKG-INFO": f"Metadata-Version: 2.1\nName: {self.name}\nVersion: {self.version}\n",
            # A build in the environment's own tools asks no index for any.
            "pyproject.toml": '[build-system]\nrequires = []\nbuild-backend = "broken"\nbackend-path = ["."]\n',
            "broken.py": fails,
        }
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
            for name, text in files.items():
                entry = tarfile.TarInfo(f"{stem}/{name}")
                entry.size = len(text.encode())
                archive.addfile(entry, io.BytesIO(text.encode()))
        return buffer.getvalue()

    def _wheel(self) -> bytes:
        info = f"{self.name.replace('-', '_')}-{self.version}.dist-info"
        wanted = "".join(f"Requires-Dist: {each}\n" for each in self.requires)
        python = f"Requires-Python: {self.python}\n" if self.python else ""
        files = {
            **self.modules,
            f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {self.name}\nVersion: {self.version}\n{python}{wanted}",
            f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        }
        files[f"{info}/RECORD"] = "".join(f"{name},,\n" for name in [*files, f"{info}/RECORD"])
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            for name, text in files.items():
                archive.writestr(zipfile.ZipInfo(name), text)
        return buffer.getvalue()


class PackageIndex(AnsweringServer):
    """Serves wheels while the block lasts; what it has may change meanwhile."""

    def __init__(self, wheels: Iterable[Wheel] = ()) -> None:
        self.wheels = list(wheels)
        self.is_down = False
        """Whether it answers every request with 503."""
        super().__init__()

    @property
    def url(self) -> str:
        """For `--index-url`."""
        return f"http://{self.address}/simple"

    def answer_to(self, path: str, authorization: str | None) -> Answer:
        """See `AnsweringServer`."""
        status, kind, content = self.answer(path)
        return status, {"Content-Type": kind}, content

    def answer(self, path: str) -> tuple[int, str, bytes]:
        """Status, type and body for one request."""
        if self.is_down:
            return 503, "text/plain", b"try again later"
        if match := _LISTED.fullmatch(path):
            listed = [wheel for wheel in self.wheels if re.sub(r"[-_.]+", "-", wheel.name).lower() == match[1]]
            links = [
                f'<a href="/files/{wheel.file_name}"{" data-yanked=" + chr(34) * 2 if wheel.yanked else ""}'
                + (f' data-requires-python="{wheel.python.replace(">", "&gt;")}"' if wheel.python else "")
                + f">{wheel.file_name}</a>"
                for wheel in listed
            ]
            page = "<!DOCTYPE html><html><body>" + "\n".join(links) + "</body></html>"
            return (200, "text/html", page.encode()) if listed else (404, "text/plain", b"no such package")
        if match := _FILE.fullmatch(path):
            for wheel in self.wheels:
                if wheel.file_name == match[1]:
                    return 200, "application/octet-stream", wheel.content()
        return 404, "text/plain", b"nothing here"
