"""`python_static`: the worker's Python compiles, starts the runpod SDK, and what kind of handler it gives to it."""

from __future__ import annotations

import posixpath
import re
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import PurePosixPath

from janitor.guest.processes.supervisor import ProcessStartError, run
from janitor.inspection.dockerfile.base_images import is_bare
from janitor.inspection.dockerfile.command import makes_files
from janitor.inspection.dockerfile.idle_command import idle_command
from janitor.inspection.dockerfile.image_files import copies_from_elsewhere, inline_files
from janitor.inspection.dockerfile.python_version import only_python, python_version
from janitor.inspection.dockerfile.stages import Run
from janitor.inspection.dockerfile.usage import used_stages
from janitor.inspection.location import Location
from janitor.inspection.python.guarded_imports import guarded_imports
from janitor.inspection.python.health_route import health_route
from janitor.inspection.python.module_places import ModulePlaces
from janitor.inspection.python.python_modules import Reader, SourceError, SyntaxProblem, compile_problem, decoded_source
from janitor.inspection.python.python_source import HandlerKind, WorkerSource, read_worker, search_workers
from janitor.inspection.python.sdk_use import sdk_use
from janitor.inspection.tree import RepositoryTree, UnreadableError
from janitor.protocol.report import Evidence
from janitor.protocol.terms.reason_codes import ReasonCode
from janitor.validator.checks.static.python.program_packages import package_fault, sure_imports
from janitor.validator.checks.static.python.removed_files import removed_need
from janitor.validator.context import CheckContext
from janitor.validator.facts import PythonFacts, StatedFacts
from janitor.validator.findings import Finding, Produced, failed, passed, skipped

_NEWER = tuple(f"python3.{minor}" for minor in range(sys.version_info[1] + 1, sys.version_info[1] + 8))
_COMPILE_LIMIT = timedelta(seconds=20)
_COMPILE = "import sys; compile(open(sys.argv[1], 'rb').read(), sys.argv[1], 'exec')"
_MOST_BYTES = 512 * 1024
"""Of one Python file."""
_MOST_CHARACTERS_OUTSIDE = 512 * 1024
"""Of files that are no part of the worker: compiling them must not take longer than all the rest."""
_ONLY_IN = re.compile(r"only supported in Python")
_FORMATTED = re.compile(r"(?i)(?:\b|^)(?:f|t|rf|fr|rt|tr)[\"']")
_TESTS = re.compile(r"(^|/)(tests?|examples?|\.github)/")


def check_python_static(context: CheckContext, stated: StatedFacts) -> Produced[PythonFacts]:
    """Read the worker's source, from the file that the container starts."""
    tree = stated.tree

    def read(path: PurePosixPath) -> str | None:
        try:
            return decoded_source(tree.read(path, most=_MOST_BYTES)) if tree.is_file(path) else None
        except UnreadableError:
            return None

    found = _read(stated, read)
    worker = found.worker
    # A handler that two start calls give differently is of no one kind.
    kinds = {call.kind for call in worker.start_calls}
    facts = PythonFacts(
        entry=found.entry,
        handler_kind=kinds.pop() if len(kinds) == 1 else HandlerKind.UNKNOWN,
        modules=worker.modules,
        sure_imports=dict(sure_imports(worker, read, tree)),
        sdk=sdk_use(_sources(worker, read)),
        guarded=guarded_imports(_sources(worker, read), _own_modules(stated).__contains__),
    )
    evidence = context.evidence.value("source", _told(found))
    if finding := _idle(stated, evidence):
        return Produced(finding, facts)
    if (worker.problems or worker.start_calls) and (finding := _syntax(context, stated, worker, read, evidence)):
        return Produced(finding, facts)
    if (worker.problems or worker.start_calls) and (finding := _removed(stated, found, read, evidence)):
        return Produced(finding, facts)
    if finding := _packages(stated, found, facts, read, evidence):
        return Produced(finding, facts)
    if worker.start_calls or worker.problems:
        others = _other_problems(tree, worker, read)
        noted = [context.evidence.value("files outside the worker", others)] if others else []
        return Produced(passed(evidence, *noted), facts)
    if stated.is_load_balanced:
        return Produced(_load_balanced(evidence), facts)
    paths = [*worker.modules, *(path for path in _candidates(tree, None) if not _TESTS.search(str(path)))]
    if (route := health_route(paths, read)) is not None:
        evidence = context.evidence.value("source", f"{_told(found)}\nhealth route of a load balancer: {route}")
        return Produced(_load_balanced(evidence), replace(facts, answers_health=True))
    return Produced(_without_start(stated, found, evidence), facts)


