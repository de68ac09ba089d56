"""Waits for the end of the SDK's local mode, or for a worker that has done its job and won't end."""

from __future__ import annotations

import time
from datetime import timedelta

from janitor.diagnosis.handler.sdk_log import LOCAL_END
from janitor.guest.processes.supervisor import Running

EXIT_LIMIT = timedelta(seconds=20)
"""How long a worker may take to end once its job is done: threads and children of its own may keep it for ever, which
on the platform, where no worker ends, harms nobody."""
_LOOK = timedelta(seconds=1)


def wait_for_local_end(running: Running, exit_limit: timedelta = EXIT_LIMIT) -> bool:
    """Wait until the worker has ended; the validation's deadline bounds it.

    Args:
        running: The worker.
        exit_limit: How long it may take to end once its job is done.

    Returns:
        False if its job was done and it did not end by then.
    """
    done_at: float | None = None
    while not running.wait(_LOOK):
        if done_at is None and LOCAL_END in running.output_so_far():
            done_at = time.monotonic()
        if done_at is not None and time.monotonic() - done_at > exit_limit.total_seconds():
            return False
    return True
