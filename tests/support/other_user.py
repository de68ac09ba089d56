"""What another user of this machine sees of a stack: run as that user, it prints what it could get as JSON.

Standard library alone, as it runs with the system's Python, which every user may read.
"""

from __future__ import annotations

import json
import os
import socket
import sys
import urllib.error
import urllib.request
from pathlib import Path


def readable(folder: str) -> list[str]:
    """What can be listed, read or written below a folder."""
    found = []
    for name, folders, files in os.walk(folder):
        if os.access(name, os.R_OK) or os.access(name, os.W_OK):
            found.append(name)
        found += [os.path.join(name, each) for each in (*folders, *files) if _open(os.path.join(name, each))]
    for known in ("stack.env", "secrets/stack.json", "airflow/airflow.cfg", "cloud", "logs", "lock", "postgres/data"):
        if _open(os.path.join(folder, known)) or os.access(os.path.join(folder, known), os.W_OK):
            found.append(known)
    return found


def _open(path: str) -> bool:
    try:
        os.close(os.open(path, os.O_RDONLY | os.O_NONBLOCK))
    except OSError:
        return False
    return True


def processes(pids: list[int]) -> dict[str, list[str]]:
    """Command lines, and whatever else of the processes can be read."""
    lines, opened = [], []
    for pid in pids:
        folder = Path("/proc", str(pid))
        try:
            lines.append((folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace"))
        except OSError:
            continue
        for name in ("environ", "mem", "maps", "cwd", "fd"):
            try:
                if name in ("cwd", "fd"):
                    os.listdir(folder / name)
                else:
                    with open(folder / name, "rb") as file:
                        file.read(1)
            except OSError:
                continue
            opened.append(f"{pid} {name}")
    return {"lines": lines, "opened": opened}


def knock(port: int) -> dict[str, str]:
    """What a port answers to requests without credentials: the status, and no more."""
    answers = {}
    for path in ("/", "/api/v2/dags", "/api/v2/connections", "/api/v2/variables", "/api/v2/config", "/RPC2", "/log/x"):
        request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", headers={"Host": f"127.0.0.1:{port}"})
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                answers[path] = f"{answer.status} {answer.headers.get('content-type', '')}"
        except urllib.error.HTTPError as exc:
            answers[path] = str(exc.code)
        except (OSError, ValueError) as exc:
            answers[path] = type(exc).__name__
    return answers


def database(port: int) -> str:
    """What PostgreSQL says to somebody without a password: R with its kind, or E."""
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        words = b"user\0postgres\0database\0postgres\0\0"
        connection.sendall((len(words) + 8).to_bytes(4, "big") + (3 << 16).to_bytes(4, "big") + words)
        answer = connection.recv(64)
    return f"{answer[:1].decode()} {int.from_bytes(answer[5:9], 'big')}"


def main() -> None:
    """Look at everything that the order names."""
    order = json.loads(sys.argv[1])
    print(
        json.dumps(
            {
                "uid": os.getuid(),
                "readable": readable(order["folder"]),
                "processes": processes(order["pids"]),
                "ports": {str(port): knock(port) for port in order["ports"]},
                "database": database(order["database"]),
            }
        )
    )


if __name__ == "__main__":
    main()
