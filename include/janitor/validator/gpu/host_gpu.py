"""The host's GPU and driver, as nvidia-smi shows them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from janitor.guest.processes.supervisor import Outcome, ProcessStartError, run
from janitor.protocol.terms.reason_codes import ReasonCode
from janitor.validator.settings import Settings

_QUERY_LIMIT = timedelta(seconds=60)
"""nvidia-smi takes long on a machine whose driver isn't loaded yet."""
_FIELDS = ("name", "driver_version", "memory.total", "compute_cap")
_CUDA = re.compile(r"CUDA (?:UMD )?Version\s*:\s*(\d+\.\d+)")
_NO_DEVICE = re.compile(r"(?i)no devices were found|no nvidia gpu|no supported gpus")
_UNKNOWN_FIELD = "not a valid field"
"""Drivers before 510 don't know compute_cap, and then answer nothing at all."""


@dataclass(frozen=True, kw_only=True)
class Gpu:
    """The first GPU."""

    name: str
    driver_version: str
    memory: str | None
    """As nvidia-smi writes it, such as `23028 MiB`."""
    compute_capability: str | None
    cuda: str | None
    """The highest CUDA version that the driver supports."""
    names: tuple[str, ...]
    """Of all GPUs."""

    def described(self) -> str:
        """In one line."""
        return (
            f"{self.name} ({len(self.names)} in all), {self.memory or 'memory unknown'}, "
            f"compute capability {self.compute_capability or 'unknown'}, driver {self.driver_version}, "
            f"CUDA up to {self.cuda or 'unknown'}"
        )


@dataclass(frozen=True, kw_only=True)
class GpuQuery:
    """What came of asking."""

    gpu: Gpu | None
    outcome: Outcome | None
    """None where nvidia-smi is not installed."""

    @property
    def why_not(self) -> tuple[ReasonCode, str] | None:
        """Reason code and reason for having no GPU: none is there, or the driver doesn't work; None if there is one."""
        if self.gpu is not None:
            return None
        if self.outcome is None:
            return ReasonCode.GPU_MISSING, "nvidia-smi is not installed"
        said = " ".join(self.outcome.output.text.split())[:200]
        if _NO_DEVICE.search(said) or not said:
            return ReasonCode.GPU_MISSING, f"nvidia-smi said: {said or 'nothing'}"
        return ReasonCode.HOST_DRIVER, f"nvidia-smi said: {said}"


def query_gpu(settings: Settings, cwd: Path) -> GpuQuery:
    """Ask nvidia-smi for the GPUs; the first one is described."""
    outcome: Outcome | None = None
    for fields in (_FIELDS, _FIELDS[:-1]):
        try:
            outcome = _ask(settings, cwd, [f"--query-gpu={','.join(fields)}", "--format=csv,noheader"])
        except ProcessStartError:
            return GpuQuery(gpu=None, outcome=None)
        if _UNKNOWN_FIELD not in outcome.output.text:
            break
    rows = [line for line in outcome.output.text.splitlines() if line.strip()] if outcome else []
    if outcome is None or outcome.exit_code != 0 or not rows:
        return GpuQuery(gpu=None, outcome=outcome)
    values = [part.strip()[:200] for part in rows[0].split(",")] + [""] * len(_FIELDS)
    if not re.search(r"\d", values[1]):
        return GpuQuery(gpu=None, outcome=outcome)
    return GpuQuery(
        gpu=Gpu(
            name=values[0],
            driver_version=values[1][:100],
            memory=values[2] or None,
            compute_capability=values[3] or None,
            cuda=_highest_cuda(settings, cwd),
            names=tuple(row.split(",")[0].strip()[:200] or "unnamed" for row in rows),
        ),
        outcome=outcome,
    )


def _highest_cuda(settings: Settings, cwd: Path) -> str | None:
    """From the header of the table, which no query field has."""
    try:
        match = _CUDA.search(_ask(settings, cwd, []).output.text)
    except ProcessStartError:
        return None
    return match.group(1) if match else None


def _ask(settings: Settings, cwd: Path, arguments: list[str]) -> Outcome:
    return run(["nvidia-smi", *arguments], cwd=cwd, env={"PATH": settings.path}, limit=_QUERY_LIMIT, confined=False)
