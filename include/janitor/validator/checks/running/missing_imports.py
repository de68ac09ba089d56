"""Which of the modules that a worker does without are missing in what was built, as its own interpreter finds them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from datetime import timedelta

from janitor.guest.processes.supervisor import Outcome
from janitor.protocol.terms.proven import UnprovenKind
from janitor.protocol.terms.reason_codes import ReasonCode
from janitor.validator.engine import BuiltWorker, EngineError
from janitor.validator.findings import Finding

_LIMIT = timedelta(seconds=20)
_PROBE = """\
import importlib.util, json, sys
missing = []
for name in json.loads(NAMES):
    try:
        found = importlib.util.find_spec(name) is not None
    except Exception:
        found = name in sys.modules
    if not found:
        missing.append(name)
print()
print(json.dumps({"missing": missing}))
"""


def with_missing_imports(finding: Finding, worker: BuiltWorker) -> Finding:
    """The finding of a build with a note for each import that goes another way there than it was written for.

    Where the image has packages that this place hasn't, a missing module shows nothing and is left unproven.
    """
    python = worker.facts.python
    guarded = python.guarded if python is not None else ()
    names = [name for each in guarded for name in (each.module, *each.alternatives)]
    missing = missing_modules(names, worker.run_python) if names else frozenset()
    is_open = any(gap.is_deep for gap in worker.place.gaps)
    for each in guarded:
        if each.module not in missing or any(name not in missing for name in each.alternatives):
            continue
        place = str(each.path)
        if is_open:
            text = f"whether the image has {each.module}, without which {place} does something else"
            finding = finding.left_unproven(UnprovenKind.HOST, text, file=place, line=each.line)
            continue
        text = f"{place} does something else without {each.module}, which nothing installs: that is what was tested"
        finding = finding.noted(ReasonCode.GUARDED_IMPORT_MISSING, text, file=place, line=each.line)
    return finding


def missing_modules(names: Iterable[str], run: Callable[[str, timedelta], Outcome]) -> frozenset[str]:
    """Those of the modules that the environment doesn't have; none where it can't be asked.

    Args:
        names: Top-level names.
        run: Runs a program with the environment's interpreter within a time.
    """
    listed = json.dumps(sorted(set(names)))
    try:
        outcome = run(_PROBE.replace("NAMES", repr(listed)), _LIMIT)
    except EngineError:
        return frozenset()
    last = outcome.output.text.strip().rpartition("\n")[2]
    try:
        answer = json.loads(last)
    except (ValueError, RecursionError):
        return frozenset()
    found = answer.get("missing") if isinstance(answer, dict) else None
    return frozenset(name for name in found if isinstance(name, str)) if isinstance(found, list) else frozenset()
