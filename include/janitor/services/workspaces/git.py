"""git, as maintenance runs it: bounded in time, size and output, in a process group and an environment of its own.

A git that outlives its caller is found by its mark (`janitor.guest.processes.marked`).
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

from janitor.domain.errors import WorkspaceError
from janitor.guest.git_settings import CONFIG, ENVIRONMENT, overriding
from janitor.guest.processes.supervisor import LineSink, Outcome, ProcessStartError, run

LOCAL_LIMIT = timedelta(minutes=5)
FETCH_LIMIT = timedelta(minutes=15)
_TRANSPORTS = frozenset({"https", "http", "file"})
_OVERRIDES = (
    ("core.hooksPath", "/dev/null"),
    ("core.fsmonitor", "false"),
    ("core.untrackedCache", "false"),
    ("core.logAllRefUpdates", "false"),
    # A link would lead out of the tree: here it is a small file that says where to.
    ("core.symlinks", "false"),
    ("core.autocrlf", "false"),
    ("gc.auto", "0"),
    ("maintenance.auto", "false"),
    ("commit.gpgSign", "false"),
    ("fetch.unpackLimit", "1"),
)
_BOUNDED = ("sh", "-c", 'ulimit -f "$0" && exec "$@"')
_WITHOUT_WARNINGS = ("sh", "-c", 'exec "$@" 2>/dev/null', "sh")
_BLOCK_BYTES = 512
"""Source: POSIX, `ulimit -f`."""
_MOST_LISTED_BYTES = 256 * 1024 * 1024


@dataclass(frozen=True, kw_only=True)
class Git:
    """Runs git with the settings of `janitor.guest.git_settings`, and none else."""

    folder: Path
    """Ours: for the settings file and an empty home."""
    search_path: str
    """PATH."""
    largest_file_bytes: int = 4 * 2**30
    """No file that git writes gets larger; a pack holds all that a fetch brings."""
    more: Mapping[str, str] = field(default_factory=dict)
    """Further variables: marks, and where git's folders are."""
    settings: Sequence[tuple[str, str]] = ()
    """Further settings, which go before all others."""

    def prepare(self) -> None:
        """Write the settings file anew, so that nobody else's change of it counts.

        Raises:
            WorkspaceError: The folder can't be written.
        """
        try:
            (self.folder / "home").mkdir(mode=0o700, parents=True, exist_ok=True)
            temporary = self.folder / f".{secrets.token_hex(8)}.new"
            temporary.write_text(CONFIG, encoding="utf-8")
            temporary.replace(self.folder / "gitconfig")
        except OSError as exc:
            raise WorkspaceError(f"{self.folder} can't be written: {exc.strerror}; is the disk full?") from exc

    def __call__(
        self, *arguments: str, cwd: Path, limit: timedelta = LOCAL_LIMIT, env: Mapping[str, str] | None = None
    ) -> Outcome:
        """Run git to its end.

        Raises:
            WorkspaceError: It can't be started, failed, or was not ready in time.
        """
        return self._checked(self.attempt(*arguments, cwd=cwd, limit=limit, env=env), arguments)

    def attempt(
        self, *arguments: str, cwd: Path, limit: timedelta = LOCAL_LIMIT, env: Mapping[str, str] | None = None
    ) -> Outcome:
        """Run git to its end, whichever that is.

        Raises:
            WorkspaceError: It can't be started.
        """
        return self._run(arguments, cwd=cwd, limit=limit, env=env)

    def listed(self, *arguments: str, cwd: Path, env: Mapping[str, str] | None = None) -> list[bytes]:
        """What git lists with NULs.

        Raises:
            WorkspaceError: As above, or it lists more than is read.
        """
        content = self.output(*arguments, cwd=cwd, env=env, most_bytes=_MOST_LISTED_BYTES)
        return [each for each in content.split(b"\0") if each]

    def output(self, *arguments: str, cwd: Path, most_bytes: int, env: Mapping[str, str] | None = None) -> bytes:
        """What git prints, byte for byte and without its warnings.

        Raises:
            WorkspaceError: As above, or it prints more than `most_bytes`.
        """
        content, size = bytearray(), 0

        def take(piece: bytes) -> None:
            nonlocal size
            size += len(piece)
            if size <= most_bytes:
                content.extend(piece)

        self._checked(self._run(arguments, cwd=cwd, limit=LOCAL_LIMIT, env=env, sink=take), arguments)
        if size > most_bytes:
            raise WorkspaceError(f"git {arguments[0]} printed more than {most_bytes} bytes; that is not read")
        return bytes(content)

    def _run(
        self,
        arguments: Sequence[str],
        *,
        cwd: Path,
        limit: timedelta,
        env: Mapping[str, str] | None,
        sink: LineSink | None = None,
    ) -> Outcome:
        variables = {
            "PATH": self.search_path,
            "HOME": str(self.folder / "home"),
            "GIT_CONFIG_GLOBAL": str(self.folder / "gitconfig"),
            "GIT_OPTIONAL_LOCKS": "0",
            "GIT_NO_LAZY_FETCH": "1",
            **ENVIRONMENT,
            **overriding((*_OVERRIDES, *self.settings)),
            **self.more,
            **(env or {}),
        }
        argv = [*_BOUNDED, str(self.largest_file_bytes // _BLOCK_BYTES)]
        argv += [*(_WITHOUT_WARNINGS if sink is not None else ()), "git", *arguments]
        try:
            return run(argv, cwd=cwd, env=variables, limit=limit, confined=False, sink=sink)
        except ProcessStartError as exc:
            raise WorkspaceError(f"git can't be started: {exc}; install git, or set PATH") from exc

    def _checked(self, outcome: Outcome, arguments: Sequence[str]) -> Outcome:
        if outcome.exit_code == 0:
            return outcome
        how = "was not ready" if outcome.timed_out else f"ended with {outcome.exit_code}"
        lines = [line for line in outcome.output.text.splitlines() if line.strip()]
        said = " ".join((lines or ["it printed nothing"])[-1].split())[:300]
        raise WorkspaceError(f"git {arguments[0]} {how} after {outcome.seconds:.0f} s: {said}")


def transport_of(url: str) -> str:
    """The one transport that a repository's address needs.

    Raises:
        WorkspaceError: It is none that maintenance fetches from, or the address holds a login.
    """
    parts = urlsplit(url)
    if parts.scheme not in _TRANSPORTS:
        raise WorkspaceError(f"repositories are fetched by {', '.join(sorted(_TRANSPORTS))}, not by {parts.scheme!a}")
    if "@" in parts.netloc:
        raise WorkspaceError("a repository's address may not hold a login; name a secret in the config")
    return parts.scheme
