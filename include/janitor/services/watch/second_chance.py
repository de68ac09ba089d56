"""The second chance of a report: the validator has ended, storage hasn't taken its report, and its instance lives.

An address can end before the validation does, with the credentials that signed it. The report is still on the
instance's disk then; a second, small command puts it with a fresh address. Whether it is the validator's own work is
proved by the report itself, so the address needs to be no secret for longer than it is valid.
"""

from __future__ import annotations

import base64
import json
from datetime import datetime, timedelta, timezone
from uuid import UUID

from janitor.cloud import commands as ssm
from janitor.cloud import storage
from janitor.cloud.session import CloudAccess
from janitor.domain.deadlines import FETCH_LIFETIME
from janitor.domain.errors import CloudError
from janitor.domain.identity import report_key_for, second_chance_comment_for
from janitor.domain.log_lines import LineLogger
from janitor.domain.result.outcome import may_hold_report
from janitor.domain.watch.watching import CommandObservation
from janitor.protocol.kept_report import KEPT_FOLDER, kept_name
from janitor.protocol.report import REPORT_MAX_BYTES
from janitor.settings import Settings
from janitor.stores.records import InstanceRecord

_PATIENCE = timedelta(minutes=2)
"""With the second command, until SSM says how it ended."""
_MOST_TROUBLES = 4
"""How often AWS may fail to answer before a validation ends without its report; each time botocore has asked several
times. Nothing else bounds it: the first command has ended."""
_PUT_PATIENCE = timedelta(seconds=40)
"""Of the command on the instance, with storage that throttles or is away."""
_EXECUTION_TIMEOUT = timedelta(seconds=60)
_EXIT_PUT, _EXIT_NOTHING_KEPT, _EXIT_REFUSED = 0, 5, 6
_ENDINGS = {
    _EXIT_PUT: "it was put",
    _EXIT_NOTHING_KEPT: "its instance holds none",
    _EXIT_REFUSED: "storage refused it again; see the command's log",
}

_PROGRAM = """\
import base64, json, os, sys, tempfile, time, urllib.request
order = json.loads(base64.b64decode("@ORDER@"))
give_up_at, pause = time.monotonic() + @PATIENCE@, 0.5
path = os.path.join(tempfile.gettempdir(), order["folder"], order["name"])
try:
    with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW), "rb") as file:
        content = file.read(@MOST_BYTES@)
except OSError as error:
    print(f"no report is kept here: {error.strerror}", file=sys.stderr)
    sys.exit(@NOTHING_KEPT@)
while True:
    try:
        request = urllib.request.Request(order["url"], data=content, method="PUT")
        urllib.request.urlopen(request, timeout=30).close()
        break
    except (OSError, ValueError) as error:
        # Neither the text nor the address of these errors is shown: the address is a secret.
        status = getattr(error, "code", None)
        word = f"HTTP {status}" if status else type(getattr(error, "reason", error)).__name__
        print(f"the report could not be put ({word})", file=sys.stderr, flush=True)
        final = status is not None and status < 500 and status not in (408, 429)
        if final or time.monotonic() + pause > give_up_at:
            sys.exit(@REFUSED@)
        time.sleep(pause)
        pause = min(pause * 2, 5)
print(f"the report was put, {len(content)} bytes")
os.unlink(path)
"""

log = LineLogger(__name__)


def second_chance_script(validation_id: UUID, report_url: str) -> str:
    """The script for AWS-RunShellScript that puts the report which the validator has left on its instance.

    Args:
        validation_id: Whose report it is.
        report_url: Presigned, takes the report by PUT; a secret for as long as it is valid.
    """
    order = {"folder": KEPT_FOLDER, "name": kept_name(str(validation_id)), "url": report_url}
    program = (
        _PROGRAM.replace("@PATIENCE@", str(int(_PUT_PATIENCE.total_seconds())))
        .replace("@MOST_BYTES@", str(REPORT_MAX_BYTES + 1))
        .replace("@NOTHING_KEPT@", str(_EXIT_NOTHING_KEPT))
        .replace("@REFUSED@", str(_EXIT_REFUSED))
        .replace("@ORDER@", base64.b64encode(json.dumps(order).encode()).decode())
    )
    return f"umask 077\nexec python3 -I - <<'JANITOR_PROGRAM'\n{program}JANITOR_PROGRAM\n"


class SecondChance:
    """One instance's second chance. Repeating it sends no second command as long as SSM shows the first.

    Args:
        settings: Of the environment.
        run_id: Of the validation.
        validation_id: Whose report it is.
        instance: The row of the instance that has it.
    """

    def __init__(self, settings: Settings, run_id: UUID, validation_id: UUID, instance: InstanceRecord) -> None:
        self._settings = settings
        self._access = CloudAccess.of(settings)
        self._validation_id = validation_id
        self._instance = instance
        self._report_key = report_key_for(run_id, validation_id, instance.generation)
        self._command_id: str | None = None
        self._asked_at = _now()
        self._troubles = 0

    def is_awaited(self, command: CommandObservation) -> bool:
        """Whether the report may still come; asks for it where nobody has yet.

        Args:
            command: The validator's own, which has ended.

        Raises:
            CloudError: AWS can't be asked; the caller asks again, and is told no after some times.
        """
        if not may_hold_report(command.status, command.exit_code):
            return False
        try:
            if storage.exists(self._access, self._settings.bucket, self._report_key):
                return False
            return self._is_under_way()
        except CloudError as exc:
            self._troubles += 1
            if self._troubles < _MOST_TROUBLES:
                raise
            log.warning("the report at %s is given up: %s", self._report_key, exc)
            return False

    def _is_under_way(self) -> bool:
        instance_id = str(self._instance.instance_id)
        comment = second_chance_comment_for(self._validation_id, self._instance.generation)
        if self._command_id is not None:
            seen = ssm.look(self._access, instance_id, self._command_id)
        else:
            seen = ssm.find_by_comment(self._access, instance_id, comment)
            if seen is None:
                return _now() < self._instance.may_live_until and self._ask(instance_id, comment)
            self._command_id, self._asked_at = seen.command_id, seen.requested_at or _now()
        if seen is None or not seen.status.is_final:
            return _now() < self._asked_at + _PATIENCE
        ending = _ENDINGS.get(seen.exit_code if seen.exit_code is not None else -1, f"SSM says {seen.status.value}")
        log.info("the report at %s was asked for a second time: %s", self._report_key, ending)
        return False

    def _ask(self, instance_id: str, comment: str) -> bool:
        log.warning(
            "the validator on %s has ended and storage has no report of it; asking for it with a fresh address",
            instance_id,
        )
        url = storage.presigned_put(self._access, self._settings.bucket, self._report_key, valid_for=FETCH_LIFETIME)
        self._asked_at = _now()
        self._command_id = ssm.send(
            self._access,
            instance_id=instance_id,
            script=second_chance_script(self._validation_id, url),
            comment=comment,
            execution_timeout=_EXECUTION_TIMEOUT,
            log_group=self._settings.log_group,
        )
        return self._command_id is not None


def _now() -> datetime:
    return datetime.now(timezone.utc)
