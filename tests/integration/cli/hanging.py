"""A service that takes connections and never answers, and commands that meet it."""

from __future__ import annotations

import itertools
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]


@contextmanager
def hanging_service() -> Iterator[int]:
    """Yields the port."""
    taken: list[socket.socket] = []
    with socket.create_server(("127.0.0.1", 0), backlog=256) as listening:

        def accept() -> None:
            while True:
                try:
                    taken.append(listening.accept()[0])
                except OSError:
                    return

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        yield listening.getsockname()[1]
        listening.shutdown(socket.SHUT_RDWR)
        thread.join(120)
    for each in taken:
        each.close()


def environment_of(state: Path, port: int, **more: str) -> dict[str, str]:
    """A deployment whose database, cloud and Airflow all hang."""
    database = f"postgresql://{{role}}:hidden@127.0.0.1:{port}/janitor"
    kept = {name: value for name, value in os.environ.items() if name in {"PATH", "HOME", "LANG"}}
    return kept | {
        "PYTHONPATH": str(ROOT / "include"),
        "JANITOR_ENV": "local",
        "JANITOR_STACK": "external",
        "JANITOR_ENGINE": "docker",
        "JANITOR_STATE_DIR": str(state),
        "JANITOR_DEPLOYMENT": "hanging",
        "JANITOR_DATABASE_URL": database.format(role="writer"),
        "JANITOR_READER_DATABASE_URL": database.format(role="reader"),
        "JANITOR_WORKER_DATABASE_URL": database.format(role="worker"),
        "JANITOR_OWNER_DATABASE_URL": database.format(role="owner"),
        "JANITOR_AIRFLOW_URL": f"http://127.0.0.1:{port}",
        "JANITOR_AIRFLOW_USERNAME": "admin",
        "JANITOR_AIRFLOW_PASSWORD": "hidden",
        "JANITOR_AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        "JANITOR_AWS_ACCESS_KEY_ID": "none",
        "JANITOR_AWS_SECRET_ACCESS_KEY": "none",
        "JANITOR_BUCKET": "bucket",
        "JANITOR_REGION": "us-east-1",
        "JANITOR_AWS_ANSWER_SECONDS": "1",
        **more,
    }


@dataclass
class Told:
    """What one command did."""

    exit_code: int
    first_word: float
    """Seconds from the start of the process to the first thing that it printed or to its end."""
    longest_silence: float
    took: float
    out: str
    err: str
    stamps: list[float] = field(default_factory=list)


def run_janitor(arguments: Sequence[str], environment: dict[str, str], *, limit: float) -> Told:
    """Run a command without a terminal, and watch when it prints. It is killed after `limit` seconds."""
    began = time.monotonic()
    process = subprocess.Popen(
        [sys.executable, "-m", "janitor.cli.main", *arguments],
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    stamps: list[float] = []
    texts: dict[str, bytes] = {"out": b"", "err": b""}

    def read(name: str) -> None:
        stream = process.stdout if name == "out" else process.stderr
        assert stream is not None
        while data := os.read(stream.fileno(), 65536):
            stamps.append(time.monotonic() - began)
            texts[name] += data

    threads = [threading.Thread(target=read, args=(name,)) for name in texts]
    for thread in threads:
        thread.start()
    try:
        process.wait(limit)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(120)
    for thread in threads:
        thread.join(120)
    took = time.monotonic() - began
    moments = [0.0, *sorted(stamps), took]
    return Told(
        exit_code=process.returncode,
        first_word=min([*stamps, took]),
        longest_silence=max(after - before for before, after in itertools.pairwise(moments)),
        took=took,
        out=texts["out"].decode(),
        err=texts["err"].decode(),
        stamps=sorted(stamps),
    )
