"""A real local cloud for tests: a process of its own on a free port, stopped at the end."""

from __future__ import annotations

import functools
import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
import warnings
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import boto3
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials

from tests.support.ports import free_ports

INCLUDE = Path(__file__).resolve().parents[2] / "include"
START_TIMEOUT_SECONDS = 180
STOP_TIMEOUT_SECONDS = 120
REQUEST_TIMEOUT_SECONDS = 60


@functools.cache
def shared_session() -> boto3.Session:
    """One session for all servers: it caches the service models, which take long to load."""
    return boto3.Session(region_name="us-east-1")


def health_of(endpoint_url: str, *, seconds: float) -> dict[str, Any]:
    """What a local cloud's health endpoint says, within so many seconds."""
    with urllib.request.urlopen(f"{endpoint_url}/_localcloud/health", timeout=seconds) as answer:
        health: dict[str, Any] = json.load(answer)
    return health


class LocalCloudServer:
    """Runs `python -m localcloud serve`.

    Args:
        home: where it keeps its data; a second server on the same home finds what the first one left.
        address: what it listens on.
        options: command-line options by name, for example `boot_delay=0.1`.
        environment: variables that the server gets in addition to this process's own.
    """

    def __init__(
        self,
        home: Path,
        *,
        environment: dict[str, str] | None = None,
        port: int | None = None,
        address: str = "127.0.0.1",
        **options: Any,
    ) -> None:
        self.home = home
        self.address = address
        self.port = port or free_ports(1)[0]
        self.log_file = home.parent / f"{home.name}-{self.port}.log"
        self._key_file = home / "key.json"
        self._environment = environment or {}
        self._options = options
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> LocalCloudServer:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def endpoint_url(self) -> str:
        return f"http://{self.address}:{self.port}"

    @property
    def access_key_id(self) -> str:
        return str(self._key()["access_key_id"])

    @property
    def secret_access_key(self) -> str:
        return str(self._key()["secret_access_key"])

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def _key(self) -> dict[str, str]:
        return json.loads(self._key_file.read_text())

    def command(self) -> Sequence[str]:
        options = [f"--{name.replace('_', '-')}={value}" for name, value in self._options.items()]
        return [
            *(sys.executable, "-m", "localcloud", "serve", "--home", str(self.home)),
            *("--port", str(self.port), "--address", self.address, "--key-file", str(self._key_file), *options),
        ]

    def process_environment(self) -> dict[str, str]:
        path = os.pathsep.join(filter(None, [str(INCLUDE), os.environ.get("PYTHONPATH")]))
        return {**os.environ, **self._environment, "PYTHONPATH": path}

    def start(self) -> None:
        """Start and wait until it answers."""
        self.home.parent.mkdir(parents=True, exist_ok=True)
        with self.log_file.open("ab") as log:
            self._process = subprocess.Popen(
                self.command(),
                env=self.process_environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        deadline = time.monotonic() + START_TIMEOUT_SECONDS
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                break
            try:
                self.health()
            except (OSError, urllib.error.URLError):
                time.sleep(0.05)
            else:
                return
        self.kill()
        raise RuntimeError(f"the local cloud did not start:\n{self.log_file.read_text()[-4000:]}")

    def health(self) -> dict[str, Any]:
        """What the health endpoint says."""
        return health_of(self.endpoint_url, seconds=5)

    def stop(self) -> int | None:
        """SIGTERM, as a supervisor does. Returns the exit code.

        A server that ended by itself is told with its last words: the tests that needed it may be over, but somebody
        has to learn why.
        """
        if self._process and self._process.returncode is None and self._process.poll() is not None:
            last_words = self.log_file.read_text(errors="replace")[-2_000:]
            warnings.warn(
                f"the local cloud of {self.home} had ended by itself, exit code {self._process.returncode}:"
                f"\n{last_words}",
                stacklevel=2,
            )
        if self._process and self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(STOP_TIMEOUT_SECONDS)
            except subprocess.TimeoutExpired:
                self.kill()
                raise
        return self._process.returncode if self._process else None

    def kill(self) -> None:
        """SIGKILL."""
        if self._process:
            self._process.kill()
            self._process.wait(STOP_TIMEOUT_SECONDS)

    def client(self, service: str, **config: Any) -> Any:
        """A plain boto3 client that doesn't retry on its own."""
        settings: dict[str, Any] = {
            "retries": {"total_max_attempts": 1},
            "connect_timeout": 5,
            "read_timeout": REQUEST_TIMEOUT_SECONDS,
            "s3": {"addressing_style": "path"},
            "signature_version": "s3v4" if service == "s3" else None,
            **config,
        }
        return shared_session().client(
            service,
            endpoint_url=self.endpoint_url,
            aws_access_key_id=self.access_key_id,
            aws_secret_access_key=self.secret_access_key,
            config=Config(**{name: value for name, value in settings.items() if value}),
        )

    def environment(self) -> dict[str, str]:
        """What a process needs to use this cloud with any AWS SDK."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint_url,
            "AWS_ACCESS_KEY_ID": self.access_key_id,
            "AWS_SECRET_ACCESS_KEY": self.secret_access_key,
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def set_faults(self, *rules: dict[str, Any]) -> list[dict[str, Any]]:
        """Put these fault rules in force instead of all others; none clears them."""
        return self.signed("POST", "/_localcloud/faults", json.dumps(rules).encode())

    def faults(self) -> list[dict[str, Any]]:
        """The fault rules in force."""
        return self.signed("GET", "/_localcloud/faults")

    def interrupt(self, instance_id: str, warning_seconds: float = 120) -> None:
        """Take a spot instance back: EventBridge is told at once, and it ends after the warning time."""
        order = {"instance_id": instance_id, "warning_seconds": warning_seconds}
        self.signed("POST", "/_localcloud/interrupt", json.dumps(order).encode())

    def signed(self, method: str, path: str, body: bytes = b"") -> Any:
        """A signed request to the local cloud's own endpoints; returns the JSON answer."""
        request = AWSRequest(method=method, url=self.endpoint_url + path, data=body)
        SigV4Auth(Credentials(self.access_key_id, self.secret_access_key), "localcloud", "us-east-1").add_auth(request)
        plain = urllib.request.Request(request.url, data=body or None, method=method, headers=dict(request.headers))
        with urllib.request.urlopen(plain, timeout=REQUEST_TIMEOUT_SECONDS) as answer:
            return json.load(answer)
