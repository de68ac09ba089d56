"""A holder of leases in a process of its own, to be killed, stopped and raced.

`python -m tests.support.workspace_holder` with a JSON object on the command line; what it prints tells how far it is.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from datetime import timedelta
from pathlib import Path

from janitor.domain.errors import DatabaseError, LeaseHeldError, LeaseLostError
from janitor.domain.workspace.lease import Subject
from janitor.services.workspaces.leasing import take
from janitor.services.workspaces.machine import this_process
from janitor.services.workspaces.manager import WorkspaceManager
from janitor.services.workspaces.tree import Tree

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a manager works."""

    database_url: str
    deployment: str
    mirrors: str
    runs: str
    search_path: str
    ttl_seconds: float = 60

    def manager(self) -> WorkspaceManager:
        """The manager of whoever calls."""
        return WorkspaceManager(
            database_url=self.database_url,
            deployment=self.deployment,
            mirrors=Path(self.mirrors),
            runs=Path(self.runs),
            search_path=self.search_path,
            ttl=timedelta(seconds=self.ttl_seconds),
        )


def start_holder(place: Place, what: str, **more: object) -> subprocess.Popen[str]:
    """Start a holder.

    Args:
        place: Where.
        what: `work` in a workspace, or `race` for a lease.
        more: Of that; see `main`.
    """
    order = json.dumps({"place": asdict(place), "what": what, **more})
    env = {"PATH": os.environ["PATH"], "PYTHONPATH": f"{ROOT}:{ROOT / 'include'}"}
    argv = [sys.executable, "-m", "tests.support.workspace_holder", order]
    return subprocess.Popen(argv, env=env, cwd=ROOT, stdout=subprocess.PIPE, text=True, start_new_session=True)


def killing_git(folder: Path, subcommand: str, *, waits: float = 0.0) -> str:
    """A PATH on which git kills its caller when that asks for a subcommand, and does it nevertheless, as an orphan."""
    real = subprocess.run(["which", "git"], capture_output=True, text=True, check=True, timeout=30).stdout.strip()
    folder.mkdir(parents=True)
    script = folder / "git"
    script.write_text(f'#!/bin/sh\n[ "$1" = {subcommand} ] && {{ kill -9 $PPID; sleep {waits}; }}\nexec {real} "$@"\n')
    script.chmod(0o755)
    return f"{folder}:{os.environ['PATH']}"


def main(order: dict[str, object]) -> None:
    """Carry an order out."""
    place = Place(**order["place"])  # type: ignore[arg-type]  # JSON of a Place
    if order["what"] == "race":
        _race(place, str(order["subject"]), int(str(order["rounds"])))
    else:
        _work(place, order)


def _die_on(event: str, part: str, count: int) -> None:
    """Kill this process when it does something for the `count`th time, just before it does.

    Args:
        event: One of Python's audit events, such as `os.mkdir`.
        part: Of the path that it does it to.
    """
    left = count

    def notice(happened: str, arguments: tuple[object, ...]) -> None:
        nonlocal left
        if happened == event and part in str(arguments[0]):
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(notice)


def _work(place: Place, order: dict[str, object]) -> None:
    manager = place.manager()
    if on := order.get("die_on"):
        event, part, count = list(on)  # type: ignore[call-overload]  # a JSON array
        _die_on(event, part, count)
    with manager.workspace(str(order["run_id"]), str(order["url"]), str(order["ref"])) as workspace:
        for name, text in dict(order.get("files", {})).items():  # type: ignore[call-overload]  # a JSON object
            (workspace.path / name).write_text(text)
        print(workspace.held.lease.lease_id, workspace.path, flush=True)
        if order.get("commit"):
            _commit(workspace.tree)
        if order.get("die"):
            os.kill(os.getpid(), signal.SIGKILL)
        if order.get("stay"):
            while True:
                time.sleep(0.1)
                (workspace.path / "still-here").write_text(str(time.time()))


def _commit(tree: Tree) -> None:
    tree.git("add", "--all", cwd=tree.path)
    identity = {f"GIT_{who}_{what}": "j@example.com" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    tree.git("commit", "--quiet", "--message", "work", cwd=tree.path, env=identity)


def _race(place: Place, subject: str, rounds: int) -> None:
    what = Subject(deployment=place.deployment, run_id="race", workspace_key=subject)
    done = 0
    print("ready", flush=True)
    while done < rounds:
        try:
            ttl = timedelta(seconds=place.ttl_seconds)
            held = take(place.database_url, what, this_process(), folder=f"{place.runs}/race/trees", ttl=ttl)
        except (LeaseHeldError, DatabaseError):
            time.sleep(0.01)
            continue
        try:
            for _ in range(2):
                with held.effect() as connection:
                    connection.execute(
                        "insert into race_effects (subject, fence) values (%s, %s)", (subject, held.lease.fence)
                    )
            held.end()
        except (LeaseLostError, DatabaseError):
            held.stop_renewing()
        done += 1
    print("done", flush=True)


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
