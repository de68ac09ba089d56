"""The life of a pod: a box whose one command is started again whenever it ends, until the pod is stopped or deleted.

    PROVISIONING ──> STARTING ──> RUNNING ──> EXITED (stopped) ──> STARTING
           └────────────┴────────────┴──────────┴──> TERMINATED (deleted)

Invariant: TERMINATED and EXITED are entered only when no process of the pod is left.
"""

from __future__ import annotations

import logging
import secrets
import shlex
import shutil
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from enum import Enum
from pathlib import Path
from typing import Any

from localcloud.box.layout import BoxFiles
from localcloud.box.runtime import Box, BoxCommand, BoxRuntime, BoxSpec, CommandEnded, Gone, Ready
from localcloud.runpod.facts import FACTS
from localcloud.runpod.faults import Fault, Rule

log = logging.getLogger(__name__)

SYSTEM_PATH = "/usr/local/bin:/usr/bin:/bin"
"""A pod's programs are the system's: other users of the pod must be able to run them."""
OUTPUT_LIMIT_BYTES = 1 << 20
END_GRACE = timedelta(seconds=0.5)
END_TIMEOUT = timedelta(seconds=20)
RESTART_PAUSE = timedelta(seconds=0.2)
"""Before a command that has ended is started again."""
_COMMAND_ID = "container"
_DATA_CENTER = "LOCAL-1"


class Status(str, Enum):
    """Source: RunPod's PodStatus."""

    PROVISIONING = "PROVISIONING"
    STARTING = "STARTING"
    RUNNING = "RUNNING"
    EXITED = "EXITED"
    ERROR = "ERROR"
    TERMINATED = "TERMINATED"


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """What all pods of a server have in common."""

    home: Path
    runtime: BoxRuntime
    environment: Mapping[str, str]
    boot_delay: timedelta
    prices: Mapping[str, float]


@dataclass
class _Wish:
    """What was asked of a pod and isn't so yet."""

    is_end: bool = False
    is_stop: bool = False
    happened: threading.Event = field(default_factory=threading.Event)


