"""supervisord's configuration, generated from the programs of a stack."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from janitor.domain.errors import StackError
from janitor.stack.state.ports import LOOPBACK

RPC_USER = "janitor"
_LOG_BYTES = "10MB"
_LOG_BACKUPS = 3


@dataclass(frozen=True)
class Program:
    """One supervised program."""

    name: str
    command: tuple[str, ...]
    directory: Path
    log: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    stop_signal: str = "TERM"
    stop_wait: timedelta = timedelta(seconds=10)
    """Time from the stop signal to SIGKILL."""
    stop_as_group: bool = False
    """Whether the stop signal goes to the program's process group, and not to the program alone."""


@dataclass(frozen=True)
class SupervisorOptions:
    """What supervisord itself needs."""

    identifier: str
    port: int
    password: str
    folder: Path
    log: Path
    as_root: bool
    """Whether root runs it; said explicitly, because it warns otherwise."""


def render_supervisor_config(options: SupervisorOptions, programs: Iterable[Program]) -> str:
    """Return the text of the configuration file.

    Programs don't start by themselves: the stack starts them in order.

    Raises:
        StackError: a value can't be written in supervisord's format.
    """
    sections = [
        _section(
            "supervisord",
            {
                "identifier": options.identifier,
                "logfile": str(options.log),
                "logfile_maxbytes": "5MB",
                "logfile_backups": "2",
                "pidfile": str(options.folder / "supervisord.pid"),
                "childlogdir": str(options.folder),
                "directory": str(options.folder),
                **({"user": "root"} if options.as_root else {}),
                # Half of the usual limits: a machine that allows less would be refused.
                "minfds": "512",
                "minprocs": "100",
            },
        ),
        _section("rpcinterface:supervisor", {"supervisor.rpcinterface_factory": _RPC_FACTORY}),
        _section(
            "inet_http_server",
            {"port": f"{LOOPBACK}:{options.port}", "username": RPC_USER, "password": options.password},
        ),
    ]
    sections += [_program(program) for program in programs]
    return "; Written at every start of the stack.\n" + "\n".join(sections)


_RPC_FACTORY = "supervisor.rpcinterface:make_main_rpcinterface"


def _program(program: Program) -> str:
    return _section(
        f"program:{program.name}",
        {
            "command": shlex.join(program.command),
            "directory": str(program.directory),
            "environment": ",".join(f'{name}="{value}"' for name, value in program.environment.items()),
            "autostart": "false",
            "autorestart": "true",
            "startsecs": "1",
            "startretries": "3",
            "stopsignal": program.stop_signal,
            "stopwaitsecs": f"{program.stop_wait.total_seconds():.0f}",
            "stopasgroup": str(program.stop_as_group).lower(),
            "killasgroup": "true",
            "redirect_stderr": "true",
            "stdout_logfile": str(program.log),
            "stdout_logfile_maxbytes": _LOG_BYTES,
            "stdout_logfile_backups": str(_LOG_BACKUPS),
        },
    )


def _section(name: str, options: Mapping[str, str]) -> str:
    lines = [f"[{name}]"]
    for key, value in options.items():
        # A newline ends the option; `;` and `#` begin a comment; within quotes a quote can't be written.
        if any(c in value for c in "\n\r;#") or (key == "environment" and value.count('"') % 2):
            raise StackError(f"supervisord's configuration can't hold {key} of {name}: {value!r}")
        lines.append(f"{key} = {value.replace('%', '%%')}")
    return "\n".join(lines) + "\n"
