"""The process of a supervised run: `janitor maintain --inline`, in a process group of its own."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from pydantic import SecretStr

import janitor
from janitor.domain.errors import WorkspaceError
from janitor.settings import Settings


def start_run(settings: Settings, run_id: str, options: Sequence[str]) -> subprocess.Popen[bytes]:
    """Start the process of a run; its output is in a pipe.

    Args:
        settings: Of the environment that it works in.
        run_id: Of the run.
        options: Further words of the command; none is a secret.

    Raises:
        WorkspaceError: It can't be started.
    """
    argv = [sys.executable, "-m", "janitor.cli.main", "maintain", "--inline", "--run-ids", run_id, *options]
    env = dict(settings.inherited) | {
        "JANITOR_ENV": settings.environment,
        "PYTHONPATH": str(Path(janitor.__file__).resolve().parents[1]),
        "PYTHONUNBUFFERED": "1",
    }
    if settings.maintenance_database_url is not None:
        # In the environment, which other users of the machine can't read, as they can a command line.
        env["JANITOR_MAINTENANCE_DATABASE_URL"] = settings.maintenance_database_url.get_secret_value()
    try:
        return subprocess.Popen(
            argv,
            env=env,
            cwd=settings.project_root,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    except OSError as exc:
        raise WorkspaceError(f"the process of run {run_id} can't be started: {exc.strerror}") from exc


def with_maintenance_database(settings: Settings, database_url: str | None) -> Settings:
    """The settings with the database that maintenance works in.

    Args:
        settings: Of the deployment.
        database_url: Named by hand; None: what the settings say, else the deployment's own.
    """
    named = database_url or (
        settings.maintenance_database_url.get_secret_value() if settings.maintenance_database_url else None
    )
    if named is None:
        return settings

    secret = SecretStr(named)
    update = {"maintenance_database_url": secret, "database_url": secret, "reader_database_url": secret}
    return settings.model_copy(update=update)