def _sources(worker: WorkerSource, read: Reader) -> Iterator[tuple[PurePosixPath, str]]:
    """The worker's files that compile."""
    for path in worker.modules:
        if text := _text(read, path):
            yield path, text


def _own_modules(stated: StatedFacts) -> frozenset[str]:
    """Names that may be modules of the repository, wherever it has them, and that of a relative import."""
    paths = [*(PurePosixPath(path) for path in stated.image_files), *(entry.path for entry in stated.tree.entries)]
    python = [path for path in paths if path.suffix == ".py"]
    return frozenset({".", *(path.stem for path in python), *(part for path in python for part in path.parent.parts)})


@dataclass(frozen=True, kw_only=True)
class _Reading:
    """The worker's files, and how they were come by."""

    worker: WorkerSource
    entry: PurePosixPath | None
    """The first of them."""
    stated: PurePosixPath | None
    """The file that the container starts."""
    other: PurePosixPath | None
    """A file with a start call that the container doesn't start."""


def _read(stated: StatedFacts, read: Reader) -> _Reading:
    """The worker as the container starts it; where that doesn't lead to a start call, as it is found by searching."""
    entry = _entry(stated)
    worker = read_worker(entry, read, _places(stated).find) if entry is not None else None
    if worker is not None and worker.start_calls:
        return _Reading(worker=worker, entry=entry, stated=entry, other=None)
    searched = search_workers(_candidates(stated.tree, entry), read)
    other = searched.start_calls[0].path if searched.start_calls else None
    if worker is None or (other is not None and not worker.problems and not _is_all_there_is(stated, worker)):
        return _Reading(worker=searched, entry=other or entry, stated=entry, other=None)
    return _Reading(worker=worker, entry=entry, stated=entry, other=other)


def _syntax(
    context: CheckContext, stated: StatedFacts, worker: WorkerSource, read: Reader, evidence: Evidence
) -> Finding | None:
    """What of the worker the image's Python surely or possibly doesn't compile."""
    dockerfile = stated.dockerfile
    wanted = python_version(dockerfile) if dockerfile is not None else None
    problems = list(worker.problems)
    if not problems and dockerfile is not None and (only := only_python(dockerfile)) and only < sys.version_info[:2]:
        sources = ((path, read(path)) for path in worker.sure_modules)
        found = (compile_problem(path, text, version=only) for path, text in sources if text is not None)
        problems = [problem for problem in found if problem is not None and _ONLY_IN.search(problem.message)][:1]
    if wanted is None or wanted > sys.version_info[:2]:
        # This interpreter may be the older one: what it refuses can be new, not wrong.
        sure = [problem for problem in problems if _surely_wrong(problem, _text(read, problem.path))]
        open_ = (
            [problem for problem in problems if not _compiles_elsewhere(context, stated.tree, problem)]
            if not sure
            else []
        )
        if not sure and open_:
            said = "an unknown version" if wanted is None else f"{wanted[0]}.{wanted[1]}"
            mine = f"{sys.version_info[0]}.{sys.version_info[1]}"
            reason = f"Python {mine} can't judge code for {said}: {_place(open_[0])}"
            return skipped(ReasonCode.PYTHON_VERSION, reason, evidence)
        problems = sure
    if not problems:
        return None
    first = problems[0]
    location = Location(path=str(first.path), line=first.line, message=first.message)
    return failed(
        ReasonCode.SYNTAX_ERROR, f"a Python file does not compile: {_place(first)}", evidence, locations=[location]
    )


def _removed(stated: StatedFacts, found: _Reading, read: Reader, evidence: Evidence) -> Finding | None:
    """What the program needs in any case, and the build takes out of the image."""
    if found.stated is None or found.stated != found.entry or found.worker.problems:
        return None
    need = removed_need(stated, found.worker, found.entry, read)
    if need is None:
        return None
    dockerfile = str(stated.layout.dockerfile or "Dockerfile")
    locations = [
        Location(path=dockerfile, line=need.line, message=need.text),
        Location(path=str(need.source), line=need.source_line, message=need.text),
    ]
    return failed(ReasonCode.FILE_REMOVED, need.text, evidence, locations=locations)


def _place(problem: SyntaxProblem) -> str:
    return f"{problem.path}, line {problem.line}: {problem.message}"


