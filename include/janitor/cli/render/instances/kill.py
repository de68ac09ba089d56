"""The emergency stop's outcome as text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from janitor.views.text.marks import BAD, GOOD, one_line


def kill_text(
    terminated: Sequence[str],
    remaining: Sequence[str],
    cancelled_runs: Sequence[str],
    was: Mapping[str, str] | None = None,
) -> str:
    """The answer of `kill-all-workers`: instances counted, what each was, and what EC2 still shows."""
    words = {instance: f" ({one_line(text)})" for instance, text in (was or {}).items()}
    lines = [f"{GOOD} {run}: cancelled" for run in cancelled_runs]
    lines += [f"{GOOD} {instance}: terminated{words.get(instance, '')}" for instance in terminated]
    lines += [f"{BAD} {instance}: still there{words.get(instance, '')}" for instance in remaining]
    lines.append(f"{len(terminated)} {'instance' if len(terminated) == 1 else 'instances'} terminated.")
    if remaining:
        lines.append(
            f"{len(remaining)} could not be terminated: run `make kill-all-workers` again,"
            " or end them in the EC2 console."
        )
    else:
        lines.append("EC2 shows no live instance of this deployment.")
    return "\n".join(lines)