class Pod:
    """One pod. Its life is one thread's; every method may be called from any."""

    def __init__(self, body: Mapping[str, Any], around: Surroundings, fault: Rule | None) -> None:
        self.id = secrets.token_hex(7)
        self.key = f"rpa_{secrets.token_urlsafe(24)}"
        """Pod-scoped: it may look at, stop and delete this pod."""
        self.body = dict(body)
        self.created_at = datetime.now(timezone.utc)
        self.started_at: datetime | None = None
        self.ended_at: datetime | None = None
        self.restarts = 0
        self.status = Status.PROVISIONING
        self.history: list[tuple[float, Status]] = [(time.monotonic(), self.status)]
        """Each status with the moment at which it began."""
        self._around = around
        self._fault = fault
        self._lock = threading.RLock()
        self._wish = _Wish()
        self._over = threading.Event()
        self._box: Box | None = None
        self._files = BoxFiles(root=around.home / "boxes" / self.id, records=around.home / "records" / self.id)

    @property
    def gpu(self) -> str:
        """The id of its GPU; empty for a pod without one."""
        return str((self.body.get("gpu") or {}).get("id", ""))

    @property
    def has_box(self) -> bool:
        """Whether a process of it may be left."""
        return self._box is not None

    def boot(self) -> None:
        """Begin, or go on after a stop, in the background."""
        with self._lock:
            self._wish = _Wish()
            self._over.clear()
        threading.Thread(target=self._live, name=f"pod-{self.id}", daemon=True).start()

    def delete(self) -> None:
        """End it for good, and wait until nothing of it runs. Does nothing where it has ended."""
        with self._lock:
            if self.status in (Status.EXITED, Status.ERROR):
                self._set(Status.TERMINATED)
                self._files.remove_disk()
            self._wish.is_end = True
            self._end_box()
        self._over.wait(END_TIMEOUT.total_seconds())

    def stop(self) -> None:
        """End what runs in it, wait for that, and keep it."""
        with self._lock:
            self._wish.is_stop = True
            self._end_box()
        self._over.wait(END_TIMEOUT.total_seconds())

    def restart(self) -> None:
        """End its command; it is started again."""
        with self._lock:
            if self._box is not None:
                self._box.kill(_COMMAND_ID)

    def end_now(self) -> None:
        """The server itself stops."""
        with self._lock:
            self._wish.is_end = True
            self._wish.happened.set()
            if self._box is not None:
                self._box.end(timedelta(0))

    def status_at(self, moment: float) -> Status | None:
        """What it was at a moment of the monotonic clock; None: there was no such pod."""
        return next((status for at, status in reversed(self.history) if at <= moment), None)

    def output(self) -> str:
        """What its command has printed, over all restarts."""
        path = self._files.records / _COMMAND_ID
        return path.read_text(errors="replace") if path.exists() else ""

    def document(self, status: Status | None = None) -> dict[str, Any]:
        """It, as the API shows it."""
        status = status or self.status
        body, costs = self.body, status not in (Status.EXITED, Status.TERMINATED)
        document = {
            **{"id": self.id, "name": body["name"], "status": status.value},
            "actions": FACTS["actions_by_status"][status.value],
            **{"image": body.get("image", ""), "args": body.get("args", ""), "disk": body.get("disk", 20)},
            **{"mounts": body.get("mounts", {}), "ports": body.get("ports", []), "env": body.get("env", {})},
            **{"registry": body.get("registry"), "cloud": body.get("cloud", "SECURE"), "dataCenterId": _DATA_CENTER},
            **{"cudaVersion": "12.8", "ssh": {"proxy": None, "direct": None}, "template": None, "locked": False},
            "cost": self._around.prices.get(self.gpu, 0.0) if costs else 0.0,
            "runtime": self._runtime() if status is Status.RUNNING else None,
            "createdAt": self.created_at.isoformat().replace("+00:00", "Z"),
            "startedAt": self.started_at.isoformat().replace("+00:00", "Z") if self.started_at else None,
            "globalNetworking": {"enabled": False, "ip": None},
        }
        for kind in ("gpu", "cpu"):
            if kind in body:
                document[kind] = {"count": 1, **body[kind]} if kind == "gpu" else body[kind]
        return document

    def _runtime(self) -> dict[str, Any] | None:
        if self._box is None or self.started_at is None:
            return None
        uptime = int((datetime.now(timezone.utc) - self.started_at).total_seconds())
        return {"uptime": uptime, "gpus": [], "ports": []}

    # Its life

    def _live(self) -> None:
        try:
            self._one_boot()
        except OSError:
            log.exception("pod %s failed", self.id)
            self._set(Status.ERROR)
        with self._lock:
            self._box = None
            if self._wish.is_end:
                self._set(Status.TERMINATED)
                self._files.remove_disk()
            elif self._wish.is_stop:
                self._set(Status.EXITED)
            self._over.set()

    def _one_boot(self) -> None:
        delay = self._around.boot_delay.total_seconds()
        if self._wish.happened.wait(delay):
            return
        self._set(Status.STARTING)
        if self._is(Fault.STUCK):
            self._wish.happened.wait()
            return
        if self._is(Fault.ERRS):
            self._set(Status.ERROR)
            self._wish.happened.wait()
            return
        if not self._is(Fault.DEAD):
            self._open_box()
        self.started_at = datetime.now(timezone.utc)
        self._set(Status.RUNNING)
        if self._is(Fault.BY_HAND):
            by_hand = threading.Timer(self._fault.seconds if self._fault else 0, self.delete)
            by_hand.daemon = True
            by_hand.start()
        if self._box is None:
            self._wish.happened.wait()
        else:
            self._run_again_and_again(self._box)

    def _open_box(self) -> None:
        self._files.create()
        spec = BoxSpec(
            instance_id=self.id,
            root=self._files.root,
            environment=self._around.environment,
            records=self._files.records,
        )
        box = self._around.runtime.start(spec)
        with self._lock:
            self._box = box
            if self._wish.happened.is_set():
                box.end(timedelta(0))

    def _run_again_and_again(self, box: Box) -> None:
        while True:
            event = box.next_event(None)
            if isinstance(event, Ready):
                box.run(self._command())
            elif isinstance(event, CommandEnded):
                if not self._wish.happened.wait(RESTART_PAUSE.total_seconds()):
                    self.restarts += 1
                    box.run(self._command())
            elif isinstance(event, Gone):
                return

    def _command(self) -> BoxCommand:
        words = shlex.split(str(self.body.get("args", ""))) or ["sleep", "infinity"]
        if self._is(Fault.EXITS):
            words = ["true"]
        if self._is(Fault.HANGS):
            words = ["sleep", "infinity"]
        program = shutil.which(words[0], path=SYSTEM_PATH) or words[0]
        return BoxCommand(
            command_id=_COMMAND_ID,
            argv=[program, *words[1:]],
            directory=self._files.home,
            outputs=[self._files.records / _COMMAND_ID],
            output_limit_bytes=OUTPUT_LIMIT_BYTES,
            variables={
                "PATH": SYSTEM_PATH,
                "HOME": str(self._files.home),
                "RUNPOD_POD_ID": self.id,
                "RUNPOD_API_KEY": self.key,
                "RUNPOD_GPU_COUNT": str((self.body.get("gpu") or {}).get("count", 1)),
                **self.body.get("env", {}),
            },
        )

    def _is(self, fault: Fault) -> bool:
        return self._fault is not None and self._fault.fault is fault

    def _end_box(self) -> None:
        self._wish.happened.set()
        if self._box is not None:
            self._box.end(END_GRACE)

    def _set(self, status: Status) -> None:
        with self._lock:
            if self.status in (status, Status.TERMINATED):
                return
            self.status = status
            self.history.append((time.monotonic(), status))
            if status is Status.TERMINATED:
                self.ended_at = datetime.now(timezone.utc)