def _idle(stated: StatedFacts, evidence: Evidence) -> Finding | None:
    """The container surely starts no program that could be a worker, whatever the repository holds."""
    dockerfile = stated.dockerfile
    # A case of the tests can start what the image doesn't.
    if dockerfile is None or any(case.command is not None for case in stated.cases):
        return None
    if (idle := idle_command(dockerfile)) is None:
        return None
    path = str(stated.layout.dockerfile or "Dockerfile")
    location = Location(path=path, line=idle.line, message=idle.text)
    return failed(ReasonCode.COMMAND_STARTS_NOTHING, idle.text, evidence, locations=[location])


def _packages(
    stated: StatedFacts, found: _Reading, facts: PythonFacts, read: Reader, evidence: Evidence
) -> Finding | None:
    """The worker surely imports what its Python surely lacks in the image."""
    fault = package_fault(stated, found.worker, facts.sure_imports, read)
    if fault is None:
        return None
    path = str(stated.layout.dockerfile or "Dockerfile")
    location = Location(path=path, line=fault.line, message=fault.reason)
    return failed(fault.code, fault.reason, evidence, locations=[location])


def _is_all_there_is(stated: StatedFacts, worker: WorkerSource) -> bool:
    """Whether the container surely starts this program and no other, so that a start call elsewhere isn't reached."""
    dockerfile, command = stated.dockerfile, stated.command
    script = command.target.script if command is not None and command.target is not None else None
    if dockerfile is None or command is None or script is None or not command.is_alone or worker.is_open:
        return False
    # The base image's ENTRYPOINT decides what becomes of CMD; a case of the tests can start another program.
    final = dockerfile.final
    is_stated = final.entrypoint is not None or is_bare(final.base_image)
    others = any(case.command is not None for case in stated.cases)
    return is_stated and not others and script in stated.image_files and not final.is_mounted(script)


def _load_balanced(evidence: Evidence) -> Finding:
    return skipped(
        ReasonCode.LOAD_BALANCER, "a load-balanced worker answers HTTP itself and starts no handler", evidence
    )


def _without_start(stated: StatedFacts, found: _Reading, evidence: Evidence) -> Finding:
    """What is started doesn't start the SDK: whether that is a fault depends on where the worker can come from."""
    worker, entry = found.worker, found.entry
    if found.stated is None and (source := _elsewhere(stated)) is not None:
        reason = f"no Python file of the repository starts the runpod SDK, and {source} can bring one that does"
        return skipped(ReasonCode.NOT_IN_REPOSITORY, reason, evidence)
    if found.stated is not None and found.stated not in worker.modules:
        return skipped(ReasonCode.SOURCE_UNREAD, f"{found.stated} is too large to be read", evidence)
    if worker.is_open:
        reason = (
            "no start call was found, and the worker can start other programs and modules than those that were read"
        )
        return skipped(ReasonCode.START_UNCLEAR, reason, evidence)
    if entry is None and stated.layout.dockerfile is None and stated.layout.other_dockerfiles:
        return skipped(
            ReasonCode.DOCKERFILE_NOT_NAMED, "what the container starts depends on which Dockerfile is meant", evidence
        )
    where = "no Python file" if entry is None else f"neither {entry} nor what it imports"
    unused = f"; {found.other} does, and the container doesn't start it" if found.other is not None else ""
    message = f"{where} calls runpod.serverless.start{unused}"
    locations = [Location(path=str(entry), line=1, message=message)] if entry is not None else []
    return failed(ReasonCode.START_CALL_MISSING, message, evidence, locations=locations)


def _elsewhere(stated: StatedFacts) -> str | None:
    """What else than the repository's files can hold the worker."""
    dockerfile, command = stated.dockerfile, stated.command
    if dockerfile is None or command is None:
        return None
    base, script = dockerfile.final.base_image, command.target.script if command.target is not None else None
    if not is_bare(base):
        return f"the base image {base}"
    if copies_from_elsewhere(dockerfile):
        return "a COPY from elsewhere"
    if any(name.endswith(".py") for name in inline_files(dockerfile.final)):
        return "a heredoc of the Dockerfile"
    if script is not None and dockerfile.final.is_mounted(script):
        return f"the volume of {script}"
    if not command.is_sure:
        return f"the start command {command.words[0]}"
    runs = [step for stage in used_stages(dockerfile) for step in stage.steps if isinstance(step, Run)]
    if maker := next((step for step in runs if makes_files(step.command)), None):
        return f"the command in line {maker.line}"
    if command.target is not None and command.target.module is not None:
        return f"the package of {command.target.module}"
    if command.words and command.target is None:
        return f"the program {command.words[0]}"
    return None


