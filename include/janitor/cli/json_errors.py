"""Errors for scripts: under `--json` the one document on standard output says what happened, with its exit code.

The words for people go to standard error all the same. Where a command's answer is on standard output already, that
stays the one document.
"""

from __future__ import annotations

from collections.abc import Sequence

from janitor.cli.exit_codes import ExitCode
from janitor.cli.registry import COMMANDS, GROUPS
from janitor.domain.errors import (
    AirflowError,
    BudgetRefusedError,
    CloudError,
    ConfigError,
    DatabaseError,
    JanitorError,
    LaunchRefusedError,
    SettingsError,
    StackDownError,
    StackError,
    WrongPlaceError,
)
from janitor.protocol.text.plain_text import json_text

_JSON = "--json"
_COMMANDS = ("`make ", "`janitor ")
_NEXT_STEPS: tuple[tuple[type[JanitorError], str], ...] = (
    (ConfigError, "correct the configuration; `janitor check-config` lists every problem of it"),
    (SettingsError, "correct the setting where the message says that it comes from"),
    (BudgetRefusedError, "take what fits, or raise the limit; `janitor estimate` says both"),
    (LaunchRefusedError, 'see runbook "Launch refused"'),
    (StackDownError, "start it with `make up`"),
    (StackError, "`make doctor` says what is missing on this machine"),
    (WrongPlaceError, 'see runbook "Wrong place"'),
    (CloudError, "`make status` asks every part of the deployment"),
    (AirflowError, "`make status` asks every part of the deployment"),
    (DatabaseError, "`make status` asks every part of the deployment"),
)
"""What to do about each kind of error, the narrower kinds first; messages name what is particular to one."""


def wants_json(words: Sequence[str]) -> bool:
    """Whether these words ask a command for JSON, whatever else is wrong with them."""
    options = words[: words.index("--")] if "--" in words else words
    if _JSON not in options:
        return False
    name = next((word for word in options if word in COMMANDS), None)
    if name is None:  # a mistyped command, which would have answered in JSON for all that anybody knows
        return any(not word.startswith("-") for word in options)
    inner = GROUPS.get(name, {})
    after = options[options.index(name) + 1 :]
    entry = next((inner[word] for word in after if word in inner), None if inner else COMMANDS[name])
    if entry is None:  # a mistyped command of a group
        return any(not word.startswith("-") for word in after)
    return any(_JSON in parameter.opts for parameter in entry.load().params)


def next_step_of(error: BaseException) -> str | None:
    """What to do about it; None where neither its kind nor its message says it."""
    said = next((said for kind, said in _NEXT_STEPS if isinstance(error, kind)), None)
    return said if said is not None or not isinstance(error, JanitorError) else _step_in(str(error))


def _step_in(message: str) -> str | None:
    """The last part of a message that names a command, `start one with ...`."""
    parts = [part for sentence in message.split("; ") for part in sentence.split(". ")]
    return next((part.strip() for part in reversed(parts) if any(each in part for each in _COMMANDS)), None)


def error_json(message: str, next_step: str | None, code: ExitCode) -> str:
    """`{"error": {"message": …, "next_step": …, "exit_code": …}}`."""
    return json_text({"error": {"message": message, "next_step": next_step, "exit_code": int(code)}})
