"""`pins`: the required packages fit each other, and tomorrow's build gets what today's got.

Fails only for what no installer can satisfy: exact versions whose own metadata contradict each other, a build of
PyTorch that was never published. Unpinned packages, which break later and not now, and an SDK that nothing installs are
a note.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from janitor.inspection.dockerfile.base_images import surely_lacks_pytorch
from janitor.inspection.dockerfile.cuda_version import has_cuda
from janitor.inspection.dockerfile.stages import Dockerfile, Run
from janitor.inspection.install.cudnn_versions import brought_cudnn, cudnn_of_base, wanted_cudnn
from janitor.inspection.install.install import InstallPlan, plan_installs
from janitor.inspection.install.requirements import Requirement, RequirementSet, canonical, exclude_each_other
from janitor.inspection.install.torch_versions import (
    COMPANIONS,
    build_exists,
    demanded_torch,
    index_build,
    is_pypi,
    local_build,
    public_version,
)
from janitor.inspection.install.worker_requirements import worker_requirements
from janitor.inspection.location import Location
from janitor.inspection.tree import RepositoryTree
from janitor.protocol.terms.reason_codes import ReasonCode
from janitor.validator.context import CheckContext
from janitor.validator.facts import SourceFacts
from janitor.validator.findings import Finding, failed, passed, skipped

_SHOWN = 8
_CONDITION = re.compile(r"\|\||(?m:^|[;&])[ \t]*(?:if|case|for|while|until)\s")
_OTHER_INDEX = re.compile(
    r"PIP_(?:EXTRA_)?INDEX|PIP_FIND_LINKS|PIP_CONFIG|UV_(?:EXTRA_)?(?:INDEX|FIND|TORCH|CONFIG|DEFAULT)"
    r"|pip[\d.]*\s+config|pip\.conf|uv\.toml|--torch-backend"
)
"""Names an index, or settings that may."""
_USES_GPU = re.compile(
    r"onnxruntime-gpu|ctranslate2|faster-whisper|tensorflow.*|jax.*|tensorrt.*|paddlepaddle-gpu|llama-cpp-python|cupy.*"
    r"|vllm|sglang|mxnet.*|nvidia-.*|pycuda|numba.*|cudf.*|cuml.*|dgl.*|exllamav2|tritonclient.*|deepstream.*"
)
_BRINGS_CUDNN = re.compile(
    r"torch.*|nvidia-cudnn.*|xformers|accelerate|whisperx|openai-whisper|pyannote.*|sentence-transformers|silero-vad"
    r"|speechbrain|timm|vllm|diffusers|demucs|lightning|pytorch-lightning|bitsandbytes|tts|coqui-tts|infinity-emb"
)
"""Packages that come with PyTorch, whose own cuDNN may be found."""
_LOCKS = ("uv.lock", "poetry.lock", "pdm.lock")
"""What pins the packages of a pyproject.toml."""


@dataclass(frozen=True, kw_only=True)
class _Problem:
    code: ReasonCode
    text: str
    requirement: Requirement | None
    is_sure: bool = True
    """Whether the worker can't work with it."""


def check_pins(context: CheckContext, source: SourceFacts) -> Finding:
    """Compare the versions that the image's packages are asked for in."""
    sets = worker_requirements(source.dockerfile, source.image_files, source.tree)
    wanted = [requirement for each in sets for requirement in each.requirements]
    if not wanted:
        return skipped(ReasonCode.ABSENT, "no required Python packages are stated")
    evidence = context.evidence.value("requirements", "\n".join(_described(sets)))
    problems = [problem for each in sets for problem in _problems_of(each)]
    problems += [
        problem for index, each in enumerate(sets) for problem in _torch_index(source.dockerfile, sets[:index], each)
    ]
    unsure = [each for each in sets if not _is_always_run(source.dockerfile, each)]
    if unsure:
        # What nothing installs, or only on a condition, keeps no worker from working.
        places = {(requirement.path, requirement.line) for each in unsure for requirement in each.requirements}
        problems = [
            replace(problem, is_sure=False)
            if problem.requirement and (problem.requirement.path, problem.requirement.line) in places
            else problem
            for problem in problems
        ]
    wants_gpu = context.spec.gpu_required or source.hub_config.get("runsOn") == "GPU"
    problems += [*_of_the_whole(source, sets, wants_gpu=wants_gpu), *_unpinned(source.tree, sets)]
    locations = [_location(source, problem) for problem in problems]
    for is_sure in (True, False):
        found = [problem for problem in problems if problem.is_sure is is_sure]
        if found:
            more = len(found) - _SHOWN
            reason = "; ".join(problem.text for problem in found[:_SHOWN]) + (f"; and {more} more" if more > 0 else "")
            return failed(found[0].code, reason, evidence, required=is_sure, locations=locations)
    return passed(evidence)


