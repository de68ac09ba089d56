"""Where the files of one local stack are, and the mark that its processes carry."""

from __future__ import annotations

import hashlib
import os
import stat
from dataclasses import dataclass
from pathlib import Path

from janitor.domain.errors import StackError
from janitor.settings import STACK_ENV_NAME, Settings

STACK_ID_VARIABLE = "JANITOR_STACK_ID"
"""Environment variable that marks the processes of a stack."""

# supervisord's configuration has no way to quote these everywhere.
_UNQUOTABLE = frozenset("\"';#%\\\n\r")
_PRIVATE = stat.S_IRWXU


@dataclass(frozen=True)
class Layout:
    """Paths under the state folder."""

    state_dir: Path

    @classmethod
    def of(cls, settings: Settings) -> Layout:
        """Return the layout of an environment's stack."""
        return cls(settings.state_dir.resolve())

    @property
    def stack_id(self) -> str:
        """Mark of this stack's processes.

        It follows from the place of the state folder, so that a copied checkout is another stack.
        """
        return hashlib.sha256(str(self.state_dir).encode()).hexdigest()[:16]

    @property
    def stack_env(self) -> Path:
        """Settings that the stack hands to everyone (mode 0600)."""
        return self.state_dir / STACK_ENV_NAME

    @property
    def secrets_file(self) -> Path:
        """Its owner's: what repositories name under `secrets`, as NAME=value (mode 0600); may be missing."""
        return self.state_dir / "secrets.env"

    @property
    def lock_file(self) -> Path:
        """Held by whoever starts or stops the stack."""
        return self.state_dir / "lock"

    @property
    def postgres(self) -> Path:
        """Configuration and data of PostgreSQL."""
        return self.state_dir / "postgres"

    @property
    def postgres_data(self) -> Path:
        """PGDATA."""
        return self.postgres / "data"

    @property
    def airflow_home(self) -> Path:
        """AIRFLOW_HOME."""
        return self.state_dir / "airflow"

    @property
    def cloud(self) -> Path:
        """State of the local cloud: buckets, logs, the homes of its instances."""
        return self.state_dir / "cloud"

    @property
    def logs(self) -> Path:
        """One log per program, and below it those of tasks and DAG files."""
        return self.state_dir / "logs"

    @property
    def dag_file_logs(self) -> Path:
        """What parsing said: a folder a day."""
        return self.logs / "dag-files"

    @property
    def task_logs(self) -> Path:
        """What tasks said: a folder a DAG, and in it one a run."""
        return self.logs / "tasks"

    @property
    def secrets(self) -> Path:
        """Random passwords and keys (mode 0700, files 0600)."""
        return self.state_dir / "secrets"

    @property
    def repositories(self) -> Path:
        """Git repositories made of the example workers."""
        return self.state_dir / "repositories"

    @property
    def supervisor(self) -> Path:
        """Configuration and pid of supervisord."""
        return self.state_dir / "supervisor"

    def log_of(self, program: str) -> Path:
        """Return the log file of one program."""
        return self.logs / f"{program}.log"

    def create(self) -> None:
        """Make the folders that are missing.

        Raises:
            StackError: the path can't be used, a folder is another user's, or the file system refuses.
        """
        unusable = sorted(_UNQUOTABLE & set(str(self.state_dir)))
        if unusable:
            raise StackError(
                f"the local stack can't live in {self.state_dir}: its path contains {' '.join(map(repr, unusable))}. "
                "Move the checkout, or set JANITOR_STATE_DIR to another folder"
            )
        try:
            for folder in (
                self.state_dir,
                self.secrets,
                self.supervisor,
                self.postgres,
                self.airflow_home,
                self.cloud,
                self.logs,
                self.repositories,
            ):
                folder.mkdir(mode=_PRIVATE, parents=True, exist_ok=True)
                _make_private(folder)
        except OSError as exc:
            raise StackError(
                f"can't write to {self.state_dir}: {exc.strerror}. Make it writable, or set JANITOR_STATE_DIR"
            ) from exc


def _make_private(folder: Path) -> None:
    """Close a folder that was there already to other users: who made it first may have left it open, or be another.

    Raises:
        StackError: it belongs to another user, who could replace every file in it.
        OSError: its mode can't be changed.
    """
    found = folder.stat()
    if found.st_uid != os.geteuid():
        raise StackError(
            f"{folder} belongs to user {found.st_uid}, not to the one that starts the stack ({os.geteuid()}). "
            "Remove it, or set JANITOR_STATE_DIR to a folder of your own"
        )
    if stat.S_IMODE(found.st_mode) & ~_PRIVATE:
        folder.chmod(_PRIVATE)
