"""The commands by name. `janitor --help` shows this table and imports none of them.

Invariant: the summary is the first line of the command's own help (a test compares them).
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import click
from click.shell_completion import CompletionItem


@dataclass(frozen=True)
class CommandEntry:
    """Where a command is, and what it does in one line."""

    module: str
    attribute: str
    summary: str

    def load(self) -> click.Command:
        """Import the command."""
        command: click.Command = getattr(importlib.import_module(f"janitor.cli.commands.{self.module}"), self.attribute)
        return command


COMMANDS: dict[str, CommandEntry] = {
    "run": CommandEntry("runs.run", "run", "Validate a fleet on the local stack, follow it and print the results."),
    "repair-demo": CommandEntry(
        "maintenance.repair_demo",
        "repair_demo",
        "Break an example by its upstream, name the release, repair it and prove it, on the local stack.",
    ),
    "pool-demo": CommandEntry(
        "pool.demo",
        "pool_demo",
        "Validate six repositories on a pool's two workers, and check what it promises, on the local stack.",
    ),
    "up": CommandEntry("stack.stack", "up", "Start the local stack in the background."),
    "down": CommandEntry("stack.stack", "down", "Stop the local stack; its data stays."),
    "status": CommandEntry("stack.stack", "status", "Show the stack: what runs and answers, web UI and login."),
    "validate-all-workers": CommandEntry(
        "runs.validate", "validate_all_workers", "Start a parallel run and follow it."
    ),
    "run-janitor": CommandEntry(
        "runs.sequential", "run_janitor", "Validate repositories in turn on one instance, with the cache volume."
    ),
    "fetch-report": CommandEntry(
        "reports.fetch", "fetch_report", "Bring the reports of a run into a folder, and say what they hold."
    ),
    "runs": CommandEntry("runs.runs", "runs", "List the last runs."),
    "follow": CommandEntry("runs.follow", "follow", "Follow a run that was started before."),
    "cancel": CommandEntry("runs.cancel", "cancel", "Stop one run and end its instances; other runs go on."),
    "rerun": CommandEntry("runs.rerun", "rerun", "Do a run again, with the parameters that it had."),
    "check-parallel-status": CommandEntry(
        "reports.reports", "check_parallel_status", "Show the runs that are going on."
    ),
    "query-parallel-run": CommandEntry(
        "reports.reports", "query_parallel_run", "Show one run with all of its results."
    ),
    "query-db": CommandEntry("reports.reports", "query_db", "Show a repository's last validations."),
    "report": CommandEntry("reports.report", "report", "Show the whole report of a repository or a run."),
    "dashboard": CommandEntry(
        "reports.dashboard",
        "dashboard",
        "Show what broke, what lives, what it costs, and what somebody has to know of.",
    ),
    "notify": CommandEntry("reports.notify", "notify", "Send the messages that wait, as the reaper does."),
    "failures": CommandEntry("reports.failures", "failures", "Show the failures of the last runs by cause."),
    "culprit": CommandEntry(
        "reports.culprit", "culprit", "Say which release broke a repository whose commit did not change."
    ),
    "instances": CommandEntry(
        "instances.instances", "instances", "List the live instances of this deployment, as EC2 shows them."
    ),
    "kill-all-workers": CommandEntry(
        "instances.kill", "kill_all_workers", "Emergency: terminate every instance and verify it."
    ),
    "reap": CommandEntry("instances.reap", "reap", "End instances that nobody works on, as the reaper does."),
    "terminate": CommandEntry("instances.terminate", "terminate", "Terminate one instance and verify it."),
    "keep": CommandEntry("instances.keep", "keep", "Keep a repository's instance alive for debugging."),
    "ami": CommandEntry(
        "instances.ami", "ami", "Build the image of the instances, publish it, and remove superseded ones."
    ),
    "maintain": CommandEntry(
        "maintenance.maintain",
        "maintain",
        "Repair what the last run found broken, or look after the working trees of repairs.",
    ),
    "shards": CommandEntry(
        "maintenance.shards", "shards", "List the shards of maintenance, or write them into a SQLite file."
    ),
    "repairs": CommandEntry("maintenance.repairs", "repairs", "List the repairs, or show one with its patch."),
    "pool": CommandEntry("pool.group", "pool", "See the pools of warm workers, and tell them what to do."),
    "breaker": CommandEntry(
        "instances.breaker", "breaker", "Show whether launches are paused; --close lets them go on."
    ),
    "logs": CommandEntry("reports.logs", "logs", "Print the log of a validation."),
    "validate": CommandEntry(
        "runs.validate_path", "validate", "Run the static checks on a checkout; execute nothing of it."
    ),
    "check-config": CommandEntry("runs.config", "check_config", "Check a workers configuration; launch nothing."),
    "estimate": CommandEntry("runs.estimate", "estimate", "Say what a run would cost at the worst; launch nothing."),
    "waste": CommandEntry(
        "instances.waste", "waste", "Say what every instance-second went into, and what is unexplained."
    ),
    "db-migrate": CommandEntry("reports.database", "db_migrate", "Bring the database schema up to date."),
    "db-roles": CommandEntry(
        "reports.database", "db_roles", "Make the database roles that write and read, or set their passwords anew."
    ),
    "infra-plan": CommandEntry(
        "infrastructure.terraform", "infra_plan", "Show what Terraform would change; change nothing."
    ),
    "infra-apply": CommandEntry(
        "infrastructure.terraform",
        "infra_apply",
        "Make or change what the deployment has in the cloud, and tell the settings.",
    ),
    "env-file": CommandEntry(
        "infrastructure.terraform", "env_file", "Write what Terraform made into the environment's settings."
    ),
    "destroy": CommandEntry(
        "infrastructure.terraform", "destroy", "Remove everything that Terraform made for the deployment."
    ),
    "idle-cost": CommandEntry(
        "infrastructure.cost", "idle_cost", "Say what the deployment costs a day while nothing runs."
    ),
    "completion": CommandEntry(
        "stack.completion", "completion", "Print what makes a shell complete commands, names and ids."
    ),
    "airflow": CommandEntry("stack.airflow", "airflow", "Run Airflow's own command on the local stack."),
    "doctor": CommandEntry("stack.doctor", "doctor", "Say what is missing, in plain words."),
}


GROUPS: dict[str, dict[str, CommandEntry]] = {
    "pool": {
        "status": CommandEntry(
            "pool.looks", "status", "Say in one screen what works, what waits, what is wrong, and what it costs."
        ),
        "list": CommandEntry("pool.looks", "list_workers", "List the workers."),
        "queue": CommandEntry("pool.looks", "queue", "Show what waits, by trust domain, and who has what."),
        "decisions": CommandEntry("pool.looks", "decisions", "Say why there are as many workers as there are."),
        "spawn": CommandEntry("pool.orders", "spawn", "Ask for workers."),
        "drain": CommandEntry("pool.orders", "drain", "Give workers nothing more; each ends after what it has."),
        "terminate": CommandEntry("pool.orders", "terminate", "End a worker and verify it."),
        "stop": CommandEntry("pool.orders", "stop", "Stop a pool: nothing is spawned, and what it has drains."),
        "resume": CommandEntry("pool.orders", "resume", "Let a pool go on that was stopped."),
        "retry": CommandEntry("pool.orders", "retry", "Give a task to another worker, or let it wait no longer."),
        "run": CommandEntry("pool.passes", "run", "Make passes over the pools, one or one after the other."),
        "test-task": CommandEntry("pool.probes", "test_task", "Queue tasks that prove that workers take them."),
        "test-connection": CommandEntry(
            "pool.probes", "test_connection", "Say which of database, provider, channel and storage fails."
        ),
        "worker": CommandEntry("pool.worker", "worker", "Serve a pool from this machine, which you trust."),
    },
}
"""The commands of those above that are groups."""


def every_command() -> dict[str, CommandEntry]:
    """Each command by the words that call it, those of groups included."""
    found: dict[str, CommandEntry] = {}
    for name, entry in COMMANDS.items():
        found[name] = entry
        found |= {f"{name} {each}": inner for each, inner in GROUPS.get(name, {}).items()}
    return found


class LazyGroup(click.Group):
    """A group whose commands are imported when they are used."""

    entries: Mapping[str, CommandEntry] = COMMANDS

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The commands in the order of the table, which is the order of use."""
        return list(self.entries)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the command of this name."""
        entry = self.entries.get(cmd_name)
        return entry.load() if entry else None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find a command; an unknown one is answered with the nearest."""
        name = args[0] if args else ""
        if args and name not in self.entries and not name.startswith("-"):
            from janitor.domain.config_problems import nearest

            near = nearest(name, self.entries)
            advice = f"did you mean {near}?" if near else f"see {ctx.command_path} --help"
            ctx.fail(f"no such command {name!r}; {advice}")
        return super().resolve_command(ctx, args)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem[str]]:
        """The commands that begin so, without importing any, and the options."""
        names = [(name, entry.summary) for name, entry in self.entries.items() if name.startswith(incomplete)]
        return [CompletionItem(name, help=summary) for name, summary in names] + click.Command.shell_complete(
            self, ctx, incomplete
        )

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the table without importing anything."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, entry.summary) for name, entry in self.entries.items()])

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Keep the lines of the epilog as they are written."""
        write_verbatim(self.epilog, formatter)


class ExampleCommand(click.Command):
    """A command whose epilog is a block of examples, kept as written."""

    def __init__(self, *args: Any, examples: tuple[str, ...], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.examples = examples

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the examples below the options."""
        with formatter.section("Examples"):
            for example in self.examples:
                formatter.write(f"  {example}\n")


class ExampleGroup(ExampleCommand, LazyGroup):
    """A command that is a group itself: those of its own are imported when they are used."""

    def __init__(self, *args: Any, entries: Mapping[str, CommandEntry], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.entries = entries


def write_verbatim(text: str | None, formatter: click.HelpFormatter) -> None:
    """Write a text without wrapping it."""
    if text:
        formatter.write(f"\n{text}\n")
