"""Cron expressions, as Airflow's own reader of them takes them: a wrong one would lose the DAG."""

from __future__ import annotations

_FIELDS = ("minute", "hour", "day of the month", "month", "day of the week")


def check_cron(value: str) -> str:
    """Accept a cron expression of five fields, or nothing (also written `off`).

    Raises:
        ValueError: It isn't one; the message names the field.
    """
    if value in {"", "off"}:
        return ""
    # Here, because most commands read settings without a schedule.
    from croniter import croniter  # noqa: PLC0415  # loaded where it is needed alone

    fields = value.split()
    if len(fields) != len(_FIELDS):
        raise ValueError("is not a cron expression of five fields (or `off`)")
    for index, (name, text) in enumerate(zip(_FIELDS, fields, strict=True)):
        alone = ["*"] * len(_FIELDS)
        alone[index] = text
        if not croniter.is_valid(" ".join(alone)):
            raise ValueError(f"is not a cron expression: {name} {text[:40]!r} is none")
    if not croniter.is_valid(" ".join(fields)):
        raise ValueError("is not a cron expression: its fields don't go together")
    return " ".join(fields)