def _entry(stated: StatedFacts) -> PurePosixPath | None:
    """The Python file that the container starts, in the repository."""
    command, files = stated.command, stated.image.held if stated.image is not None else {}
    target = command.target if command else None
    if target is None:
        return None
    if target.script is not None:
        if target.script in files:
            return files[target.script]
        name = posixpath.basename(target.script)
        same = [path for path in dict.fromkeys(files.values()) if path.name == name]
        same = same or [entry.path for entry in stated.tree.entries if entry.path.name == name]
        return same[0] if len(same) == 1 else None
    module = posixpath.join(target.workdir, *(target.module or "").split("."))
    return files.get(f"{module}.py") or files.get(f"{module}/__main__.py")


def _places(stated: StatedFacts) -> ModulePlaces:
    """Where a module may be, first by its path in the image."""
    in_image = ((PurePosixPath(path), file) for path, file in stated.image_files.items())
    paths = (entry.path for entry in stated.tree.entries)
    return ModulePlaces([*in_image, *((path, path) for path in paths)])


def _candidates(tree: RepositoryTree, entry: PurePosixPath | None) -> list[PurePosixPath]:
    paths = [item.path for item in tree.entries if item.path.suffix == ".py" and item.path != entry]
    # Tests and examples start workers too; they come last.
    return sorted(paths, key=lambda path: (_TESTS.search(str(path)) is not None, len(path.parts), str(path)))


def _told(found: _Reading) -> str:
    """What was read, in lines."""
    worker, entry = found.worker, found.entry
    lines = [f"entry: {entry or 'unknown'}", f"modules: {', '.join(str(path) for path in worker.modules) or 'none'}"]
    lines += [
        f"start call: {call.path}, line {call.line}; handler {call.handler or 'unnamed'}: {call.kind.value}"
        for call in worker.start_calls
    ]
    lines += [
        f"does not compile: {problem.path}, line {problem.line}: {problem.message}" for problem in worker.problems
    ]
    return "\n".join(lines)


def _compiles_elsewhere(context: CheckContext, tree: RepositoryTree, problem: SyntaxProblem) -> bool:
    """Whether a newer interpreter of this machine compiles the file: its syntax is then new, not wrong."""
    path = tree.root / problem.path
    for name in _NEWER:
        if interpreter := shutil.which(name, path=context.settings.path):
            argv = [interpreter, "-I", "-S", "-c", _COMPILE, str(path)]
            env = {"PATH": context.settings.path}
            try:
                outcome = run(argv, cwd=context.workspace.neutral, env=env, limit=_COMPILE_LIMIT, confined=True)
            except ProcessStartError:
                continue
            if outcome.exit_code == 0:
                return True
    return False


def _surely_wrong(problem: SyntaxProblem, source: str) -> bool:
    """Whether no Python 3 of any version takes this; newer syntax is what is left to doubt about."""
    lines = source.splitlines()
    line = lines[problem.line - 1] if 0 < problem.line <= len(lines) else ""
    if "indent" in problem.message or re.search(r"<<<<<<<|>>>>>>>|=======", line):
        return True
    # Since 3.12 an f-string may hold quotes of its own and go over several lines.
    before = "\n".join(lines[: problem.line])
    if "unterminated" in problem.message or "never closed" in problem.message:
        return _FORMATTED.search(before) is None
    return "print" in problem.message.lower() or "no text in its encoding" in problem.message


def _text(read: Reader, path: PurePosixPath) -> str:
    try:
        return read(path) or ""
    except SourceError:
        return ""


def _other_problems(tree: RepositoryTree, worker: WorkerSource, read: Reader) -> str:
    """Files that don't compile and aren't part of the worker: worth a note, no reason to fail."""
    found: list[str] = []
    room = _MOST_CHARACTERS_OUTSIDE
    for path in _candidates(tree, None)[:500]:
        if path in worker.modules:
            continue
        try:
            source = read(path)
        except SourceError as exc:
            found.append(f"{path}: {exc}")
            continue
        room -= len(source or "")
        if room < 0:
            break
        if source is not None and (problem := compile_problem(path, source)) is not None:
            found.append(f"{path}, line {problem.line}: {problem.message}")
    return "\n".join(found[:20])
