"""What the exit status of every command means."""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """Exit status. Closed: scripts rely on it."""

    OK = 0
    """All well."""
    NOT_SUCCESSFUL = 1
    """At least one validation is not successful."""
    USAGE = 2
    """Bad usage or configuration; nothing was launched."""
    INFRASTRUCTURE = 3
    """The stack, the cloud or the database is in trouble, or the answer can't be written: nothing is said about the
    repositories."""
    INTERRUPTED = 130
    """Ctrl-C (128 + SIGINT)."""
    HUNG_UP = 129
    """The terminal was closed (128 + SIGHUP)."""
    TERMINATED = 143
    """Asked to end, as a cancelled CI job is (128 + SIGTERM)."""
    PIPE_CLOSED = 141
    """The reader of the output went away (128 + SIGPIPE)."""
