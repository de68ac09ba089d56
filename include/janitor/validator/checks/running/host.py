"""`host`: this machine can do the validation. Whatever is wrong here is never the repository's fault."""

from __future__ import annotations

import os
import platform
import re
import shutil
from pathlib import Path

from janitor.protocol.report import MAX_GPUS, Evidence, Host
from janitor.protocol.terms.reason_codes import ReasonCode
from janitor.protocol.terms.statuses import Engine
from janitor.validator.context import CheckContext, ReportHead
from janitor.validator.docker.client import DockerClient
from janitor.validator.engine import EngineError, HostFacts, MachineFacts
from janitor.validator.engines.choose import choose_engine
from janitor.validator.engines.docker.host import EngineHost, describe_engine, toolkit_version, try_gpu_container
from janitor.validator.engines.docker.shared_machine import ready_for_next
from janitor.validator.engines.gpu_probe import cuda_version
from janitor.validator.facts import SourceFacts
from janitor.validator.findings import Finding, Produced, errored, passed
from janitor.validator.gpu.host_gpu import Gpu, query_gpu

_GIBIBYTE = 1024**3
_LEAST_MEMORY_BYTES = _GIBIBYTE // 2
_LEAST_DISK_BYTES = {Engine.VENV: _GIBIBYTE, Engine.DOCKER: 5 * _GIBIBYTE}
_BUILD_SHARE = 2
"""A build holds its layers twice for a while: in its cache and in the image."""
_CUDA_IN_REFERENCE = re.compile(r"(?:cuda[:\-_]?|cu)(\d{1,2}\.\d{1,2}|\d{3,4})(?!\d)")


def check_host(context: CheckContext, source: SourceFacts) -> Finding | Produced[HostFacts]:
    """Look at GPU, memory and disk, choose the engine, and let a container that is known to be good see the GPU."""
    query = query_gpu(context.settings, context.workspace.neutral)
    gpu, outcome = query.gpu, query.outcome
    machine = MachineFacts(host=describe_host(context.workspace.root, gpu), gpu=gpu)
    context.tell(ReportHead(host=machine.host, gpu_available=gpu is not None))
    evidence = [
        context.evidence.value("host", _description(machine)),
        context.evidence.value("processes of the repository", context.confinement),
    ]
    if outcome is not None:
        evidence.append(context.evidence.log("nvidia-smi", outcome))
    if context.secrets.problem is not None:
        return errored(ReasonCode.SECRET_UNRESOLVED, context.secrets.problem, *evidence)
    if context.secrets.values:
        evidence.append(context.evidence.value("secrets", f"delivered: {', '.join(context.secrets.values)}"))
    if context.spec.registry_secret is not None:
        why = context.secrets.registry_problem
        delivered = "base images are pulled with the deployment's login" if why is None else f"as anybody: it {why}"
        evidence.append(context.evidence.value("login of Docker Hub", delivered))
    if context.spec.gpu_required and (why_not := query.why_not):
        code, said = why_not
        reason = f"a GPU is required and this instance has none that works: {said}"
        return errored(code, reason, *evidence, outcome=outcome)
    try:
        engine = choose_engine(context, machine)
    except EngineError as exc:
        return errored(ReasonCode.ENGINE_MISSING, str(exc), *evidence)
    context.tell(ReportHead(engine=engine.kind))
    evidence.append(context.evidence.value("engine", engine.kind.value))
    finding = _trouble(context, source, machine, engine.kind, evidence) or passed(*evidence, outcome=outcome)
    return Produced(finding, HostFacts(machine=machine, engine=engine))


def _trouble(
    context: CheckContext, source: SourceFacts, machine: MachineFacts, engine: Engine, evidence: list[Evidence]
) -> Finding | None:
    """What keeps the machine from its work with this engine; it adds to the evidence."""
    free_bytes, memory_bytes = machine.host.disk_free_bytes, machine.host.memory_bytes
    if engine is Engine.DOCKER:
        docker = DockerClient(context.settings)
        described = describe_engine(docker)
        evidence.append(context.evidence.value("docker", described.described()))
        if context.spec.machine is not None and context.spec.machine.is_shared:
            described = _made_ready(context, source, docker, described, evidence)
        free_bytes = min(free_bytes, described.free_bytes if described.free_bytes is not None else free_bytes)
        if trouble := _gpu_trouble(context, source, docker, machine.gpu, evidence):
            return trouble
    if memory_bytes < _LEAST_MEMORY_BYTES:
        return errored(ReasonCode.MEMORY_LOW, f"only {memory_bytes // 2**20} MiB of memory", *evidence)
    least = _least_disk(context, source, engine)
    if free_bytes < least:
        free, wanted = free_bytes / _GIBIBYTE, least / _GIBIBYTE
        return errored(ReasonCode.DISK_LOW, f"{free:.1f} GiB of disk are free; {wanted:.0f} GiB are needed", *evidence)
    return None


