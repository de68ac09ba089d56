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

_NAME = re.compile(r"[A-Za-z0-9/_+=.@-]+?")
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

    def get(self, request: Any, region: str) -> dict[str, Any]:
        """The answer to GetSecretValue. Raises SecretRefusedError."""
        name = request.get("SecretId") if isinstance(request, dict) else None
        if not isinstance(name, str) or not name:
            raise SecretRefusedError("InvalidParameterException", "SecretId is missing")
        short = name.removeprefix(self.prefix)
        values = self._values() if name.startswith(self.prefix) else {}
        if short not in values:
            why = f"{self.path} has no line for {short} (a line is NAME=VALUE)"
            if not name.startswith(self.prefix):
                why = f"this local cloud has those under {self.prefix} alone"
            message = f"Secrets Manager can't find the specified secret; {why}"
            raise SecretRefusedError("ResourceNotFoundException", message, status=404)
        return {
            "ARN": f"arn:aws:secretsmanager:{region}:{ACCOUNT_ID}:secret:{name}-000000",
            "Name": name,
            "VersionId": "00000000-0000-4000-8000-000000000000",
            "VersionStages": ["AWSCURRENT"],
            "CreatedDate": int(time.time()),
            "SecretString": values[short],
        }

    def _values(self) -> dict[str, str]:
        values: dict[str, str] = {}
        for number, line in enumerate(self._text().splitlines(), start=1):
            text = line.strip()
            if not text or text.startswith("#"):
                continue
            name, equals, value = text.partition("=")
            name, value = name.strip(), value.strip()
            if not equals or not value or not _NAME.fullmatch(name):
                raise _damaged(f"{self.path}:{number} is no `NAME=value`")
            if name in values:
                raise _damaged(f"{self.path}:{number} gives {name} a second time; keep one")
            values[name] = value
        return values

    def _text(self) -> str:
        """What is in the file; nothing where there is none."""
        try:
            descriptor = os.open(self.path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except FileNotFoundError:
            return ""
        except OSError as exc:
            raise _damaged(f"{self.path} can't be read: {exc.strerror}") from exc
        with os.fdopen(descriptor, "rb") as file:
            status = os.fstat(descriptor)
            mode = stat.S_IMODE(status.st_mode)
            if not stat.S_ISREG(status.st_mode) or status.st_uid != os.geteuid():
                raise _damaged(f"{self.path} is no file of the user that runs this local cloud")
            if mode & 0o077:
                raise _damaged(f"others may read or write {self.path} (mode {mode:04o}); run: chmod 600 {self.path}")
            try:
                return file.read(_MOST_BYTES).decode()
            except UnicodeDecodeError as exc:
                raise _damaged(f"{self.path} is no UTF-8 text") from exc


def request_of(body: bytes) -> Any:
    """The request's document; None where it is none."""
    try:
        return json.loads(body)
    except ValueError:
        return None


def _damaged(message: str) -> SecretRefusedError:
    return SecretRefusedError("AccessDeniedException", message)
