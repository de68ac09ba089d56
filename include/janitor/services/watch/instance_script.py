"""The shell script that SSM runs on the instance: show life, fetch the validator and its spec, check them, hand over.

SSM keeps a command's text for a month, and every process of the machine reads its arguments. So the text holds
addresses that live for minutes, and hashes; what they lead to passes through memory. The addresses travel base64-coded:
SSM replaces `{{ … }}` in plain parameters.

The validator runs from a sealed file in memory where the kernel has such: it imports from it while it runs the
repository's processes, and not even root can write to it. Elsewhere it has all of it loaded before it starts the first
(see `janitor.validator.loading`).

An image that prepares its machine at boot announces the file that says so in the agent's environment
(JANITOR_READY_FILE). It is waited for: Docker's data may be moving to another disk until then. A machine that doesn't
get there runs nothing of a repository. An image that knows what to do with a cache volume has `janitor-bootstrap`; what
that says of the volume counts from there on, also in the report.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta

from janitor.domain.result.outcome import EXIT_NOT_READY, EXIT_UNFETCHED
from janitor.services.ending.guest_timer import while_busy

_PROGRAM = """\
import base64, hashlib, json, os, sys, tempfile, time, urllib.error, urllib.request
order = json.loads(base64.b64decode("@ORDER@"))
give_up_at, shown = time.monotonic() + @PATIENCE@, False

def show_life():
    request = urllib.request.Request(order["sign_url"], data=b"alive", method="PUT")
    try:
        urllib.request.urlopen(request, timeout=@SIGN_PATIENCE@).close()
    except Exception:
        return False  # whatever it is: the validation doesn't depend on it
    return True

def fetched(what):
    global shown
    pause, content = 0.5, None
    while content is None:
        shown = shown or show_life()
        try:
            with urllib.request.urlopen(order[what]["url"], timeout=60) as answer:
                content = answer.read()
        except (OSError, ValueError) as error:
            # Neither the text nor the address of these errors is shown: the address is a secret.
            status = getattr(error, "code", None)
            word = f"HTTP {status}" if status else type(getattr(error, "reason", error)).__name__
            final = status is not None and status < 500 and status not in (408, 429)
            print(f"the {what} could not be fetched ({word})", file=sys.stderr, flush=True)
            if final or time.monotonic() + pause > give_up_at:
                sys.exit(@UNFETCHED@)
            time.sleep(pause)
            pause = min(pause * 2, 10)
    if hashlib.sha256(content).hexdigest() != order[what]["sha256"]:
        print(f"the {what} that was fetched is not the one that was ordered", file=sys.stderr)
        sys.exit(@UNFETCHED@)
    return content

def wait_until_ready():
    ready, ends_at = sys.argv[1], time.monotonic() + @READY_PATIENCE@
    while ready and not os.path.exists(ready):
        why = f"{ready} did not appear within @READY_PATIENCE@ s" if time.monotonic() > ends_at else ""
        if os.path.exists(ready + ".failed"):
            with open(ready + ".failed", errors="replace") as file:
                why = file.read(500).strip() or "its bootstrap failed"
        if why:
            print(f"the machine is not ready: {why}", file=sys.stderr)
            sys.exit(@NOT_READY@)
        time.sleep(0.5)

def sealed(content):
    import fcntl
    for flags in (0x8, os.MFD_ALLOW_SEALING):  # MFD_NOEXEC_SEAL first: a kernel can insist on it, older ones lack it
        try:
            file = os.memfd_create("janitor-validator", flags)
        except OSError as error:
            failure = error
            continue
        with open(file, "wb", closefd=False) as target:
            target.write(content)
        seals = fcntl.F_SEAL_SEAL | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE
        fcntl.fcntl(file, fcntl.F_ADD_SEALS, seals)
        os.set_inheritable(file, True)
        return f"/proc/self/fd/{file}"
    raise failure

def closed(content):
    folder = tempfile.mkdtemp(prefix="janitor-")
    path = os.path.join(folder, "janitor-validator.pyz")
    with open(path, "wb") as file:
        file.write(content)
    os.chmod(path, 0o400)
    os.chmod(folder, 0o500)
    return path

