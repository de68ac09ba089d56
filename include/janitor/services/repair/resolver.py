"""Asks a package index through `uv pip compile`: what goes together, and in which versions. Nothing is built or run.

What it is given is rebuilt from a closed grammar, so that no requirement is an option, a path or an address.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory

from janitor.guest.processes.supervisor import Outcome, ProcessStartError, run
from janitor.inspection.install.requirements import normalised
from janitor.inspection.install.resolvable import NotResolvableError, resolvable
from janitor.inspection.tree import UnreadableError
from janitor.services.repair.world import UnknownError

_LIMIT = timedelta(seconds=90)
_PLATFORM = "x86_64-unknown-linux-gnu"
_SOLUTION = re.compile(r"^([A-Za-z0-9][A-Za-z0-9._-]*)==(\S+)", re.MULTILINE)
_NO_SOLUTION = re.compile(
    r"(?i)no solution found|because .{0,400} (?:we can conclude|your requirements are)"
    r"|not found in the package registry"
)
_TROUBLE = re.compile(
    r"(?i)failed to fetch|dns error|connection refused|timed? ?out|error sending request|status code 5\d\d|429"
)


@dataclass(frozen=True, kw_only=True)
class Resolver:
    """An index, asked through uv; see `janitor.services.repair.world.Packages`."""

    folder: Path
    """Ours: for the resolver's home and cache."""
    index_urls: tuple[str, ...]
    """The first is the index, the rest are asked as well."""
    search_path: str
    """PATH; uv is looked for in it."""
    newest: datetime | None = None
    """No file that was uploaded later is looked at; None: all are."""
    variables: Mapping[str, str] = field(default_factory=dict)
    """Further ones: proxies and certificates."""

    @cached_property
    def _answers(
        self,
    ) -> dict[tuple[tuple[str, ...], tuple[str, ...], tuple[int, int] | None], Mapping[str, str] | None]:
        return {}

    def resolved(
        self, requirements: Sequence[str], *, constraints: Sequence[str] = (), python: tuple[int, int] | None
    ) -> Mapping[str, str] | None:
        """See `Packages`."""
        key = (tuple(requirements), tuple(constraints), python)
        if key not in self._answers:
            self._answers[key] = self._ask(requirements, constraints, python)
        return self._answers[key]

    def _ask(
        self, requirements: Sequence[str], constraints: Sequence[str], python: tuple[int, int] | None
    ) -> Mapping[str, str] | None:
        wanted, limits = _rebuilt(requirements), _rebuilt(constraints)
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Others may ask at the same time, from the same folder.
        with TemporaryDirectory(prefix="asked-", dir=self.folder) as name:
            given, bounds = Path(name) / "requirements.in", Path(name) / "constraints.in"
            given.write_text(wanted, encoding="ascii")
            bounds.write_text(limits, encoding="ascii")
            outcome = self._run(given, bounds, python)
        text = outcome.output.text
        if outcome.exit_code == 0:
            return {normalised(name): version for name, version in _SOLUTION.findall(text)}
        if outcome.timed_out or _TROUBLE.search(text) or not _NO_SOLUTION.search(" ".join(text.split())):
            said = (text.strip().splitlines() or ["it printed nothing"])[-1]
            raise UnknownError(f"the package index doesn't tell: {said[:200]}")
        return None

    def _run(self, given: Path, bounds: Path, python: tuple[int, int] | None) -> Outcome:
        version = python or (sys.version_info[0], sys.version_info[1])
        argv = ["uv", "pip", "compile", "--no-build", "--no-header", "--no-annotate", "--quiet", "--no-config"]
        argv += ["--python", sys.executable, "--python-version", f"{version[0]}.{version[1]}"]
        argv += ["--python-platform", _PLATFORM, "--index-strategy", "unsafe-best-match"]
        argv += ["--default-index", self.index_urls[0], *(f"--index={url}" for url in self.index_urls[1:])]
        if self.newest is not None:
            argv += ["--exclude-newer", self.newest.isoformat()]
        argv += ["--constraint", str(bounds), str(given)]
        environment = {
            **self.variables,
            "PATH": self.search_path,
            "HOME": str(self.folder),
            "UV_CACHE_DIR": str(self.folder / "cache"),
            "UV_NO_PROGRESS": "1",
            "UV_HTTP_RETRIES": "1",
            "UV_NO_PYTHON_DOWNLOADS": "1",
            "LANG": "C.UTF-8",
        }
        try:
            return run(argv, cwd=self.folder, env=environment, limit=_LIMIT, confined=False)
        except ProcessStartError as exc:
            raise UnknownError(f"uv can't be started: {exc}") from exc


def _rebuilt(requirements: Sequence[str]) -> str:
    """Lines that hold names, versions and markers alone.

    Raises:
        UnknownError: One of them is more than that.
    """

    def read(path: str) -> bytes:
        raise UnreadableError(f"{path} isn't read")

    if options := [each for each in requirements if each.startswith("-")]:
        raise UnknownError(f"what is asked for isn't understood: {options[0]}")
    try:
        found = resolvable(list(requirements), read=read)
    except (NotResolvableError, UnreadableError) as exc:
        raise UnknownError(f"what is asked for isn't understood: {exc}") from exc
    return "".join(f"{line}\n" for line in found.requirements)
