"""`python_static`: the worker's Python compiles, starts the runpod SDK, and what kind of handler it gives to it."""

from __future__ import annotations

import posixpath
import re
import shutil
import sys
from datetime import timedelta
from pathlib import PurePosixPath

from janitor.validator.bench import Bench, given
from janitor.validator.dockerfile.python_version import python_version
from janitor.validator.findings import Finding, Spot, failed, passed, skipped
from janitor.validator.processes.supervisor import ProcessStartError, run
from janitor.validator.repository.python_modules import Reader, SyntaxProblem, compile_problem
from janitor.validator.repository.python_source import HandlerKind, WorkerSource, read_worker, search_workers
from janitor.validator.repository.tree import UnreadableError

_NEWER = tuple(f"python3.{minor}" for minor in range(sys.version_info[1] + 1, sys.version_info[1] + 8))
_COMPILE_LIMIT = timedelta(seconds=20)
_COMPILE = "import sys; compile(open(sys.argv[1], 'rb').read(), sys.argv[1], 'exec')"
_TESTS = re.compile(r"(^|/)(tests?|examples?|\.github)/")


def check_python_static(bench: Bench) -> Finding:
    """Read the worker's source, from the file that the container starts."""
    tree = given(bench.known.tree)

    def read(path: PurePosixPath) -> str | None:
        try:
            return tree.read_text(path) if tree.is_file(path) else None
        except UnreadableError:
            return None

    entry = _entry(bench)
    worker = read_worker(entry, read) if entry is not None else None
    if worker is None or not worker.start_calls:
        searched = search_workers(_candidates(bench, entry), read)
        if worker is None or (searched.start_calls and not worker.problems):
            worker, entry = searched, searched.start_calls[0].path if searched.start_calls else entry
    bench.known.entry, bench.known.modules = entry, worker.modules
    # A handler that two start calls give differently is of no one kind.
    kinds = {call.kind for call in worker.start_calls}
    bench.known.handler_kind = kinds.pop() if len(kinds) == 1 else HandlerKind.UNKNOWN
    evidence = bench.evidence.value("source", "\n".join(_reading(worker, entry)))
    problems = [problem for problem in worker.problems if not _compiles_elsewhere(bench, problem)]
    if problems:
        first = problems[0]
        reason = f"{first.path}, line {first.line}: {first.message}"
        wanted = python_version(given(bench.known.dockerfile)) if bench.known.dockerfile else None
        if wanted is None or wanted > sys.version_info[:2]:
            said = "an unknown version" if wanted is None else f"{wanted[0]}.{wanted[1]}"
            if not _surely_wrong(first, read(first.path) or ""):
                mine = f"{sys.version_info[0]}.{sys.version_info[1]}"
                return skipped("python_version", f"Python {mine} can't judge code for {said}: {reason}", evidence)
        spot = Spot(path=str(first.path), line=first.line, message=first.message)
        return failed("syntax_error", f"a Python file does not compile: {reason}", evidence, spots=[spot])
    if not worker.start_calls and bench.known.load_balancer:
        return skipped("load_balancer", "a load-balanced worker answers HTTP itself and starts no handler", evidence)
    if not worker.start_calls and not worker.problems:
        where = "no Python file" if entry is None else f"neither {entry} nor what it imports"
        message = f"{where} calls runpod.serverless.start"
        spots = [Spot(path=str(entry), line=1, message=message)] if entry is not None else []
        return failed("start_call_missing", message, evidence, spots=spots)
    others = _other_problems(bench, worker, read)
    return passed(evidence, *([bench.evidence.value("files outside the worker", others)] if others else []))


def _entry(bench: Bench) -> PurePosixPath | None:
    """The Python file that the container starts, in the repository."""
    command, files = bench.known.command, bench.known.image_files
    target = command.target if command else None
    if target is None:
        return None
    if target.script is not None:
        if target.script in files:
            return files[target.script]
        name = posixpath.basename(target.script)
        same = [path for path in dict.fromkeys(files.values()) if path.name == name]
        tree = given(bench.known.tree)
        same = same or [entry.path for entry in tree.entries if entry.path.name == name]
        return same[0] if len(same) == 1 else None
    module = posixpath.join(target.workdir, *(target.module or "").split("."))
    return files.get(f"{module}.py") or files.get(f"{module}/__main__.py")


def _candidates(bench: Bench, entry: PurePosixPath | None) -> list[PurePosixPath]:
    paths = [item.path for item in given(bench.known.tree).entries if item.path.suffix == ".py" and item.path != entry]
    # Tests and examples start workers too; they come last.
    return sorted(paths, key=lambda path: (_TESTS.search(str(path)) is not None, len(path.parts), str(path)))


def _reading(worker: WorkerSource, entry: PurePosixPath | None) -> list[str]:
    lines = [f"entry: {entry or 'unknown'}", f"modules: {', '.join(str(path) for path in worker.modules) or 'none'}"]
    lines += [
        f"start call: {call.path}, line {call.line}; handler {call.handler or 'unnamed'}: {call.kind.value}"
        for call in worker.start_calls
    ]
    lines += [
        f"does not compile: {problem.path}, line {problem.line}: {problem.message}" for problem in worker.problems
    ]
    return lines


def _compiles_elsewhere(bench: Bench, problem: SyntaxProblem) -> bool:
    """Whether a newer interpreter of this machine compiles the file: its syntax is then new, not wrong."""
    path = given(bench.known.tree).root / problem.path
    for name in _NEWER:
        if interpreter := shutil.which(name, path=bench.settings.path):
            argv = [interpreter, "-I", "-S", "-c", _COMPILE, str(path)]
            env = {"PATH": bench.settings.path}
            try:
                outcome = run(argv, cwd=bench.workspace.neutral, env=env, limit=_COMPILE_LIMIT, confined=True)
            except ProcessStartError:
                continue
            if outcome.exit_code == 0:
                return True
    return False


def _surely_wrong(problem: SyntaxProblem, source: str) -> bool:
    """Whether no Python 3 of any version takes this; newer syntax is what is left to doubt about."""
    if "print" in problem.message.lower() or "unterminated" in problem.message or "never closed" in problem.message:
        return True
    lines = source.splitlines()
    line = lines[problem.line - 1] if 0 < problem.line <= len(lines) else ""
    return "indent" in problem.message or re.search(r"<<<<<<<|>>>>>>>|=======", line) is not None


def _other_problems(bench: Bench, worker: WorkerSource, read: Reader) -> str:
    """Files that don't compile and aren't part of the worker: worth a note, no reason to fail."""
    found = []
    for path in _candidates(bench, None)[:500]:
        if path not in worker.modules and (source := read(path)) is not None:
            problem = compile_problem(path, source)
            if problem is not None:
                found.append(f"{path}, line {problem.line}: {problem.message}")
    return "\n".join(found[:20])