def with_cache(spec):
    import shutil, subprocess
    bootstrap = shutil.which("janitor-bootstrap") or shutil.which("/usr/local/sbin/janitor-bootstrap")
    if not order["cache_volume"] or bootstrap is None:
        return spec
    def run(patience, *command):
        try:
            return subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, timeout=patience)
        except (OSError, subprocess.TimeoutExpired):
            return None
    done = run(@CACHE_PATIENCE@, bootstrap, "cache", order["cache_volume"])
    said = done.stdout.decode(errors="replace").strip() if done else ""
    print(said or "cache: cold (the volume could not be made ready within @CACHE_PATIENCE@ s)", flush=True)
    if done is None:
        done = run(30, "docker", "version")  # cut off before it came to Docker, or after
    if done is None or done.returncode:
        print("the machine is not ready: its Docker does not answer beside the cache volume", file=sys.stderr)
        sys.exit(@NOT_READY@)
    if said.startswith("cache: attached"):
        return spec
    document = json.loads(spec)
    document["machine"]["cache"] = "cold"
    document.pop("cache_directory", None)
    return json.dumps(document).encode()

validator, spec = fetched("validator"), fetched("spec")
wait_until_ready()
spec = with_cache(spec)
try:
    artefact = sealed(validator)
except (AttributeError, ImportError, OSError):
    artefact = closed(validator)
with tempfile.TemporaryFile() as file:
    file.write(spec)
    file.seek(0)
    os.dup2(file.fileno(), 0)
os.execv(sys.executable, [sys.executable, "-I", artefact, *order["words"]])
"""
_FETCH_PATIENCE = timedelta(minutes=3)
"""For storage that throttles or is away for a while."""
_READY_PATIENCE = timedelta(minutes=4)
"""For a boot that isn't over: more than the machine's own units may take."""
_CACHE_PATIENCE = timedelta(minutes=3)
"""For a volume that appears, and is formatted or mended; it is tried again with the next command."""
_SIGN_PATIENCE = timedelta(seconds=10)
"""For one try to put the sign of life; it is tried again with each try to fetch the validator."""


@dataclass(frozen=True, kw_only=True)
class Fetched:
    """Something that the instance fetches."""

    url: str
    """Presigned; a secret for as long as it is valid."""
    sha256: str


def instance_script(
    *,
    validator: Fetched,
    spec: Fetched,
    sign_url: str,
    busy_for: timedelta | None = None,
    cache_volume: str | None = None,
    words: Sequence[str] = ("run", "--spec", "-"),
) -> str:
    """The script for AWS-RunShellScript; it exits with the validator's exit code, EXIT_UNFETCHED or
    EXIT_NOT_READY.

    Args:
        validator: The artefact.
        spec: What it is asked; it finds it on its standard input.
        sign_url: Presigned, takes the first sign of life by PUT; a secret for as long as it is valid.
        busy_for: For how long at most its instance isn't idle; None where an idle one isn't ended for that.
        cache_volume: The volume that was attached to it as the deployment's cache; None: it has none.
        words: Of the validator's command line.
    """
    order = json.dumps(
        {
            "validator": asdict(validator),
            "spec": asdict(spec),
            "sign_url": sign_url,
            "cache_volume": cache_volume,
            "words": list(words),
        }
    )
    program = (
        _PROGRAM.replace("@PATIENCE@", str(int(_FETCH_PATIENCE.total_seconds())))
        .replace("@SIGN_PATIENCE@", str(int(_SIGN_PATIENCE.total_seconds())))
        .replace("@READY_PATIENCE@", str(int(_READY_PATIENCE.total_seconds())))
        .replace("@CACHE_PATIENCE@", str(int(_CACHE_PATIENCE.total_seconds())))
        .replace("@UNFETCHED@", str(EXIT_UNFETCHED))
        .replace("@NOT_READY@", str(EXIT_NOT_READY))
        .replace("@ORDER@", base64.b64encode(order.encode()).decode())
    )
    run = f"python3 -I - \"${{JANITOR_READY_FILE:-}}\" <<'JANITOR_PROGRAM'\n{program}JANITOR_PROGRAM\n"
    return f"umask 077\nexec {run}" if busy_for is None else f"umask 077\n{while_busy(run, busy_for)}"
