"""Takes the manifest: everything that the tripwire looks at, within its time."""

from __future__ import annotations

from janitor.protocol.reuse.manifest import Manifest
from janitor.validator.docker.client import DockerClient
from janitor.validator.reuse.engine import look_at_engine
from janitor.validator.reuse.files import Clock, contents, programs, set_uid
from janitor.validator.reuse.gpu import gpu_memory_mib
from janitor.validator.reuse.places import places
from janitor.validator.reuse.processes import look_at_processes
from janitor.validator.reuse.system import listeners, modules
from janitor.validator.settings import Settings


def take_manifest(settings: Settings, *, within_seconds: float) -> Manifest:
    """Look at this machine.

    Args:
        settings: Of the machine.
        within_seconds: For its folders, which can be large; the rest takes moments.
    """
    clock = Clock(within_seconds)
    look = look_at_processes()
    where = places(settings, is_whole=look.scope.is_whole)
    areas = (
        contents(where.configuration, clock),
        programs(where.programs, clock),
        set_uid(where.set_uid, clock),
        listeners(look),
        modules(is_whole=look.scope.is_whole),
    )
    return Manifest(
        is_whole=look.scope.is_whole,
        areas=areas,
        processes=look.processes,
        processes_left_out=look.left_out,
        reaper=look.scope.reaper,
        # Of a part of a machine neither is the worker's alone.
        engine=look_at_engine(DockerClient(settings)) if look.scope.is_whole else None,
        gpu_memory_mib=gpu_memory_mib(settings) if look.scope.is_whole else None,
        is_out_of_time=clock.is_over,
    )
