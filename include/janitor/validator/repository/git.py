"""Fetches one commit of a repository that nobody vouches for, and says clearly why when it can't.

No hook, no helper program, no settings of the machine and no transport but https, http, ssh and file takes part; git
never asks for a password.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from janitor.validator.engines.trouble import Trouble, world_trouble
from janitor.validator.processes.supervisor import Outcome, ProcessStartError, run
from janitor.validator.settings import Settings

_FULL_SHA = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_SHORT_SHA = re.compile(r"[0-9a-f]{7,63}")
_FETCH_LIMIT = timedelta(minutes=10)
_LIST_LIMIT = timedelta(minutes=2)
_LOCAL_LIMIT = timedelta(minutes=5)
_ATTEMPTS = 2
"""A network that fails once is tried again; the deadline bounds it all."""

_CONFIG = """\
[core]
	hooksPath = /dev/null
	fsmonitor = false
	askPass =
	longpaths = true
[safe]
	directory = *
[credential]
	helper =
[protocol]
	allow = never
[protocol "https"]
	allow = always
[protocol "http"]
	allow = always
[protocol "ssh"]
	allow = always
[protocol "file"]
	allow = always
[submodule]
	recurse = false
[fetch]
	recurseSubmodules = false
	fsckObjects = false
[transfer]
	advertiseSID = false
[http]
	lowSpeedLimit = 1000
	lowSpeedTime = 60
[advice]
	detachedHead = false
[init]
	defaultBranch = main
[gc]
	auto = 0
[maintenance]
	auto = false
