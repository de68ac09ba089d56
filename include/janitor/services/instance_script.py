"""The shell script that SSM runs on the instance: fetch the validator, check its hash, hand it the spec.

Spec and addresses travel base64-coded in the script's own text: SSM replaces `{{ … }}` in plain parameters, and neither
a prompt nor a presigned address may show on a command line.
"""

from __future__ import annotations

import base64
import json

_PROGRAM = """\
import base64, hashlib, json, os, sys, tempfile, urllib.request
order = json.loads(base64.b64decode("@ORDER@"))
with urllib.request.urlopen(order["artefact_url"], timeout=60) as answer:
    content = answer.read()
if hashlib.sha256(content).hexdigest() != order["artefact_sha256"]:
    sys.exit("the validator that was fetched is not the one that was ordered")
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


def instance_script(*, artefact_url: str, artefact_sha256: str, spec_json: str) -> str:
    """The script for AWS-RunShellScript; it exits with the validator's exit code."""
    order = json.dumps({"artefact_url": artefact_url, "artefact_sha256": artefact_sha256, "spec": spec_json})
    program = _PROGRAM.replace("@ORDER@", base64.b64encode(order.encode()).decode())
    return f"umask 077\nexec python3 - <<'JANITOR_PROGRAM'\n{program}JANITOR_PROGRAM\n"
