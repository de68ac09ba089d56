"""The guard: the first process of a pod. It fetches orders, runs each as another user, and ends its own pod.

A container whose first process ends is started again, and billed: this program never ends by itself. When there is
nothing more to do, or at its own absolute instant, it deletes the pod with the key that every pod is given; where that
is refused it tries again and again until somebody else does. What it runs has another user id and none of the guard's
variables, so that it can't read that key; without the right to change users nothing is run.

It is sent as text in the pod's start command and runs on whatever Python 3 the image has: the standard library alone,
and no other module of ours.

Mailbox: JANITOR_BOOTSTRAP_URL leads to `{"orders": [{"order_url", "outcome_url"}, …]}`. Each order is asked for until
it is there: `{"fence", "program": {"url", "sha256"}, "input": {…} or null, "arguments": […], "limit_seconds"}`, or
`{"end": true}`. The outcome says `{"fence", "boot", "exit_code", "error", "output"}`. After the last one the pod ends.
"""

from __future__ import annotations

import base64
import ctypes
import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from datetime import datetime, timezone
from typing import Any

UNTIL = "JANITOR_GUARD_UNTIL"
BOOTSTRAP = "JANITOR_BOOTSTRAP_URL"
API_URL = "JANITOR_RUNPOD_API_URL"
WORKER_UID = "JANITOR_GUARD_UID"
POLL_SECONDS = "JANITOR_GUARD_POLL_SECONDS"
DEFAULT_UID = 64_201
"""Of nobody in usual images."""
WITHOUT_WORD_SECONDS = 3600.0
"""How long a pod lives that isn't told when it ends: its variables were lost."""
MOST_BYTES = 256 << 20
MOST_OUTPUT = 64 << 10
CALL_SECONDS = 30.0
TRANSFER_SECONDS = 300.0
PR_SET_NO_NEW_PRIVS = 38
OWN_PREFIXES = ("RUNPOD_", "JANITOR_", "AWS_")
SECRET_WORDS = ("KEY", "TOKEN", "SECRET", "PASSWORD", "PASSWD", "CREDENTIAL")


class NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirect would carry the key elsewhere."""

    def redirect_request(self, *_arguments: Any) -> None:
        return None


OPENER = urllib.request.build_opener(NoRedirect)


def say(text: str) -> None:
    """Tell the container's log."""
    print(f"guard: {text}", flush=True)  # noqa: T201  # what the program tells


def call(method: str, url: str, body: bytes | None = None, key: str = "") -> tuple[int, bytes]:
    """One request: the status, 0 where nobody answered, and what came with it. Addresses are secrets: none is told."""
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    give_up_at = time.monotonic() + TRANSFER_SECONDS
    try:
        if not url.startswith(("https://", "http://")):
            return 0, b""
        request = urllib.request.Request(url, data=body, method=method, headers=headers)  # noqa: S310  # looked at above
        with OPENER.open(request, timeout=CALL_SECONDS) as answer:
            content = b""
            while part := answer.read(1 << 20):
                content += part
                if len(content) > MOST_BYTES or time.monotonic() > give_up_at:
                    return 0, b""
            return answer.status, content
    except urllib.error.HTTPError as refused:
        return refused.code, b""
    except (OSError, ValueError):
        return 0, b""


