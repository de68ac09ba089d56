"""What one benchmark run yields, and the table that shows two of them beside each other."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, kw_only=True)
class Measurement:
    """One DAG, once, with `repositories` instant validations."""

    dag_id: str
    repositories: int
    duration: timedelta
    """From the trigger to the end of the last task."""
    tasks: int
    aws_calls: int
    peak_memory_bytes: int
    """Of the whole stack, shared pages counted once (PSS)."""


def table(pairs: list[tuple[Measurement, Measurement]]) -> str:
    """The figures of (plain, janitor) pairs; a ratio below 1 means that Janitor needs less."""
    lines = [
        "repositories | plain s | janitor s | ratio | tasks/repo plain → janitor | AWS calls/repo plain → janitor | "
        "peak MiB plain → janitor",
        "---|---|---|---|---|---|---",
    ]
    for plain, ours in pairs:
        n = plain.repositories
        lines.append(
            f"{n} | {plain.duration.total_seconds():.1f} | {ours.duration.total_seconds():.1f} | "
            f"{ours.duration / plain.duration:.2f} | {plain.tasks / n:.1f} → {ours.tasks / n:.1f} | "
            f"{plain.aws_calls / n:.1f} → {ours.aws_calls / n:.1f} | "
            f"{plain.peak_memory_bytes / 2**20:.0f} → {ours.peak_memory_bytes / 2**20:.0f}"
        )
    return "\n".join(lines)
