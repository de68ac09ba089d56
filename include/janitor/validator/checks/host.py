"""`host`: this machine can do the validation. Whatever is wrong here is never the repository's fault."""

from __future__ import annotations

import os
import platform
import re
import shutil
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from janitor.protocol.report import Host
from janitor.validator.bench import Bench
from janitor.validator.engines.base import EngineError
from janitor.validator.engines.choose import choose_engine
from janitor.validator.findings import Finding, errored, passed
from janitor.validator.processes.supervisor import Outcome, ProcessStartError, run
from janitor.validator.settings import Settings

_QUERY_LIMIT = timedelta(seconds=60)
"""nvidia-smi takes long on a machine whose driver isn't loaded yet."""
_GIBIBYTE = 1024**3
_LEAST_MEMORY_BYTES = _GIBIBYTE // 2
_LEAST_DISK_BYTES = {"venv": _GIBIBYTE, "docker": 5 * _GIBIBYTE}


@dataclass(frozen=True, kw_only=True)
class Gpu:
    """The first GPU, as nvidia-smi describes it."""

    name: str
    driver_version: str
    details: str


def check_host(bench: Bench) -> Finding:
    """Look at GPU, memory and disk, and choose the engine."""
    gpu, outcome = query_gpu(bench.settings, bench.workspace.neutral)
    bench.known.gpu_available = gpu is not None
    bench.known.host = describe_host(bench.workspace.root, gpu)
    evidence = [bench.evidence.value("host", _description(bench.known.host, gpu))]
    if outcome is not None:
        evidence.append(bench.evidence.log("nvidia-smi", outcome))
    if bench.spec.gpu_required and gpu is None:
        said = (
            "nvidia-smi is not installed"
            if outcome is None
            else f"nvidia-smi said: {outcome.output.text.strip()[:200]}"
        )
        return errored(
            "gpu_missing", f"a GPU is required and this instance has none: {said}", *evidence, outcome=outcome
        )
    try:
        engine = choose_engine(bench)
    except EngineError as exc:
        return errored("engine_missing", str(exc), *evidence)
    bench.known.engine = engine
    evidence.append(bench.evidence.value("engine", engine.kind.value))
    host = bench.known.host
    if host.memory_bytes < _LEAST_MEMORY_BYTES:
        return errored("memory_low", f"only {host.memory_bytes // 2**20} MiB of memory", *evidence, outcome=outcome)
    least = _LEAST_DISK_BYTES[engine.kind.value]
    if engine.kind.value == "docker" and bench.known.disk_gigabytes is not None:
        least = max(least, bench.known.disk_gigabytes * _GIBIBYTE)
    if host.disk_free_bytes < least:
        free, wanted = host.disk_free_bytes / _GIBIBYTE, least / _GIBIBYTE
        return errored("disk_low", f"{free:.1f} GiB of disk are free; {wanted:.0f} GiB are needed", *evidence)
    return passed(*evidence, outcome=outcome)


def query_gpu(settings: Settings, cwd: Path) -> tuple[Gpu | None, Outcome | None]:
    """Ask nvidia-smi for the first GPU; no outcome where it is not installed."""
    query = "name,driver_version,memory.total,compute_cap"
    argv = ["nvidia-smi", f"--query-gpu={query}", "--format=csv,noheader"]
    try:
        outcome = run(argv, cwd=cwd, env={"PATH": settings.path}, limit=_QUERY_LIMIT, confined=False)
    except ProcessStartError:
        return None, None
    fields = (
        [part.strip() for part in outcome.output.text.strip().splitlines()[:1][0].split(",")]
        if (outcome.exit_code == 0 and outcome.output.text.strip())
        else []
    )
    if len(fields) < 2 or not re.search(r"\d", fields[1]):
        return None, outcome
    return Gpu(name=fields[0][:200], driver_version=fields[1][:100], details=", ".join(fields)), outcome


def describe_host(folder: Path, gpu: Gpu | None = None) -> Host:
    """This machine, as a report has it.

    Args:
        folder: Whose file system's free space counts.
        gpu: Its GPU.
    """
    return Host(
        gpu_name=gpu.name if gpu else None,
        driver_version=gpu.driver_version if gpu else None,
        python=platform.python_version(),
        cpus=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 0,
        memory_bytes=_available_memory_bytes(),
        disk_free_bytes=shutil.disk_usage(folder).free,
    )


def _available_memory_bytes() -> int:
    """The machine's memory, or the control group's limit where that is lower."""
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    for limit in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        try:
            text = Path(limit).read_text().strip()
        except OSError:
            continue
        if text.isdigit():
            total = min(total, int(text))
    return total


def _description(host: Host, gpu: Gpu | None) -> str:
    return "\n".join(
        (
            f"GPU: {gpu.details if gpu else 'none'}",
            f"CPUs: {host.cpus}",
            f"memory: {host.memory_bytes / _GIBIBYTE:.1f} GiB",
            f"free disk: {host.disk_free_bytes / _GIBIBYTE:.1f} GiB",
            f"system: {platform.platform()}, Python {host.python}",
        )
    )