class Guard:
    """One pod's, from its first moment on."""

    def __init__(self, variables: dict[str, str]) -> None:
        self.variables = variables
        self.boot = base64.b16encode(os.urandom(8)).decode().lower()
        self.uid = int(variables.get(WORKER_UID) or DEFAULT_UID)
        self.poll_seconds = float(variables.get(POLL_SECONDS) or 2)
        self.ends_at = instant_of(variables.get(UNTIL, ""))

    def left(self) -> float:
        """Seconds until its own instant."""
        return self.ends_at - time.time()

    def serve(self) -> None:
        """Carry out what the mailbox has, to its end or the guard's own instant."""
        if not self.variables.get(BOOTSTRAP):
            say("this pod was given no mailbox; it waits for its end")
            while self.left() > 0:
                time.sleep(min(self.left(), 5))
        mailbox = self.fetched_json(self.variables.get(BOOTSTRAP, ""))
        for entry in (mailbox or {}).get("orders", []):
            order = self.fetched_json(entry["order_url"])
            if order is None or order.get("end"):
                return
            outcome = {"fence": order.get("fence"), "boot": self.boot, "exit_code": None, "error": None, "output": ""}
            try:
                outcome.update(self.carry_out(order))
            except (OSError, ValueError, KeyError, TypeError, subprocess.SubprocessError) as failed:
                outcome["error"] = f"{type(failed).__name__}: {failed}"[:500]
            self.deliver(entry["outcome_url"], json.dumps(outcome).encode())

    def fetched_json(self, url: str) -> dict[str, Any] | None:
        """What is at an address, asked for until it is there; None where the guard's own instant comes first."""
        while self.left() > 0:
            status, content = call("GET", url)
            if status == 200:
                found = json.loads(content)
                return found if isinstance(found, dict) else {}
            time.sleep(min(self.poll_seconds * random.uniform(0.5, 1.5), max(self.left(), 0)))  # noqa: S311  # no secret
        return None

    def fetched(self, what: dict[str, str]) -> bytes:
        """A file that an order names. Raises OSError where it can't be had, or is another one."""
        for pause in (1, 4, 16, 0):
            status, content = call("GET", what["url"])
            if status == 200:
                if hashlib.sha256(content).hexdigest() != what["sha256"]:
                    raise OSError("what was fetched is not what was ordered")
                return content
            time.sleep(pause)
        raise OSError(f"a file could not be fetched (HTTP {status})")

    def carry_out(self, order: dict[str, Any]) -> dict[str, Any]:
        """Run one order as the other user. Raises OSError where it can't be begun."""
        if os.geteuid() != 0:
            raise OSError("the guard is not root, so nothing can be run as another user")
        program = self.fetched(order["program"])
        given = self.fetched(order["input"]) if order.get("input") else b""
        folder = tempfile.mkdtemp(prefix="janitor-")
        try:
            path = os.path.join(folder, "program.pyz")
            with open(path, "wb") as file:
                file.write(program)
            os.chmod(path, 0o444)
            home = os.path.join(folder, "home")
            os.mkdir(home, 0o700)
            os.chown(home, self.uid, self.uid)
            os.chmod(folder, 0o711)  # noqa: S103  # the other user passes through it
            limit = max(0.0, min(float(order["limit_seconds"]), self.left()))
            argv = [sys.executable or "python3", "-I", path, *map(str, order.get("arguments", []))]
            return self.run(argv, given, home, limit)
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def run(self, argv: list[str], given: bytes, home: str, limit: float) -> dict[str, Any]:
        """Start a process of the other user, wait for it, and leave nothing of that user's alive."""
        with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as standard_input:
            standard_input.write(given)
            standard_input.seek(0)
            process = subprocess.Popen(
                argv,
                stdin=standard_input,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=home,
                env=variables_for(self.variables, home),
                start_new_session=True,
                preexec_fn=lambda: become(self.uid),  # noqa: PLW1509  # by then no other thread holds a lock
            )
            error = None
            try:
                process.wait(limit)
            except subprocess.TimeoutExpired:
                error = "its time was over"
            self.end_of_others()
            process.wait()
            output.seek(max(0, output.seek(0, os.SEEK_END) - MOST_OUTPUT))
            return {"exit_code": process.returncode, "error": error, "output": output.read().decode(errors="replace")}

    def end_of_others(self) -> None:
        """Kill every process of the other user, from among its own, and collect what lost its parent."""
        for _ in range(50):
            killer = os.fork()
            if killer == 0:
                try:
                    become(self.uid)
                    os.kill(-1, signal.SIGKILL)
                finally:
                    os._exit(0)
            os.waitpid(killer, 0)
            if not any(owner_of_process(name) == self.uid for name in os.listdir("/proc") if name.isdigit()):
                return
            time.sleep(0.1)

    def deliver(self, url: str, content: bytes) -> None:
        """Put an outcome, for as long as that makes sense."""
        pause = 1.0
        while self.left() > 0:
            status, _ = call("PUT", url, content)
            if 200 <= status < 300:
                return
            time.sleep(min(pause, max(self.left(), 0)))
            pause = min(pause * 2, 60)
        say("an outcome could not be delivered")

    def end_pod(self) -> None:
        """Delete the pod this runs in, and wait for that; never returns."""
        api = (self.variables.get(API_URL) or "https://api.runpod.io/v2").rstrip("/")
        pod, key = self.variables.get("RUNPOD_POD_ID", ""), self.variables.get("RUNPOD_API_KEY", "")
        pause, told = 1.0, None
        while True:
            status = 0
            if pod and key:
                status, _ = call("DELETE", f"{api}/pods/{pod}", key=key)
            if status != told:
                said = f"HTTP {status}" if status else "no answer" if pod and key else "this pod was given no key"
                say(f"the end of this pod was asked for: {said}")
                told = status
            time.sleep(pause)
            pause = min(pause * 2, 60)

    def keep_time(self) -> None:
        """End the pod at the guard's own instant, whatever else goes on."""
        while (left := self.left()) > 0:
            time.sleep(min(left, 5))  # short naps: the clock may be set
        say("the time of this pod is over")
        self.end_pod()


