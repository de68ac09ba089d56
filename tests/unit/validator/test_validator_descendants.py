"""Whose descendants are ended: those of a process that has become their reaper, and of no other."""

from __future__ import annotations

import subprocess
import sys

import pytest

PROGRAM = """
import subprocess, sys
from datetime import timedelta
from pathlib import Path
from janitor.guest.processes.confinement import become_subreaper, owning_descendants
from janitor.guest.processes.supervisor import run

if sys.argv[1] == "reaper":
    become_subreaper()
elif sys.argv[1] == "was one for a while":
    with owning_descendants():
        pass
elif sys.argv[1] == "reaper within":
    become_subreaper()
    with owning_descendants():
        pass
own = subprocess.Popen(["sleep", "60"], start_new_session=True)
run(["true"], cwd=Path("/"), env={"PATH": "/usr/bin:/bin"}, limit=timedelta(seconds=20), confined=False)
print("alive" if own.poll() is None else "ended")
own.kill()
own.wait()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has reapers of descendants")
@pytest.mark.parametrize(
    ("kind", "expected"),
    [("plain", "alive"), ("reaper", "ended"), ("was one for a while", "alive"), ("reaper within", "ended")],
)
def test_children_of_a_process_that_only_uses_the_package_are_left_alone(kind, expected):
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, kind], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stdout.strip() == expected, done.stderr
