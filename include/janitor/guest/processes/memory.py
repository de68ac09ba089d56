"""What the kernel says of lack of memory."""

from __future__ import annotations

from pathlib import Path


def kills_for_memory() -> int | None:
    """How often this machine's kernel has killed a process for want of memory; None where it doesn't say."""
    try:
        for line in Path("/proc/vmstat").read_text().splitlines():
            if line.startswith("oom_kill "):
                return int(line.split()[1])
    except OSError:
        pass
    return None
