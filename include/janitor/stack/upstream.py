"""A package index of our own with packages of one module, for an example whose upstream is to break it.

The wheels are made here, byte by byte the same on every machine. The index answers on this machine alone, for as long
as whoever shows the example holds it open.
"""

from __future__ import annotations

import base64
import hashlib
import html
import io
import threading
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from janitor.domain.errors import StackError
from janitor.stack.state.ports import LOOPBACK

_EPOCH = (2026, 1, 1, 0, 0, 0)
_TAG = "py3-none-any"
_PORTS = range(27190, 27210)
"""The first that is free: the example's commit names it, and is the same one as long as it is the same port."""
_PATIENCE = timedelta(seconds=30)
"""With an installer that asks for nothing."""


@dataclass(frozen=True, kw_only=True)
class Release:
    """One version of a package."""

    package: str
    version: str
    modules: Sequence[Path]
    """Its files; each is a module at the top."""

    @property
    def file_name(self) -> str:
        """Of its wheel. Source: binary distribution format, "File name convention"."""
        return f"{self.package}-{self.version}-{_TAG}.whl"

    def wheel(self) -> bytes:
        """The wheel. Source: https://packaging.python.org/en/latest/specifications/binary-distribution-format/"""
        folder = f"{self.package}-{self.version}.dist-info"
        files = {path.name: path.read_bytes() for path in self.modules}
        files[f"{folder}/METADATA"] = f"Metadata-Version: 2.1\nName: {self.package}\nVersion: {self.version}\n".encode()
        files[f"{folder}/WHEEL"] = (
            f"Wheel-Version: 1.0\nGenerator: janitor\nRoot-Is-Purelib: true\nTag: {_TAG}\n".encode()
        )
        record = [f"{name},sha256={_digest(content)},{len(content)}" for name, content in files.items()]
        files[f"{folder}/RECORD"] = "\n".join([*record, f"{folder}/RECORD,,", ""]).encode()
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in files.items():
                archive.writestr(zipfile.ZipInfo(name, _EPOCH), content)
        return packed.getvalue()

    def __str__(self) -> str:
        return f"{self.package} {self.version}"


def releases_in(folder: Path) -> tuple[Release, ...]:
    """The releases of a package: `folder` has its name and a folder for each version, the oldest first by name."""
    versions = sorted(path for path in folder.iterdir() if path.is_dir())
    return tuple(
        Release(package=folder.name, version=path.name, modules=sorted(path.glob("*.py"))) for path in versions
    )


def page_of(releases: Sequence[Release]) -> bytes:
    """The page of a package in the index. Source: https://packaging.python.org/en/latest/specifications/simple-repository-api/"""
    links = (
        f'<a href="{html.escape(each.file_name)}#sha256={hashlib.sha256(each.wheel()).hexdigest()}">'
        f"{html.escape(each.file_name)}</a>"
        for each in releases
    )
    return ("<!DOCTYPE html><html><body>" + "".join(links) + "</body></html>").encode()


class PackageIndex:
    """An index that is answering.

    Args:
        url: Its address, as installers are given it.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self._pages: Mapping[str, bytes] = {}

    def publish(self, releases: Sequence[Release]) -> None:
        """Have these releases of a package and no other."""
        pages = {}
        for package in {each.package for each in releases}:
            own = [each for each in releases if each.package == package]
            pages[f"/simple/{package}/"] = page_of(own)
            pages.update({f"/simple/{package}/{each.file_name}": each.wheel() for each in own})
        self._pages = pages

    def page(self, path: str) -> bytes | None:
        """What it answers; None: nothing is there."""
        return self._pages.get(path)


@contextmanager
def serving() -> Iterator[PackageIndex]:
    """An index on this machine's loopback until the end of the block; wherever possible on the same port.

    Raises:
        StackError: No port can be had.
    """

    class Handler(BaseHTTPRequestHandler):
        timeout = _PATIENCE.total_seconds()

        def do_HEAD(self) -> None:
            """Say whether there is a page or a wheel, and how long it is."""
            self.answered()

        def do_GET(self) -> None:
            """Answer with a page or a wheel."""
            self.wfile.write(self.answered())

        def answered(self) -> bytes:
            """Send the head of an answer; returns what belongs after it."""
            content = index.page(self.path)
            self.send_response(404 if content is None else 200)
            self.send_header("Content-Type", "text/html" if self.path.endswith("/") else "application/octet-stream")
            self.send_header("Content-Length", str(len(content or b"")))
            self.send_header("Cache-Control", "no-store")
            self.end_headers()
            return content or b""

        def log_message(self, *_: object) -> None:
            """Nobody reads it."""

    server = _listening(Handler)
    index = PackageIndex(f"http://{LOOPBACK}:{server.server_port}/simple")
    with server:
        thread = threading.Thread(target=server.serve_forever, name="package-index", daemon=True)
        thread.start()
        try:
            yield index
        finally:
            server.shutdown()
            thread.join()


def _listening(handler: type[BaseHTTPRequestHandler]) -> ThreadingHTTPServer:
    for port in _PORTS:
        try:
            return ThreadingHTTPServer((LOOPBACK, port), handler)
        except OSError as exc:
            taken = exc.strerror
    raise StackError(f"the example's index can't answer on any of the ports {_PORTS[0]} to {_PORTS[-1]}: {taken}")


def _digest(content: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