def _made_ready(
    context: CheckContext, source: SourceFacts, docker: DockerClient, described: EngineHost, evidence: list[Evidence]
) -> EngineHost:
    """The engine after what earlier repositories have left on it was cleared; it adds to the evidence."""
    wanted = _least_disk(context, source, Engine.DOCKER)
    said = ready_for_next(docker, lambda: describe_engine(docker).free_bytes or wanted, wanted)
    if said:
        evidence.append(context.evidence.value("earlier repositories", "\n".join(said)))
    return describe_engine(docker)


def _least_disk(context: CheckContext, source: SourceFacts, engine: Engine) -> int:
    """How much disk the validation takes, as far as can be told before it."""
    least = _LEAST_DISK_BYTES[engine]
    if engine is not Engine.DOCKER:
        return least
    if context.spec.build is not None and context.spec.build.image_bytes:
        # The last image says more than what the repository asks of the platform.
        return max(least, context.spec.build.image_bytes * _BUILD_SHARE)
    return max(least, (source.disk_gigabytes or 0) * _GIBIBYTE)


def _gpu_trouble(
    context: CheckContext, source: SourceFacts, docker: DockerClient, gpu: Gpu | None, evidence: list[Evidence]
) -> Finding | None:
    """What keeps a container from the GPU, whatever the repository; it adds to the evidence."""
    if gpu is None:
        return None
    toolkit = toolkit_version(context)
    evidence.append(context.evidence.value("container toolkit", toolkit or "its programs are not installed"))
    wanted, origin = wanted_cuda(source)
    has = cuda_version(gpu.cuda or "")
    if wanted is not None and has is not None and has < wanted:
        text = f"{origin} asks for CUDA {wanted[0]}.{wanted[1]}; the driver supports up to {has[0]}.{has[1]}"
        if context.spec.gpu_required:
            return errored(
                ReasonCode.HOST_DRIVER, f"this instance's driver is too old for the worker: {text}", *evidence
            )
        evidence.append(context.evidence.value("warnings", text))
    if context.settings.cuda_image is None:
        return None
    trial = try_gpu_container(context, docker, context.settings.cuda_image)
    evidence.append(
        context.evidence.value("known-good container", trial.reason)
        if trial.outcome is None
        else context.evidence.log("known-good container", trial.outcome)
    )
    if trial.code is None or not context.spec.gpu_required:
        return None
    return errored(trial.code, trial.reason, *evidence, outcome=trial.outcome)


def wanted_cuda(source: SourceFacts) -> tuple[tuple[int, int] | None, str]:
    """The CUDA version that the worker needs of the driver, and what says so: its base image, or hub.json.

    hub.json lists the versions of the hosts that it may run on: any of them is enough.
    """
    found: list[tuple[tuple[int, int], str]] = []
    if source.dockerfile is not None:
        base = source.dockerfile.final.base_image
        if match := _CUDA_IN_REFERENCE.search(base.lower()):
            digits = match.group(1)
            version = cuda_version(digits if "." in digits else f"{digits[:2]}.{digits[2]}")
            found += [(version, base)] if version else []
    allowed = source.hub_config.get("allowedCudaVersions")
    if isinstance(allowed, list):
        versions = [version for text in allowed if (version := cuda_version(str(text)))]
        found += [(min(versions), "hub.json")] if versions else []
    return max(found) if found else (None, "nothing")


def describe_host(folder: Path, gpu: Gpu | None = None) -> Host:
    """This machine, as a report has it.

    Args:
        folder: Whose file system's free space counts.
        gpu: Its GPU.
    """
    return Host(
        gpu_names=gpu.names[:MAX_GPUS] if gpu else (),
        driver_version=gpu.driver_version if gpu else None,
        cuda_version=gpu.cuda if gpu else None,
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


def _description(machine: MachineFacts) -> str:
    host, gpu = machine.host, machine.gpu
    return "\n".join(
        (
            f"GPU: {gpu.described() if gpu else 'none'}",
            f"CPUs: {host.cpus}",
            f"memory: {host.memory_bytes / _GIBIBYTE:.1f} GiB",
            f"free disk: {host.disk_free_bytes / _GIBIBYTE:.1f} GiB",
            f"system: {platform.platform()}, Python {host.python}",
        )
    )