def _described(sets: list[RequirementSet]) -> Iterator[str]:
    for each in sets:
        yield f"line {each.line}:" if each.line else "requirements file:"
        yield from (
            f"  {requirement.spelled}{f' @ {requirement.url}' if requirement.url else ''}"
            + (f" ({requirement.path}, line {requirement.line})" if requirement.path else "")
            for requirement in each.requirements
        )
        yield from (f"  index {url}" for url in (*each.index_urls, *each.extra_index_urls))
        yield from (f"  not read: {name}" for name in each.unread)


def _problems_of(each: RequirementSet) -> Iterator[_Problem]:
    """What one command asks for can't be had together: an installer resolves it as a whole."""
    exact: dict[str, tuple[Requirement, str]] = {}
    for requirement in (*each.requirements, *each.constraints):
        mine = requirement.exact
        if mine is None or requirement.marker:
            continue
        other, version = exact.setdefault(requirement.name, (requirement, mine))
        if exclude_each_other(mine, version) and each.has(requirement.name):
            text = f"{other.spelled} and {requirement.spelled} exclude each other"
            yield _Problem(code=ReasonCode.PIN_CONFLICT, text=text, requirement=other)
            return
    torch = each.exact("torch")
    if torch is None:
        return
    _, version = torch
    for package in COMPANIONS if not each.no_deps else ():
        # A constraint on what nothing asks for installs nothing.
        companion = each.exact(package) if each.has(package) else None
        demanded = demanded_torch(package, companion[1]) if companion else None
        if companion is not None and demanded is not None and canonical(demanded) != canonical(version):
            yield _Problem(
                code=ReasonCode.TORCH_MISMATCH,
                text=f"{package} {companion[1]} demands torch {demanded}, and torch {version} is pinned",
                requirement=companion[0],
            )


def _is_always_run(dockerfile: Dockerfile | None, each: RequirementSet) -> bool:
    """Whether a command surely installs this."""
    step = _run_of(dockerfile, each)
    return step is not None and _CONDITION.search(step.command) is None


def _run_of(dockerfile: Dockerfile | None, each: RequirementSet) -> Run | None:
    stages = dockerfile.stages if dockerfile is not None else ()
    steps = (step for stage in stages for step in stage.steps if isinstance(step, Run))
    return next((step for step in steps if step.line == each.line), None)


def _torch_index(
    dockerfile: Dockerfile | None, earlier: list[RequirementSet], each: RequirementSet
) -> Iterator[_Problem]:
    """A build of PyTorch that no index has, where all indexes are known and none of it is there already."""
    torch = each.exact("torch")
    if torch is None or dockerfile is None or _OTHER_INDEX.search(dockerfile.text):
        return
    requirement, version = torch
    if requirement in each.constraints and not any(each.has(name) for name in ("torch", *COMPANIONS)):
        return  # installs nothing by itself
    in_project = requirement.path is not None and requirement.path.endswith(".toml")
    if (
        in_project
        or not surely_lacks_pytorch(dockerfile.final.base_image)
        or any(set_.has("torch") for set_ in earlier)
    ):
        return
    named = [*each.index_urls[-1:], *each.extra_index_urls]
    # PyPI has no build with a local version.
    others = [url for url in named if not is_pypi(url)]
    builds = [build for url in others if (build := index_build(url))]
    public, wanted = public_version(version), local_build(version)
    # Other indexes and links may hold anything.
    if each.find_links or len(builds) != len(others):
        return
    if wanted is not None and wanted not in builds and (wanted.startswith("cu") or wanted == "cpu"):
        have = f"the index is that of {', '.join(builds)}" if builds else "no index of PyTorch's own is named"
        yield _Problem(
            code=ReasonCode.TORCH_INDEX,
            text=f"torch {version} is not on any index that is used: {have}",
            requirement=requirement,
        )
    elif builds and not each.extra_index_urls and not build_exists(public, builds[0]):
        yield _Problem(
            code=ReasonCode.TORCH_INDEX,
            text=f"torch {public} was never published for {builds[0]}",
            requirement=requirement,
        )
    elif wanted is not None and not build_exists(public, wanted):
        yield _Problem(
            code=ReasonCode.TORCH_INDEX,
            text=f"torch {public} was never published for {wanted}",
            requirement=requirement,
        )


def _of_the_whole(source: SourceFacts, sets: list[RequirementSet], *, wants_gpu: bool) -> Iterator[_Problem]:
    dockerfile = source.dockerfile
    if wants_gpu:
        yield from _cpu_torch(dockerfile, sets)
    base = dockerfile.final.base_image if dockerfile is not None else ""
    named = {requirement.name for each in sets for requirement in each.requirements}
    if dockerfile is not None:
        yield from _cudnn(dockerfile, sets, wants_gpu=wants_gpu)
    if dockerfile is not None and "runpod" not in named and not any(each.unread for each in sets):
        plan: InstallPlan = plan_installs(dockerfile, lambda path: path in source.image_files)
        surely = has_cuda(base) is False and not plan.gaps and bool(plan.installs)
        carried = any(
            entry.path.name == "runpod.py" or entry.path.parts[-2:] == ("runpod", "__init__.py")
            for entry in source.tree.entries
        )
        if surely and not source.is_load_balanced and not carried:
            text = f"no command installs runpod, and the base image {base} has none"
            # A worker may bring it along in ways that no command shows: its handler's start decides.
            yield _Problem(code=ReasonCode.SDK_MISSING, text=text, requirement=None, is_sure=False)


