"""Cron expressions of five fields, as far as Airflow's reader of them takes them: a wrong one would lose the DAG."""

from __future__ import annotations

import re
from dataclasses import dataclass

_STEP = re.compile(r"(?P<base>[^/]+)(?:/(?P<step>\d{1,4}))?")


@dataclass(frozen=True)
class _Field:
    name: str
    least: int
    most: int
    words: tuple[str, ...] = ()
    other: str = r"(?!)"
    """What else may stand there; by default nothing."""

    def problem(self, text: str) -> str | None:
        """What is wrong with the field, or None."""
        return next((f"{self.name} {text[:40]!r}" for part in text.split(",") if not self._takes(part)), None)

    def _takes(self, part: str) -> bool:
        match = _STEP.fullmatch(part)
        if match is None or (match["step"] is not None and int(match["step"]) == 0):
            return False
        base = match["base"].lower()
        if base == "*" or re.fullmatch(self.other, base):
            return True
        ends = base.split("-")
        return len(ends) <= 2 and all(self._is_value(end) for end in ends)

    def _is_value(self, text: str) -> bool:
        if text in self.words:
            return True
        return re.fullmatch(r"\d{1,2}", text) is not None and self.least <= int(text) <= self.most


_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_FIELDS = (
    _Field("minute", 0, 59),
    _Field("hour", 0, 23),
    _Field("day of the month", 1, 31, other=r"\?|l"),
    _Field("month", 1, 12, _MONTHS),
    _Field("day of the week", 0, 7, _DAYS, other=rf"\?|l[0-7]|(?:[0-7]|{'|'.join(_DAYS)})#[1-5]"),
)


def check_cron(value: str) -> str:
    """Accept a cron expression of five fields, or nothing (also written `off`).

    Raises:
        ValueError: It isn't one; the message names the field.
    """
    if value in {"", "off"}:
        return ""
    fields = value.split()
    if len(fields) != len(_FIELDS):
        raise ValueError("is not a cron expression of five fields (or `off`)")
    for field, text in zip(_FIELDS, fields, strict=True):
        if (problem := field.problem(text)) is not None:
            raise ValueError(f"is not a cron expression: {problem} is none")
    return " ".join(fields)