def instant_of(text: str) -> float:
    """Epoch seconds of an instant in ISO 8601; an hour from now where it says none."""
    try:
        at = datetime.fromisoformat(text.replace("Z", "+00:00"))
        return (at if at.tzinfo else at.replace(tzinfo=timezone.utc)).timestamp()
    except ValueError:
        return time.time() + WITHOUT_WORD_SECONDS


def variables_for(own: dict[str, str], home: str) -> dict[str, str]:
    """The image's variables, without the guard's, the platform's and whatever sounds like a secret."""
    kept = {
        name: value
        for name, value in own.items()
        if not name.startswith(OWN_PREFIXES) and not any(word in name.upper() for word in SECRET_WORDS)
    }
    return {**kept, "HOME": home, "TMPDIR": home}


def become(uid: int) -> None:
    """Be another user for good, who can gain nothing by what is started. Source: prctl(2). Raises OSError."""
    ctypes.CDLL(None).prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    os.setgroups([])
    os.setgid(uid)
    os.setuid(uid)


def owner_of_process(name: str) -> int:
    """User id of a process that is no zombie; -1 where it is gone."""
    try:
        with open(f"/proc/{name}/status", encoding="utf-8", errors="replace") as file:
            fields = dict(line.partition(":")[::2] for line in file)
        return -1 if fields["State"].split()[0] in ("Z", "X") else int(fields["Uid"].split()[0])
    except (OSError, KeyError, ValueError, IndexError):
        return -1


def collect_orphans() -> None:
    """The first process of a container inherits every orphan; nothing else waits for children by then."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        pass


def main() -> None:
    """Run until somebody ends the pod."""
    guard = Guard(dict(os.environ))
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)  # a stopped pod is kept and may be started by anybody; SIGKILL follows
    threading.Thread(target=guard.keep_time, daemon=True).start()
    try:
        say(f"boot {guard.boot}, {guard.left():.0f} s left")
        guard.serve()
    except Exception as failed:
        say(f"a defect: {type(failed).__name__}: {failed}")
    if os.geteuid() == 0:
        guard.end_of_others()
    collect_orphans()
    say("nothing is left to do")
    guard.end_pod()


if __name__ == "__main__":
    main()
