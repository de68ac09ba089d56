"""Makes .env from .env.example, or fills in what it lacks, and draws a secret for each <placeholder>: `make dotenv`.

A placeholder that occurs twice is one secret. What is filled in already stays, so that it can run again after an
upgrade. Prints names, never values. Needs the standard library alone.
"""

from __future__ import annotations

import base64
import os
import re
import secrets
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
_PLACEHOLDER = re.compile(r"<([a-z]+)>")
_NAME = re.compile(r"^([A-Z][A-Z0-9_]*)=(.*)$", re.MULTILINE)
_FERNET = "fernet"
TROUBLE = 3


def drawn(placeholder: str) -> str:
    """A fresh secret of the form that its place asks for; safe in a URL, and in every kind of file that has it."""
    if placeholder == _FERNET:
        return base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()
    return secrets.token_hex(24)


def filled(example: str, present: str) -> tuple[str, list[str]]:
    """The text of .env, and the names that got a value.

    Args:
        example: Text of .env.example.
        present: Text of .env; empty where there is none.

    Raises:
        ValueError: The file has one part of a secret that another part is needed for, so that both can't agree.
    """
    text = present or example
    known = {match[1] for match in _NAME.finditer(text)}
    lacking = [match[0] for match in _NAME.finditer(example) if match[1] not in known]
    if lacking:
        text = (
            text.rstrip("\n")
            + "\n\n# Added by `make dotenv`; .env.example explains them.\n"
            + "\n".join(lacking)
            + "\n"
        )
    shared = _shared_secrets(example)
    wanted = {match[1]: set(_PLACEHOLDER.findall(match[2])) for match in _NAME.finditer(text)}
    named = {name: found for name, found in wanted.items() if found}
    for name, found in named.items():
        for placeholder in found:
            done = sorted(other for other in shared.get(placeholder, ()) if other in wanted and other not in named)
            if done:
                raise ValueError(f"{name} needs the secret that {', '.join(done)} has already; put it in by hand")
    values = {placeholder: drawn(placeholder) for found in named.values() for placeholder in found}
    # Comments keep their words.
    lines = [
        line if line.startswith("#") else _PLACEHOLDER.sub(lambda match: values.get(match[1], match[0]), line)
        for line in text.splitlines()
    ]
    return "\n".join(lines) + "\n", sorted(named)


def _shared_secrets(example: str) -> dict[str, set[str]]:
    """The names that each placeholder stands in, where it is more than one."""
    places: dict[str, set[str]] = {}
    for match in _NAME.finditer(example):
        for placeholder in _PLACEHOLDER.findall(match[2]):
            places.setdefault(placeholder, set()).add(match[1])
    return {placeholder: names for placeholder, names in places.items() if len(names) > 1}


def main() -> int:
    """Write .env; 3 where it can't be completed."""
    target = ROOT / ".env"
    present = target.read_text(encoding="utf-8") if target.exists() else ""
    try:
        text, names = filled((ROOT / ".env.example").read_text(encoding="utf-8"), present)
    except ValueError as exc:
        sys.stderr.write(f"error: .env: {exc}\n")
        return TROUBLE
    fresh = target.with_name(".env.new")
    # Nobody else may read it, at no moment.
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    fresh.replace(target)
    told = f"drew {', '.join(names)}" if names else "nothing was missing"
    sys.stdout.write(f".env is there ({told}). Choose JANITOR_ENV in it, and fill in ACCOUNT_ID for `make image`\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
