"""Secrets Manager as far as instances read from it: the values stand in a file of the local cloud's owner.

The file is read at each request, and its values are kept nowhere else: neither in memory nor on the local cloud's disk.
A line is `NAME=value`; empty lines and those that begin with # count for nothing. Only its owner may read it.
"""

from __future__ import annotations

import json
import os
import re
import stat
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from localcloud.settings import ACCOUNT_ID

_NAME = re.compile(r"[A-Za-z0-9/_+.@-]+")
"""Of Secrets Manager's names those without `=`, at which a line is split."""
_CHANNELS = "news/"
_MOST_BYTES = 1 << 20


class SecretRefusedError(Exception):
    """A secret can't be given.

    Attributes:
        code: AWS's.
        status: of HTTP.
    """

    def __init__(self, code: str, message: str, *, status: int = 400) -> None:
        super().__init__(message)
        self.code = code
        self.status = status


@dataclass(frozen=True, kw_only=True)
class SecretsFile:
    """The file, and what the names in it lack of a secret's whole name."""

    path: Path
    prefix: str = ""
    channels_prefix: str | None = None
    """Of the secrets by which messages are sent; their lines begin with `news/`. None: there are none."""

    def get(self, request: Any, region: str, *, of_instance: bool = False) -> dict[str, Any]:
        """The answer to GetSecretValue. Raises SecretRefusedError.

        Args:
            request: What was asked.
            region: Where.
            of_instance: Whether an instance asks, whose role has nothing to do with channels.
        """
        name = request.get("SecretId") if isinstance(request, dict) else None
        if not isinstance(name, str) or not name:
            raise SecretRefusedError("InvalidParameterException", "SecretId is missing")
        if of_instance and self.channels_prefix is not None and name.startswith(self.channels_prefix):
            raise SecretRefusedError("AccessDeniedException", f"the role of instances may not read {name}")
        short = self._short(name)
        values = self._values() if short is not None else {}
        if short is None:
            short = name
        if short not in values:
            todo = f"add a line for {short} (NAME=VALUE) to {self.path}"
            if "=" in short:
                todo = "give the secret a name without `=`, at which a line of this local cloud's file is split"
            if self._short(name) is None:
                todo = f"this local cloud has those under {self.prefix} alone"
            message = f"{todo}: Secrets Manager can't find the specified secret"
            raise SecretRefusedError("ResourceNotFoundException", message, status=404)
        return {
            "ARN": f"arn:aws:secretsmanager:{region}:{ACCOUNT_ID}:secret:{name}-000000",
            "Name": name,
            "VersionId": "00000000-0000-4000-8000-000000000000",
            "VersionStages": ["AWSCURRENT"],
            "CreatedDate": int(time.time()),
            "SecretString": values[short],
        }

    def _short(self, name: str) -> str | None:
        """What a name is called in the file; None where it isn't looked for there."""
        if self.channels_prefix is not None and name.startswith(self.channels_prefix):
            return _CHANNELS + name.removeprefix(self.channels_prefix)
        if not name.startswith(self.prefix):
            return None
        short = name.removeprefix(self.prefix)
        # What channels are reached by isn't had under a name that instances may ask for.
        return None if self.channels_prefix is not None and short.startswith(_CHANNELS) else short

    def _values(self) -> dict[str, str]:
        values: dict[str, str] = {}
        first: dict[str, int] = {}
        for number, line in enumerate(self._text().splitlines(), start=1):
            text = line.strip()
            if not text or text.startswith("#"):
                continue
            name, equals, value = text.partition("=")
            name, value = name.strip(), value.strip()
            if not equals or not value or not _NAME.fullmatch(name):
                raise _damaged(f"write line {number} as `NAME=value` in {self.path}")
            if name in values:
                raise _damaged(f"keep one of the lines {first[name]} and {number}, both for {name}, in {self.path}")
            values[name], first[name] = value, number
        return values

    def _text(self) -> str:
        """What is in the file; nothing where there is none."""
        try:
            descriptor = os.open(self.path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except FileNotFoundError:
            return ""
        except OSError as exc:
            raise _damaged(f"let the user that runs this local cloud read {self.path}: {exc.strerror}") from exc
        try:
            self._check(os.fstat(descriptor))
            # A folder can be opened as a descriptor and not as a file: it must have been looked at before.
            with os.fdopen(descriptor, "rb", closefd=False) as file:
                content = file.read(_MOST_BYTES + 1)
        finally:
            os.close(descriptor)
        if len(content) > _MOST_BYTES:
            raise _damaged(f"keep no more than {_MOST_BYTES // 1024:,} KiB in {self.path}")
        try:
            return content.decode()
        except UnicodeDecodeError as exc:
            raise _damaged(f"save it as UTF-8 text: {self.path}") from exc

    def _check(self, status: os.stat_result) -> None:
        """Refuse what is no file, or not its owner's alone."""
        mode = stat.S_IMODE(status.st_mode)
        if not stat.S_ISREG(status.st_mode):
            raise _damaged(f"put a file of lines NAME=VALUE in place of {self.path}, which is a folder or a device")
        if status.st_uid != os.geteuid():
            raise _damaged(f"run: chown {os.geteuid()} {self.path}; it isn't of the user that runs this local cloud")
        if mode & 0o077:
            raise _damaged(f"run: chmod 600 {self.path}; others may read or write it (mode {mode:04o})")


def request_of(body: bytes) -> Any:
    """The request's document; None where it is none."""
    try:
        return json.loads(body)
    except ValueError:
        return None


def _damaged(message: str) -> SecretRefusedError:
    """The file's fault. Not AccessDeniedException: with the role all is well, and its policy is not what to mend."""
    return SecretRefusedError("InvalidRequestException", message)
