"""The shell script that SSM runs on the instance: show life, fetch the validator, check its hash, hand it the spec.

Spec and addresses travel base64-coded in the script's own text: SSM replaces `{{ … }}` in plain parameters, and neither
a prompt nor a presigned address may show on a command line.
"""

from __future__ import annotations

import base64
import json
from datetime import timedelta

from janitor.domain.outcome import EXIT_UNFETCHED

_PROGRAM = """\
import base64, hashlib, json, os, sys, tempfile, time, urllib.error, urllib.request
order = json.loads(base64.b64decode("@ORDER@"))
def show_life():
    request = urllib.request.Request(order["sign_url"], data=b"alive", method="PUT")
    try:
        urllib.request.urlopen(request, timeout=@SIGN_PATIENCE@).close()
    except Exception:
        return False  # whatever it is: the validation doesn't depend on it
    return True
give_up_at, pause, content, shown = time.monotonic() + @PATIENCE@, 0.5, None, False
while content is None:
    shown = shown or show_life()
    try:
        with urllib.request.urlopen(order["artefact_url"], timeout=60) as answer:
            content = answer.read()
    except (OSError, ValueError) as error:
        # Neither the text nor the address of these errors is shown: the address is a secret.
        status = getattr(error, "code", None)
        word = f"HTTP {status}" if status else type(getattr(error, "reason", error)).__name__
        final = status is not None and status < 500 and status not in (408, 429)
        print(f"the validator could not be fetched ({word})", file=sys.stderr, flush=True)
        if final or time.monotonic() + pause > give_up_at:
            sys.exit(@UNFETCHED@)
        time.sleep(pause)
        pause = min(pause * 2, 10)
if hashlib.sha256(content).hexdigest() != order["artefact_sha256"]:
    print("the validator that was fetched is not the one that was ordered", file=sys.stderr)
    sys.exit(@UNFETCHED@)
folder = tempfile.mkdtemp(prefix="janitor-")
artefact = os.path.join(folder, "janitor-validator.pyz")
with open(artefact, "wb") as file:
    file.write(content)
with tempfile.TemporaryFile() as spec:
    spec.write(order["spec"].encode())
    spec.seek(0)
    os.dup2(spec.fileno(), 0)
os.execv(sys.executable, [sys.executable, artefact, "run", "--spec", "-"])
"""
_FETCH_PATIENCE = timedelta(minutes=3)
"""For storage that throttles or is away for a while."""


_SIGN_PATIENCE = timedelta(seconds=10)
"""For one try to put the sign of life; it is tried again with each try to fetch the validator."""


def instance_script(*, artefact_url: str, artefact_sha256: str, spec_json: str, sign_url: str) -> str:
    """The script for AWS-RunShellScript; it exits with the validator's exit code, or EXIT_UNFETCHED."""
    order = json.dumps(
        {"artefact_url": artefact_url, "artefact_sha256": artefact_sha256, "spec": spec_json, "sign_url": sign_url}
    )
    program = (
        _PROGRAM.replace("@PATIENCE@", str(int(_FETCH_PATIENCE.total_seconds())))
        .replace("@SIGN_PATIENCE@", str(int(_SIGN_PATIENCE.total_seconds())))
        .replace("@UNFETCHED@", str(EXIT_UNFETCHED))
        .replace("@ORDER@", base64.b64encode(order.encode()).decode())
    )
    return f"umask 077\nexec python3 - <<'JANITOR_PROGRAM'\n{program}JANITOR_PROGRAM\n"