"""

_NEEDS_CREDENTIALS = re.compile(
    r"could not read (?:Username|Password)|Authentication failed|returned error: 40[13]|terminal prompts disabled"
    r"|Permission denied \(publickey|HTTP Basic: Access denied|Invalid username or password|No anonymous write access"
    r"|Host key verification failed"
)
_NOT_FOUND = re.compile(
    r"(?i)repository '?[^']*'? not found|returned error: 404|does not appear to be a git repository"
    r"|repository not found|does not exist|not a git repository|project you were looking for could not be found"
)
_UNKNOWN_REF = re.compile(r"couldn't find remote ref|no such ref|not our ref|does not allow request for unadvertised")
_UNMAPPED = re.compile(r"[Nn]o url found for submodule path|no submodule mapping found")
_TRANSPORT_REFUSED = re.compile(r"transport '[^']*' not allowed|remote helper '[^']*'|is not a git command")
_SHALLOW_REFUSED = re.compile(r"does not support (?:shallow|--depth)|dumb http transport")


class GitError(Exception):
    """The commit could not be had.

    Args:
        trouble: Whose fault it is, and why.
        outcome: The git command that showed it.
    """

    def __init__(self, trouble: Trouble, outcome: Outcome | None = None) -> None:
        super().__init__(trouble.reason)
        self.trouble = trouble
        self.outcome = outcome


@dataclass(frozen=True, kw_only=True)
class Checkout:
    """A commit that was checked out."""

    commit_sha: str
    outcome: Outcome
    """The fetch."""
    dirty: tuple[str, ...]
    """What `git status` lists right after the checkout."""
    submodules: tuple[str, ...]
    """One line per submodule: its state, commit and path."""


class Git:
    """The git command, with settings of ours alone.

    Args:
        settings: Of the validator.
        folder: For the settings file and an empty home.
    """

    def __init__(self, settings: Settings, folder: Path) -> None:
        self._folder = folder
        config = folder / "gitconfig"
        config.write_text(_CONFIG)
        self._env = {
            "PATH": settings.path,
            "HOME": str(folder),
            "LC_ALL": "C",
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": str(config),
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_ASKPASS": "",
            "SSH_ASKPASS": "",
            "GIT_SSH_COMMAND": "ssh -oBatchMode=yes -oConnectTimeout=30 -oStrictHostKeyChecking=accept-new",
            "GIT_LFS_SKIP_SMUDGE": "1",
            "GIT_NO_REPLACE_OBJECTS": "1",
            **settings.certificates,
            **settings.proxies,
        }

    def checkout(self, url: str, ref: str | None, target: Path) -> Checkout:
        """Fetch one commit and check it out into `target`, which must not exist yet.

        Args:
            url: Of the repository.
            ref: Branch, tag or SHA; None is the remote's default branch.
            target: The folder to make.

        Raises:
            GitError: The repository, the ref or its content can't be had.
        """
        wanted = self._resolve(url, ref)
        target.mkdir()
        self._local(["init", "--quiet", "."], target)
        fetched, outcome = self._fetch(url, wanted, target)
        self._local(["checkout", "--quiet", "--force", "--detach", fetched], target)
        sha = self._local(["rev-parse", "--verify", "HEAD^{commit}"], target).output.text.strip()
        submodules = self._submodules(url, target)
        status = self._local(["status", "--porcelain=v1", "--untracked-files=all"], target)
        return Checkout(
            commit_sha=sha,
            outcome=outcome,
            dirty=tuple(status.output.text.splitlines()[:50]),
            submodules=submodules,
        )

    def _resolve(self, url: str, ref: str | None) -> str:
        """What to fetch: a full SHA or a full ref name."""
        if ref is not None and _FULL_SHA.fullmatch(ref):
            return ref
        patterns = ["HEAD"] if ref is None else [f"refs/heads/{ref}", f"refs/tags/{ref}", ref]
        if ref is not None and not _safe_ref(ref):
            raise GitError(_fault("unknown_ref", f"{ref!r} is no possible branch, tag or SHA"))
        listed = self._remote(["ls-remote", "--quiet", "--", url, *patterns], limit=_LIST_LIMIT, cwd=self._folder)
        found = [line.split("\t", 1)[1] for line in listed.output.text.splitlines() if "\t" in line]
        for pattern in patterns:
            if pattern in found:
                return pattern
        everything = self._remote(["ls-remote", "--quiet", "--", url], limit=_LIST_LIMIT, cwd=self._folder)
        if not everything.output.text.strip():
            raise GitError(_fault("empty_repository", "the repository has no commit"), everything)
        if ref is None:
            raise GitError(_fault("no_default_branch", "the repository's HEAD names a branch that isn't there"), listed)
        if _SHORT_SHA.fullmatch(ref):
            return ref
        raise GitError(_fault("unknown_ref", f"the repository has no branch, tag or commit {ref!r}"), listed)

    def _fetch(self, url: str, wanted: str, target: Path) -> tuple[str, Outcome]:
        """Fetch as little as the server allows; returns what to check out, and the fetch."""
        # What is fetched first is what FETCH_HEAD then means.
        first = ["HEAD"] if wanted == "HEAD" else []
        whole = [url, *first, "+refs/heads/*:refs/remotes/origin/*", "+refs/tags/*:refs/tags/*"]
        is_short = _SHORT_SHA.fullmatch(wanted) and not _FULL_SHA.fullmatch(wanted)
        if not is_short:
            try:
                outcome = self._remote(["fetch", "--quiet", "--no-tags", "--depth=1", "--", url, wanted], cwd=target)
            except GitError as exc:
                text = exc.outcome.output.text if exc.outcome else ""
                unadvertised = _FULL_SHA.fullmatch(wanted) and exc.trouble.code == "unknown_ref"
                if not unadvertised and not _SHALLOW_REFUSED.search(text):
                    raise
            else:
                return "FETCH_HEAD", outcome
        # A server may refuse a SHA, or to cut the history short; then all of it is needed.
        outcome = self._remote(["fetch", "--quiet", "--", *whole], cwd=target)
        name = wanted.replace("refs/heads/", "refs/remotes/origin/") if wanted != "HEAD" else "FETCH_HEAD"
        try:
            self._local(["rev-parse", "--quiet", "--verify", f"{name}^{{commit}}"], target)
        except GitError as exc:
            raise GitError(_fault("unknown_ref", f"the repository has no commit {wanted!r}"), exc.outcome) from exc
        return name, outcome

    def _submodules(self, url: str, target: Path) -> tuple[str, ...]:
        if not (target / ".gitmodules").is_file():
            return ()
        # A repository on the network has no business with files of this machine.
        local = [] if url.startswith(("file:", "/")) else ["-c", "protocol.file.allow=never"]
        # An address such as ../lib.git is one beside the repository's own, which git knows by its remote alone. Those
        # of inner submodules are beside their own, so that this must not reach them.
        self._remote(["-c", f"remote.origin.url={url}", "submodule", "--quiet", "init"], cwd=target)
        arguments = ["submodule", "update", "--init", "--recursive", "--depth=1", "--quiet"]
        self._remote([*local, *arguments], cwd=target)
        status = self._local(["submodule", "status", "--recursive"], target)
        return tuple(status.output.text.splitlines()[:50])

    def _remote(self, arguments: Sequence[str], *, cwd: Path, limit: timedelta = _FETCH_LIMIT) -> Outcome:
        for attempt in range(1, _ATTEMPTS + 1):
            outcome = self._run(arguments, cwd, limit)
            if outcome.exit_code == 0:
                return outcome
            trouble = remote_trouble(outcome)
            if trouble.repository_at_fault or attempt == _ATTEMPTS:
                break
        raise GitError(trouble, outcome)

    def _local(self, arguments: Sequence[str], cwd: Path) -> Outcome:
        outcome = self._run(arguments, cwd, _LOCAL_LIMIT)
        if outcome.exit_code != 0:
            trouble = world_trouble(outcome.output.text) or _trouble(
                "git_failed", f"git {arguments[0]} failed: {_last_line(outcome)}"
            )
            raise GitError(trouble, outcome)
        return outcome

    def _run(self, arguments: Sequence[str], cwd: Path, limit: timedelta) -> Outcome:
        env: Mapping[str, str] = self._env
        try:
            return run(["git", *arguments], cwd=cwd, env=env, limit=limit, confined=False)
        except ProcessStartError as exc:
            raise GitError(_trouble("git_missing", f"git can't be started on this instance: {exc}")) from exc


def remote_trouble(outcome: Outcome) -> Trouble:
    """Why a git command that talks to a server failed."""
    text = outcome.output.text
    line = _last_line(outcome)
    if outcome.timed_out:
        return _trouble("network", f"git got no answer in {outcome.seconds:.0f} s")
    if _TRANSPORT_REFUSED.search(text):
        return _fault("transport_refused", f"only https, http, ssh and file are fetched from: {line}")
    if _NEEDS_CREDENTIALS.search(text):
        return _fault(
            "needs_credentials", f"the repository is private or does not exist; git was asked to log in: {line}"
        )
    if _UNMAPPED.search(text):
        return _fault("submodule_unmapped", f"a submodule has no address in .gitmodules: {line}")
    if _UNKNOWN_REF.search(text):
        return _fault("unknown_ref", f"the repository has no such branch, tag or commit: {line}")
    if _NOT_FOUND.search(text):
        return _fault("repository_not_found", f"there is no such repository: {line}")
    return world_trouble(text) or _trouble("git_failed", f"git failed: {line}")


def _safe_ref(ref: str) -> bool:
    return not ref.startswith("-") and re.search(r"[\s\x00-\x1f~^:?*\[\\]|\.\.|@\{|//|/$|\.lock$", ref) is None


def _last_line(outcome: Outcome) -> str:
    lines = [line for line in outcome.output.text.splitlines() if line.strip()]
    fatal = [line for line in lines if line.startswith(("fatal:", "remote:", "error:"))]
    return " ".join((fatal or lines or ["it printed nothing"])[-1].split())[:300]


def _fault(code: str, reason: str) -> Trouble:
    return Trouble(repository_at_fault=True, code=code, reason=reason)


def _trouble(code: str, reason: str) -> Trouble:
    return Trouble(repository_at_fault=False, code=code, reason=reason)
