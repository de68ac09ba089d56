"""A machine as it answers: the order, its first look, and the look after a task."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

from janitor.protocol.reuse.manifest import Area, AreaSeen, Manifest, ProcessSeen
from janitor.protocol.reuse.order import Before, ReuseOrder
from janitor.protocol.reuse.result import ReuseResult, Scrub
from janitor.protocol.terms.provenance import Warm

WORKER = "3f2a0b1c-0000-4000-8000-000000000001"
NONCE = "0123456789abcdef0123456789abcdef"
FILES = {
    "/etc/passwd": "file 644 0:0 1111",
    "/etc/crontab": "file 644 0:0 2222",
    "/root/.ssh/authorized_keys": "file 600 0:0 3333",
}
AGENT_GROUP = "/system.slice/amazon-ssm-agent.service"


def process(
    pid: int, parent: int = 1, program: str = "/usr/bin/python3.11", *, started: int = 100, is_service: bool = False
) -> ProcessSeen:
    return ProcessSeen(
        pid=pid,
        started=started,
        parent=parent,
        program=program,
        user=0,
        group=AGENT_GROUP,
        is_service=is_service,
    )


def manifest(
    *processes: ProcessSeen,
    files: Mapping[str, str] | None = None,
    others: Mapping[Area, Mapping[str, str]] | None = None,
    left_out: int = 0,
) -> Manifest:
    entries: dict[Area, Mapping[str, str]] = {Area.FILES: FILES if files is None else files, **(others or {})}
    return Manifest(
        is_whole=True,
        areas=tuple(
            AreaSeen(area=area, entries=entries.get(area, {}), left_out=left_out if area is Area.FILES else 0)
            for area in Area
        ),
        processes=processes,
        reaper=1,
    )


ORDER = ReuseOrder(
    worker_id=WORKER,
    ordinal=1,
    nonce=NONCE,
    limit=timedelta(minutes=4),
    before=Before(processes=(), engine=None, gpu_memory_mib=None),
)


def answer(seen: Manifest, scrub: Scrub | None = None) -> ReuseResult:
    cleared = Scrub(warm=Warm(base_images=2, build_cache=True)) if scrub is None else scrub
    return ReuseResult(
        worker_id=WORKER,
        ordinal=1,
        nonce=NONCE,
        validator_version="1",
        seconds=1.5,
        scrub=cleared,
        manifest=seen,
    )


def ready(seen: Manifest) -> tuple[ReuseOrder, ReuseResult]:
    """The first look, and what was asked."""
    return replace(ORDER, ordinal=0, before=None), replace(answer(seen), ordinal=0, scrub=None)