def _cudnn(dockerfile: Dockerfile, sets: list[RequirementSet], *, wants_gpu: bool) -> Iterator[_Problem]:
    """A package that loads a cuDNN of another major than anything in the image."""
    base = dockerfile.final.base_image
    if re.search(r"lib(?:cudnn)\d|cudnn[-_]?\d", dockerfile.text.replace(base, "")):
        return  # which comes by other means
    there = {cudnn_of_base(base)} if has_cuda(base) else set()
    for name in {requirement.name for each in sets for requirement in each.requirements}:
        if _BRINGS_CUDNN.fullmatch(name):
            exact = next((found[1] for each in sets if (found := each.exact(name))), None)
            torch = next((found[1] for each in sets if (found := each.exact("torch"))), None)
            is_its_own = name == "torch" or name.startswith("nvidia-cudnn")
            there.add(brought_cudnn(name, exact) if is_its_own else brought_cudnn("torch", torch))
    if not there or None in there or any(each.unread for each in sets):
        return
    for each in sets:
        loading = _loads_cudnn(each, sets)
        if loading is not None and loading[1] not in there:
            requirement, wanted = loading
            have = " and ".join(f"cuDNN {major}" for major in sorted(filter(None, there)))
            of_base = f"the base image {base} has" if there == {cudnn_of_base(base)} else "the image gets"
            text = f"{requirement.spelled} loads cuDNN {wanted}, and {of_base} {have}"
            yield _Problem(code=ReasonCode.CUDNN_MISMATCH, text=text, requirement=requirement, is_sure=wants_gpu)
            return


def _loads_cudnn(each: RequirementSet, sets: list[RequirementSet]) -> tuple[Requirement, int] | None:
    """What of a command loads which cuDNN: CTranslate2, by its own version or by what asks for it."""
    stated = [one for set_ in sets for one in (*set_.requirements, *set_.constraints) if one.name == "ctranslate2"]
    if stated:
        # A constraint alone installs nothing.
        found = each.exact("ctranslate2")
        is_asked = each.has("ctranslate2") or each.has("faster-whisper")
        wanted = wanted_cudnn("ctranslate2", found[1]) if found is not None and is_asked else None
        return (found[0], wanted) if found is not None and wanted is not None else None
    asking = next((one for one in each.requirements if one.name == "faster-whisper"), None)
    if asking is None or (asking.marker or (asking.exact is None and asking.is_pinned)):
        return None
    wanted = wanted_cudnn("faster-whisper", asking.exact)
    return (asking, wanted) if wanted is not None else None


def _cpu_torch(dockerfile: Dockerfile | None, sets: list[RequirementSet]) -> Iterator[_Problem]:
    """The last command of the final image that installs torch decides what it has."""
    stages = dockerfile.final.lineage() if dockerfile is not None else []
    lines = {step.line for stage in stages for step in stage.steps}
    last = next((each for each in reversed(sets) if each.has("torch") and each.line in lines), None)
    named = {requirement.name for each in sets for requirement in each.requirements}
    # A worker can do small things with PyTorch, and its work on the GPU with another library.
    if last is None or any(_USES_GPU.fullmatch(name) for name in named):
        return
    requirement = next(each for each in last.requirements if each.name == "torch")
    exact = requirement.exact or ""
    index = last.index_urls[-1] if last.index_urls else ""
    only_cpu = index_build(index) == "cpu" and not last.extra_index_urls
    if local_build(exact) == "cpu" or only_cpu:
        text = "torch is asked for in its CPU build, and the worker is one for GPUs"
        yield _Problem(code=ReasonCode.CPU_TORCH, text=text, requirement=requirement)


def _unpinned(tree: RepositoryTree, sets: list[RequirementSet]) -> Iterator[_Problem]:
    locked = any(tree.is_file(name) for name in _LOCKS)
    for each in sets:
        bound = {requirement.name for requirement in each.constraints if requirement.is_pinned}
        for requirement in each.requirements:
            in_project = requirement.path is not None and requirement.path.endswith("pyproject.toml")
            if not requirement.is_pinned and requirement.name not in bound and not (locked and in_project):
                text = f"{requirement.spelled} is not pinned: another version from day to day"
                yield _Problem(code=ReasonCode.UNPINNED, text=text, requirement=requirement, is_sure=False)


def _location(source: SourceFacts, problem: _Problem) -> Location:
    requirement = problem.requirement
    if requirement is not None and requirement.path is not None:
        path, line = requirement.path, requirement.line
    else:
        path = str(source.layout.dockerfile or "Dockerfile")
        line = requirement.line if requirement is not None else 0
    return Location(path=path, line=line or None, message=problem.text, is_warning=not problem.is_sure)
