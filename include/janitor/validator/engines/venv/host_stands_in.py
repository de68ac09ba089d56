"""Where this machine stands in for the image: the libraries that packages need, the tools that the worker starts, and
the rights of its user. A library that the image surely lacks is the repository's fault; the rest is not proven."""

from __future__ import annotations

import posixpath
from pathlib import Path

from janitor.inspection.dockerfile.lexer import lex
from janitor.inspection.location import Location
from janitor.inspection.provision.system.state import Missing, path_folders
from janitor.inspection.python.started_tools import started_tools
from janitor.inspection.tree import UnreadableError
from janitor.protocol.terms.proven import UnprovenKind
from janitor.protocol.terms.reason_codes import ReasonCode
from janitor.validator.engines.venv.host_libraries import InstalledLibraries
from janitor.validator.facts import WorkerFacts
from janitor.validator.findings import Finding, failed

_ROOT = frozenset({"root", "0"})
_MOST_LIBRARIES, _MOST_TOOLS = 12, 12


def judged_by_host(finding: Finding, facts: WorkerFacts, environment: Path) -> Finding:
    """The build's finding, with what this machine has and the image may not have.

    Args:
        finding: That of a build that has passed.
        facts: The worker.
        environment: The folder of its Python environment.
    """
    folder = next(iter(sorted(environment.glob("lib/python3*/site-packages"))), None)
    if folder is not None:
        libraries = InstalledLibraries(folder)
        state = facts.image.provision.final
        imported = facts.python.sure_imports if facts.python is not None else {}
        if (fault := libraries.fault(imported, state)) is not None:
            path = imported.get(fault.module)
            location = Location(path=str(path or facts.image.path), line=None, message=fault.text)
            text = f"{fault.text} ({path} imports it)" if path is not None else fault.text
            return failed(ReasonCode.LIBRARY_MISSING, text, *finding.evidence, locations=[location])
        for each in libraries.stand_ins(state)[:_MOST_LIBRARIES]:
            lacks = ", which the image surely lacks" if each.is_lacking else ""
            text = f"this machine's {each.library} stood in for the image's{lacks}: {each.needed_by} needs it"
            finding = finding.left_unproven(UnprovenKind.HOST, text)
    return _tools(_user(finding, facts), facts)


def _user(finding: Finding, facts: WorkerFacts) -> Finding:
    user = facts.image.dockerfile.final.user
    if user is None or user.partition(":")[0] in _ROOT:
        return finding
    instructions = lex(facts.image.dockerfile.text).instructions
    line = max((each.line for each in instructions if each.keyword == "USER"), default=None)
    text = f"the image's user is {user}: what that user may read and write there was not tried"
    return finding.left_unproven(UnprovenKind.HOST, text, file=str(facts.image.path), line=line)


def _tools(finding: Finding, facts: WorkerFacts) -> Finding:
    """Programs that the worker starts and that the image surely lacks, whatever this machine has."""
    final, state = facts.image.dockerfile.final, facts.image.provision.final
    folders = path_folders(final.environment)
    told = 0
    for path in facts.python.modules if facts.python is not None else ():
        try:
            tools = started_tools(facts.tree.read_text(path))
        except UnreadableError:
            continue
        for each in tools:
            held = any(facts.image.holds(posixpath.join(folder, each.name)) for folder in folders or ())
            if told < _MOST_TOOLS and isinstance(state.look_up(each.name, folders, holds_file=held), Missing):
                told += 1
                text = f"the worker starts {each.name}, which the image surely lacks; this machine's stood in"
                finding = finding.left_unproven(UnprovenKind.HOST, text, file=str(path), line=each.line)
    return finding
