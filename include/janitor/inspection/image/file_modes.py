"""The mode that chmod, and `--chmod` of COPY and ADD, leave a file with."""

from __future__ import annotations

import re

_OCTAL = re.compile(r"0?[0-7]{3,4}")
_CLAUSE = re.compile(r"([ugoa]{0,4})((?:[-+=][rwxXst]{0,6}){1,4})")
_CHANGE = re.compile(r"([-+=])([rwxXst]*)")
_BITS = {"r": 0o444, "w": 0o222, "x": 0o111}
_WHO = {"u": 0o700, "g": 0o070, "o": 0o007}
_MASK = 0o022


def changed_mode(mode: int | None, change: str) -> int | None:
    """A file's permission bits after a change.

    Args:
        mode: Before it; None where they aren't known.
        change: As chmod takes it: `755`, `+x`, `u=rwx,go=rx`.

    Returns:
        None where it can't be told.
    """
    if _OCTAL.fullmatch(change):
        return int(change, 8) & 0o777
    clauses = [_CLAUSE.fullmatch(each) for each in change.split(",")]
    if mode is None:
        # Whatever it was, who may execute it afterwards is told by a change that says so.
        mode = 0 if re.fullmatch(r"(?:a|u|ugo)?(?:\+|=)r?w?x", change) else None
    if mode is None or None in clauses:
        return None
    for clause in clauses:
        assert clause is not None
        who = clause[1]
        reach = 0
        for letter in "ugo" if not who or "a" in who else who:
            reach |= _WHO[letter]
        # Without a name the umask keeps bits from being set.
        reach &= 0o777 if who else ~_MASK
        for sign, letters in _CHANGE.findall(clause[2]):
            bits = 0
            for letter in letters:
                bits |= _BITS.get("x" if letter == "X" and mode & 0o111 else letter, 0)
            bits &= reach
            mode = mode | bits if sign == "+" else mode & ~bits if sign == "-" else (mode & ~reach) | bits
    return mode
