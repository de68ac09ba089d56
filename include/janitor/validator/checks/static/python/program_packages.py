"""What of the packages that a worker imports its program surely can't see: the image has them elsewhere, or no more.

A part of `python_static`: it knows what the worker imports, and the Dockerfile where packages go.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from janitor.inspection.dockerfile.stages import Run
from janitor.inspection.dockerfile.usage import used_stages
from janitor.inspection.provision.program import has_nothing, removed_for
from janitor.inspection.provision.system.state import ALL
from janitor.inspection.python.python_modules import SourceError
from janitor.inspection.python.python_source import WorkerSource
from janitor.inspection.tree import RepositoryTree
from janitor.protocol.terms.reason_codes import ReasonCode
from janitor.validator.facts import ImageFacts, StatedFacts

Reader = Callable[[PurePosixPath], "str | None"]

_WITH_PYTHON = frozenset({"pip", "setuptools", "pkg_resources", "wheel", "distutils", "_distutils_hack"})
_MODULES = {
    **{
        "pillow": "PIL",
        "pyyaml": "yaml",
        "scikit-learn": "sklearn",
        "beautifulsoup4": "bs4",
        "scikit-image": "skimage",
    },
    **{"python-dateutil": "dateutil", "python-dotenv": "dotenv", "opencv-python": "cv2", "faiss-cpu": "faiss"},
}
"""Packages whose module is called otherwise."""
_SHARED = frozenset({"cv2", "onnxruntime", "tensorflow", "faiss", "google", "nvidia", "PIL", "jax"})
"""Modules that several packages bring: which one has it left can't be told here."""
_BRINGS_OTHERS = re.compile(r"\bos\.exec|\bpip\b|ensurepip|runpy")
"""In a program: what may bring packages before they are imported."""
_SEES_OTHERS = re.compile(r"\bsys\.path\b|\bsite\.add|\bactivate_this")
"""In a program: what may have it look for packages elsewhere in the image."""


@dataclass(frozen=True, kw_only=True)
class PackageFault:
    """A package that the program imports and surely doesn't get."""

    code: ReasonCode
    reason: str
    line: int | None
    """Of the Dockerfile, where that is decided."""


def package_fault(
    stated: StatedFacts, worker: WorkerSource, imported: Mapping[str, PurePosixPath], read: Reader
) -> PackageFault | None:
    """What the worker surely imports and its Python surely lacks; None where that can't be told.

    Args:
        stated: What the repository says of itself.
        worker: Its Python.
        imported: What `sure_imports` tells.
        read: Reads a file of the repository.
    """
    image = stated.image
    if image is None or image.program is None or image.program.interpreter is None:
        return None
    # A case of the tests can start what the image doesn't.
    if any(case.command is not None for case in stated.cases) or not image.command.is_sure:
        return None
    sources = [_source(read, path) for path in worker.modules]
    if not imported or any(_BRINGS_OTHERS.search(each) for each in sources):
        return None
    if image.provision.final.sites and any(_SEES_OTHERS.search(each) for each in sources):
        return None
    return _removed(image, imported) or _elsewhere(image, imported)


def _removed(image: ImageFacts, imported: Mapping[str, PurePosixPath]) -> PackageFault | None:
    program = image.program
    if program is None or any(name.startswith("python3-") for name in image.provision.final.packages):
        return None
    for each in removed_for(image.provision, program):
        for name in each.names:
            module = _MODULES.get(name, name.replace("-", "_"))
            if name == ALL:
                module = "runpod" if "runpod" in imported else next(iter(imported))
            if module in imported and module not in _SHARED:
                does = "takes away" if each.is_by_hand else "uninstalls"
                what = f"all of {each.folder}" if name == ALL else name
                reason = f"line {each.line} {does} {what}, and {imported[module]} imports {module}"
                return PackageFault(code=ReasonCode.PACKAGE_REMOVED, reason=reason, line=each.line)
    return None


def _elsewhere(image: ImageFacts, imported: Mapping[str, PurePosixPath]) -> PackageFault | None:
    program, provision = image.program, image.provision
    if program is None or program.interpreter is None or not has_nothing(provision, program):
        return None
    has_libraries = any(re.match(r"python3?-", name) or name == "?" for name in provision.final.packages)
    module = "runpod" if "runpod" in imported else next(iter(imported))
    if has_libraries and module != "runpod":
        return None
    return _told(image, module, imported[module], next(iter(provision.installed), None))


def _told(image: ImageFacts, module: str, path: PurePosixPath, installed: tuple[int, str] | None) -> PackageFault:
    program, final = image.program, image.dockerfile.final
    interpreter = program.interpreter if program is not None else None
    where = interpreter.path if interpreter is not None else "the program's Python"
    base = f"{path} imports {module}, and nothing is installed where {where} of the final image looks"
    if installed is None and (unused := _unused_installation(image)) is not None:
        line, name = unused
        reason = f"{base}: line {line} installs in the stage {name}, of which the image gets nothing"
        return PackageFault(code=ReasonCode.PACKAGES_ELSEWHERE, reason=reason, line=line)
    if installed is None:
        return PackageFault(code=ReasonCode.PACKAGES_ELSEWHERE, reason=base, line=final.line)
    line, folder = installed
    stage = next((each for each in image.dockerfile.stages for step in each.steps if step.line == line), None)
    of_stage = "" if stage is None or stage in final.lineage() else f" of the stage {stage.name or stage.index}"
    reason = f"{base}: line {line} installs into {folder}{of_stage}"
    return PackageFault(code=ReasonCode.PACKAGES_ELSEWHERE, reason=reason, line=line)


def _unused_installation(image: ImageFacts) -> tuple[int, str] | None:
    """The first installation in a stage that isn't even built: its line, and the stage's name."""
    built = {stage.index for stage in used_stages(image.dockerfile)}
    for stage in image.dockerfile.stages:
        for step in stage.steps if stage.index not in built else ():
            if isinstance(step, Run) and re.search(r"\bpip[\d.]*\s+install\b|\buv\s+sync\b", step.command):
                return step.line, stage.name or str(stage.index)
    return None


def sure_imports(worker: WorkerSource, read: Reader, tree: RepositoryTree) -> Iterator[tuple[str, PurePosixPath]]:
    """The modules of others that the worker imports in any case, with the first file that does.

    Args:
        worker: Its Python.
        read: Reads a file of the repository.
        tree: The repository, whose own modules are none of these.
    """
    own = {part for entry in tree.entries for part in (*entry.path.parts[:-1], entry.path.stem)}
    found: set[str] = set()
    for path in worker.sure_modules:
        try:
            parsed = ast.parse(_source(read, path))
        except (SyntaxError, ValueError, RecursionError):
            continue
        for name in _at_the_top(parsed):
            if name in found or name in own or name in sys.stdlib_module_names or name in _WITH_PYTHON:
                continue
            found.add(name)
            yield name, path


def _at_the_top(tree: ast.Module) -> Iterator[str]:
    """What a file imports before anything could keep it from that."""
    for node in tree.body:
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
            yield node.module.partition(".")[0]


def _source(read: Reader, path: PurePosixPath) -> str:
    try:
        return read(path) or ""
    except SourceError:
        return ""
