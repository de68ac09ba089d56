"""What was ended on a person's word as text, and the questions before it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from janitor.services.reap.by_hand import KillReport
from janitor.services.reap.cancel import Cancellable
from janitor.services.reap.terminate_one import Terminable
from janitor.views.text.marks import BAD, GOOD, WAITING, one_line


def kill_text(
    terminated: Sequence[str],
    remaining: Sequence[str],
    cancelled_runs: Sequence[str],
    was: Mapping[str, str] | None = None,
    problems: Sequence[str] = (),
) -> str:
    """The answer of `kill-all-workers`: instances counted, what each was, what is still shown, and what isn't known."""
    lines = [f"{GOOD} {run}: cancelled" for run in cancelled_runs]
    lines += _instance_lines(terminated, remaining, was or {})
    lines += [f"{BAD} {one_line(problem)}" for problem in problems]
    lines.append(f"{_instances(len(terminated))} terminated.")
    if remaining:
        lines.append(
            f"{len(remaining)} could not be terminated: run `make kill-all-workers` again,"
            " or end them in the EC2 console."
        )
    elif problems:
        lines.append("EC2 shows no live instance of this deployment; run `make kill-all-workers` again for the rest.")
    else:
        lines.append("EC2 shows no live instance of this deployment.")
    return "\n".join(lines)


def cancel_question(run: Cancellable) -> str:
    """What `cancel` asks: the run, and what of it is ended."""
    if run.config_path is None:
        return f"Cancel run {run.run_id}, which isn't planned yet?"
    open_ = f"{len(run.unfinished)} without a verdict" if run.unfinished else "over already"
    what = f"{one_line(run.config_path)}; {open_}"
    return f"Cancel run {run.run_id} ({what}) and terminate {_instances(run.instances)} of it?"


def cancel_text(run: Cancellable, report: KillReport) -> str:
    """The answer of `cancel`: what was ended, and what is left."""
    lines = [f"{GOOD} {one_line(name)}: cancelled" for name in run.unfinished]
    lines += _instance_lines(report.terminated, report.remaining, report.was)
    lines += [
        f"{WAITING} {instance}: left, a debug lease holds it ({one_line(report.was.get(instance, 'kept'))});"
        f" `make terminate INSTANCE={instance}` ends it"
        for instance in report.kept
    ]
    lines += [f"{BAD} {one_line(problem)}" for problem in report.problems]
    if report.remaining or report.problems:
        lines.append(f"Something is left: run `make cancel RUN_ID={run.run_id}` again.")
    else:
        lines.append(f"Run {run.run_id} is cancelled; {_instances(len(report.terminated))} terminated.")
    return "\n".join(lines)


def terminate_question(instance: Terminable) -> str:
    """What `terminate` asks."""
    becomes = " Its validation ends with it, as error." if instance.works_for_open_validation else ""
    return f"Terminate {instance.instance_id} ({one_line(instance.words)})?{becomes}"


def terminate_text(instance: Terminable, report: KillReport) -> str:
    """The answer of `terminate`."""
    lines = _instance_lines(report.terminated, report.remaining, report.was)
    if report.remaining:
        lines.append(
            f"It could not be terminated: run `make terminate INSTANCE={instance.instance_id}` again, or end it in the"
            " EC2 console."
        )
    elif not report.terminated:
        lines.append(f"{GOOD} {instance.instance_id}: gone; the ledger says so now, too")
    if instance.works_for_open_validation:
        lines.append(
            "Its validation ends with it, as error, unless it was still being launched: then it may have another"
            " instance. The rest of its run goes on; `make cancel` ends that, too."
        )
    return "\n".join(lines)


def _instance_lines(terminated: Sequence[str], remaining: Sequence[str], was: Mapping[str, str]) -> list[str]:
    words = {instance: f" ({one_line(text)})" for instance, text in was.items()}
    lines = [f"{GOOD} {instance}: terminated{words.get(instance, '')}" for instance in terminated]
    return lines + [f"{BAD} {instance}: still there{words.get(instance, '')}" for instance in remaining]


def _instances(count: int) -> str:
    return f"{count} {'instance' if count == 1 else 'instances'}"
