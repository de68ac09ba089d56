"""RunPod's stand-in for tests: a process of its own on a free port, stopped at the end."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from tests.support.localcloud_server import INCLUDE, health_of
from tests.support.ports import free_ports

START_TIMEOUT_SECONDS = 60
STOP_TIMEOUT_SECONDS = 40


class RunPodServer:
    """Runs `python -m localcloud runpod`.

    Args:
        home: where the boxes of pods are.
        options: command-line options by name, for example `boot_delay=0.1`.
    """

    def __init__(self, home: Path, **options: Any) -> None:
        self.home = home
        self.port = free_ports(1)[0]
        self.log_file = home.parent / f"{home.name}-{self.port}.log"
        self._key_file = home.parent / f"{home.name}.key"
        self._options = options
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Of the server."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def api_url(self) -> str:
        """Of REST v2."""
        return f"{self.url}/v2"

    @property
    def key(self) -> str:
        """The account's."""
        return self._key_file.read_text().strip()

    def __enter__(self) -> RunPodServer:
        self.home.parent.mkdir(parents=True, exist_ok=True)
        options = [f"--{name.replace('_', '-')}={value}" for name, value in self._options.items()]
        with self.log_file.open("ab") as log:
            self._process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "localcloud", "runpod", "--home", str(self.home)),
                    *("--port", str(self.port), "--key-file", str(self._key_file), *options),
                ],
                env={**os.environ, "PYTHONPATH": os.pathsep.join([str(INCLUDE), os.environ.get("PYTHONPATH", "")])},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        deadline = time.monotonic() + START_TIMEOUT_SECONDS
        while time.monotonic() < deadline and self._process.poll() is None:
            try:
                health_of(self.url, seconds=5)
            except (OSError, urllib.error.URLError):
                time.sleep(0.05)
            else:
                return self
        self._process.kill()
        self._process.wait()
        raise RuntimeError(f"RunPod's stand-in did not start:\n{self.log_file.read_text()[-4000:]}")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(STOP_TIMEOUT_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
                raise

    def end(self, number: int) -> None:
        """Send a signal that ends it, and wait for that."""
        assert self._process is not None
        self._process.send_signal(number)
        self._process.wait(STOP_TIMEOUT_SECONDS)

    def set_faults(self, *rules: dict[str, Any]) -> None:
        """Put these faults in force instead of all others; none clears them."""
        assert self.ask("POST", "/_localcloud/faults", list(rules))[0] == 200

    def pods(self) -> list[dict[str, Any]]:
        """What is true of every pod, whatever the API shows: `id`, `name`, `status`, `restarts`."""
        return self.ask("GET", "/_localcloud/pods")[1]

    def alive(self, name: str = "") -> list[dict[str, Any]]:
        """Those that aren't deleted, of a name that begins so."""
        return [pod for pod in self.pods() if pod["status"] != "TERMINATED" and pod["name"].startswith(name)]

    def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        key: str | None = None,
        headers: Sequence[tuple[str, str]] = (),
    ) -> tuple[int, Any]:
        """A request, by default with the account's key: the status, and the document or text."""
        request = urllib.request.Request(
            self.url + path, data=None if body is None else json.dumps(body).encode(), method=method
        )
        request.add_header("Authorization", f"Bearer {self.key if key is None else key}")
        for name, value in headers:
            request.add_header(name, value)
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                content, status = answer.read(), answer.status
        except urllib.error.HTTPError as refused:
            content, status = refused.read(), refused.code
        try:
            return status, json.loads(content) if content else None
        except ValueError:
            return status, content.decode()
