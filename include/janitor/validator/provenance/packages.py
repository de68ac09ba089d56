"""The Python packages of an environment, as its own interpreter lists them."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from janitor.protocol.terms.provenance import (
    MAX_NOTE_CHARACTERS,
    MAX_PACKAGE_CHARACTERS,
    MAX_PACKAGE_VERSION_CHARACTERS,
    MAX_PACKAGES,
    MAX_PYTHON_CHARACTERS,
    Packages,
    Provenance,
)
from janitor.validator.provenance.telling import Tell

PACKAGES_LIMIT = timedelta(seconds=20)
"""For one try of the list; a container of a large image takes a while to start."""

_MOST_BYTES = 256 * 1024
"""Of all names and versions: five times what two thousand ordinary ones take, and far less than a report may have."""

PACKAGES_PROBE = f"""\
import sys
# What lies where it starts must not take the place of what it needs itself.
here = sys.path.pop(0) if sys.path[:1] == [""] else None
import json
found = {{}}
def add(name, version):
    if name and version:
        found.setdefault(str(name)[:{MAX_PACKAGE_CHARACTERS}], str(version)[:{MAX_PACKAGE_VERSION_CHARACTERS}])
try:
    from importlib.metadata import distributions
    sys.path[:0] = [here] if here is not None else []
    for each in distributions():
        try:
            add(each.metadata["Name"], each.version)
        except Exception:
            pass
except ImportError:
    import pkg_resources  # its working set is of the moment of its import
    for each in pkg_resources.working_set:
        add(each.project_name, each.version)
listed = sorted(found.items(), key=lambda pair: (pair[0].lower(), pair))
facts = {{"python": sys.version.split()[0], "versions": listed[:{MAX_PACKAGES}], "count": len(listed)}}
print()
print(json.dumps(facts))
"""
"""Python 3.6 and newer. What comes first on the search path is what is imported, and so what is listed. Its last line
is JSON."""


def listed_packages(run: Callable[[str, timedelta], str], tell: Tell) -> Provenance:
    """The packages of a worker's environment, or a note why they aren't known; no failure is one of the validation.

    Args:
        run: Runs a program with the environment's interpreter within a time, and gives what it printed.
        tell: Cleans words of the repository.
    """
    try:
        output = run(PACKAGES_PROBE, PACKAGES_LIMIT)
    except Exception as exc:
        return _unlisted(f"{type(exc).__name__}: {exc}", tell)
    packages = read_packages(output, tell)
    return _unlisted(output, tell) if packages is None else Provenance(packages=packages)


def _unlisted(said: str, tell: Tell) -> Provenance:
    lines = [line for line in said.splitlines() if line.strip()] or ["nothing was printed"]
    return Provenance(notes=(tell(f"the packages could not be listed: {lines[-1]}", MAX_NOTE_CHARACTERS),))


def read_packages(output: str, tell: Tell) -> Packages | None:
    """What the probe listed; None where there is no list in its output.

    Args:
        output: Of an interpreter that nobody vouches for.
        tell: Cleans words of the repository.
    """
    facts = _last_object(output)
    listed, count, python = facts.get("versions"), facts.get("count"), facts.get("python")
    if not isinstance(listed, list) or not isinstance(python, str) or not python.strip():
        return None
    versions: dict[str, str] = {}
    size = 0
    for index, pair in enumerate(listed[:MAX_PACKAGES]):
        if not (isinstance(pair, list) and len(pair) == 2 and all(isinstance(word, str) for word in pair)):
            continue
        name = tell(pair[0], MAX_PACKAGE_CHARACTERS)
        version = tell(pair[1], MAX_PACKAGE_VERSION_CHARACTERS)
        size += len(json.dumps([name, version], ensure_ascii=False).encode())
        if size > _MOST_BYTES:
            listed = listed[:index]
            break
        if name and version:
            versions.setdefault(name, version)
    more = count - len(listed) if isinstance(count, int) and not isinstance(count, bool) else 0
    return Packages(
        python=tell(python, MAX_PYTHON_CHARACTERS) or "unknown",
        versions=dict(sorted(versions.items(), key=lambda pair: (pair[0].lower(), pair))),
        left_out=min(max(more, 0), 10**6),
    )


def _last_object(output: str) -> dict[str, Any]:
    for line in reversed(output.splitlines()):
        if line.startswith("{"):
            try:
                value = json.loads(line)
            except (ValueError, RecursionError):
                return {}
            return value if isinstance(value, dict) else {}
    return {}
