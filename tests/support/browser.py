"""A real Chromium for the tests of pages: what a page has become, and what its console said."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from html import unescape
from http.server import BaseHTTPRequestHandler, SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import pytest

_NAMES = ("chromium", "chromium-browser", "google-chrome")
_SECONDS = 120
_CONSOLE = re.compile(r'CONSOLE[^"]*"(.*)", source: ')
_SIZE = "1024,900"
# Airflow's own page tells of these: fonts and a feature that Chromium has not heard of.
_NOT_OURS = re.compile(r"Download the React DevTools|Unrecognized feature")


@dataclass(frozen=True)
class Page:
    """A page once it has drawn itself."""

    dom: str
    """As HTML."""
    console: tuple[str, ...]

    @property
    def answer(self) -> Any:
        """What a page has worked out, as it wrote it into `#answer`."""
        found = re.search(r'<pre id="answer">(.*?)</pre>', self.dom, re.DOTALL)
        assert found is not None, (self.console, self.text[-2000:])
        return json.loads(unescape(found[1]))

    @property
    def text(self) -> str:
        """What is read on it."""
        without = re.sub(r"(?s)<(style|script)\b.*?</\1>", " ", self.dom)
        return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", without))


class Browser:
    """Opens pages, each in a profile of its own."""

    def __init__(self, program: str, folder: Path) -> None:
        self._program = program
        self._folder = folder
        self._profiles = 0

    def open(self, address: str, *, token: str | None = None, dark: bool = False, picture: Path | None = None) -> Page:
        """What an address shows after its scripts are done.

        Args:
            address: Of the page.
            token: A login of Airflow's, which its UI keeps in a cookie.
            dark: With a theme for the night.
            picture: Where to put one.
        """
        self._profiles += 1
        options = [
            *("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars"),
            *("--enable-logging=stderr", f"--window-size={_SIZE}", "--virtual-time-budget=15000"),
            f"--user-data-dir={self._folder / str(self._profiles)}",
            *(["--force-dark-mode", "--blink-settings=preferredColorScheme=0"] if dark else []),
        ]
        what = [f"--screenshot={picture}"] if picture is not None else ["--dump-dom"]
        with _door() as port:
            # A cookie of a host holds for all of its ports, so that one's answer logs in at the other.
            entrance = f"http://127.0.0.1:{port}/?to={quote(address, safe='')}&token={quote(token or '', safe='')}"
            done = subprocess.run(
                [self._program, *options, *what, entrance if token else address],
                capture_output=True,
                text=True,
                errors="replace",
                timeout=_SECONDS,
                check=False,
            )
        assert done.returncode == 0, done.stderr[-2000:]
        said = [line for line in _CONSOLE.findall(done.stderr) if not _NOT_OURS.search(line)]
        return Page(dom=done.stdout, console=tuple(said))


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Browser:
    """Chromium, or a skip that says how to get it."""
    program = next((found for name in _NAMES if (found := shutil.which(name))), None)
    if program is None:
        pytest.skip("no Chromium here (apt-get install chromium): the pages' scripts are not tried")
    return Browser(program, tmp_path_factory.mktemp("chromium"))


@contextmanager
def _door() -> Iterator[int]:
    class Door(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            query = parse_qs(urlsplit(self.path).query)
            self.send_response(302)
            self.send_header("Set-Cookie", f"_token={query.get('token', [''])[0]}; Path=/; SameSite=Lax")
            self.send_header("Location", query.get("to", ["about:blank"])[0])
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            """Nothing."""

    with _served(Door) as port:
        yield port


@contextmanager
def served_folder(folder: Path) -> Iterator[str]:
    """The address of a folder's files, for as long as the block lasts."""

    class Files(SimpleHTTPRequestHandler):
        def __init__(self, *args: Any, **options: Any) -> None:
            super().__init__(*args, directory=str(folder), **options)

        def log_message(self, format: str, *args: Any) -> None:
            """Nothing."""

    with _served(Files) as port:
        yield f"http://127.0.0.1:{port}"


@contextmanager
def _served(handler: type[BaseHTTPRequestHandler]) -> Iterator[int]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
