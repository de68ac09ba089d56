"""The tripwire's manifest: what configures a machine and runs on it, small enough to be sent and compared elsewhere.

It is taken when a worker becomes ready, before any repository's code has run there, and after each task. Who keeps the
first one and compares is the control side. The machine never gets it back: what has changed the machine would have to
know it by heart to look the same.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Annotated

from janitor.protocol.codec import Part
from janitor.protocol.values import Most, Range, Text

MOST_ENTRIES = 20_000
"""Of one area; what is more is counted."""
MOST_PROCESSES = 4_000
MOST_OF_ENGINE = 2_000
LONGEST_NAME = 500
LONGEST_VALUE = 300

EngineName = Annotated[str, Text(300)]
EngineNames = Annotated[tuple[EngineName, ...], Most(MOST_OF_ENGINE)]
_PID = Range(0, 2**31)


class Area(str, Enum):
    """What is looked at beside the processes."""

    FILES = "files"  # content of what configures the system, its shells and timers, and says who may log in
    PROGRAMS = "programs"  # folders of programs and libraries, by what the kernel notes of each file in them
    SET_UID = "set_uid"  # programs that run as somebody else than who starts them
    LISTENERS = "listeners"  # sockets that wait for somebody
    MODULES = "modules"  # of the kernel


@dataclass(frozen=True, kw_only=True)
class AreaSeen(Part):
    """One area, as it was found."""

    area: Area
    entries: Annotated[
        Mapping[str, Annotated[str, Text(LONGEST_VALUE, empty=True)]],
        Most(MOST_ENTRIES, LONGEST_NAME),
    ]
    """What is there, and what it is like; what can't be read says so."""
    left_out: Annotated[int, Range(0, 10**9)] = 0
    """How many more entries there are, at least; where there are any, two looks can't be compared."""


@dataclass(frozen=True, kw_only=True)
class ProcessSeen(Part):
    """A living process that isn't the kernel's."""

    pid: Annotated[int, _PID]
    started: Annotated[int, Range(0, 2**62)]
    """In clock ticks since the machine's start: with the number it says which process this is."""
    parent: Annotated[int, _PID]
    program: Annotated[str, Text(LONGEST_NAME)]
    """The file that it executes."""
    user: Annotated[int, Range(0, 2**32)]
    group: Annotated[str, Text(LONGEST_NAME)]
    """Its control group."""
    is_service: bool
    """Whether it is a program of the system in a service that a unit's file declares."""

    @property
    def identity(self) -> tuple[int, int]:
        """Which process this is."""
        return self.pid, self.started


@dataclass(frozen=True, kw_only=True)
class EngineSeen(Part):
    """What the container engine holds, by its own ids and names."""

    containers: EngineNames = ()
    networks: EngineNames = ()
    volumes: EngineNames = ()
    images: EngineNames = ()


@dataclass(frozen=True, kw_only=True)
class Manifest(Part):
    """One look at a machine."""

    is_whole: bool
    """Whether the machine is the worker's alone; else it is a part of one: its own processes, and its own folders."""
    areas: Annotated[tuple[AreaSeen, ...], Most(len(Area))]
    processes: Annotated[tuple[ProcessSeen, ...], Most(MOST_PROCESSES)]
    processes_left_out: Annotated[int, Range(0, 10**6)] = 0
    reaper: Annotated[int, _PID]
    """Who gets the orphans: to be its child says nothing of where a process comes from."""
    engine: EngineSeen | None = None
    """None where there is none that answers."""
    gpu_memory_mib: Annotated[int, Range(0, 10**9)] | None = None
    """In use, on all GPUs; None where there is none."""
    is_out_of_time: bool = False
    """Whether the look was cut short."""

    def contradiction(self) -> tuple[str, str] | None:
        """Each area is there once."""
        if sorted(each.area.value for each in self.areas) != sorted(area.value for area in Area):
            return "areas", "must have each area once"
        return None

    @property
    def is_complete(self) -> bool:
        """Whether it has everything that it is to look at."""
        return not (self.is_out_of_time or self.processes_left_out or any(each.left_out for each in self.areas))


def unknown_processes(now: Sequence[ProcessSeen], known: Collection[tuple[int, int]], reaper: int) -> list[ProcessSeen]:
    """Those that neither were there before, nor are a service's, nor come from one of these.

    Args:
        now: As seen now.
        known: Identities of those before.
        reaper: Whose children may be anybody's.
    """
    seen = {each.pid: each for each in now}

    def comes_from_known(each: ProcessSeen) -> bool:
        passed: set[int] = set()
        while each.pid not in passed:
            if each.identity in known or each.is_service:
                return True
            passed.add(each.pid)
            if each.parent == reaper or each.parent not in seen:
                return False
            each = seen[each.parent]
        return False

    return [each for each in now if not comes_from_known(each)]
