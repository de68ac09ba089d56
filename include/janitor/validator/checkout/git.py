"""Fetches one commit of a repository that nobody vouches for, and says clearly why when it can't.

No hook, no helper program, no settings of the machine and no key of it takes part, and no transport but that of the
repository's own address: https, http, ssh without a key, file. Its submodules are fetched one by one, each from where
`janitor.validator.checkout.submodules` lets it. git never asks for a password.
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

from janitor.diagnosis.failure_rules import world_trouble
from janitor.diagnosis.rules.git import GIT
from janitor.diagnosis.rules.rule import Trouble
from janitor.guest.git_settings import CONFIG, ENVIRONMENT
from janitor.guest.processes.supervisor import LineSink, Outcome, ProcessStartError, run
from janitor.protocol.order.patch import Patch
from janitor.protocol.terms.reason_codes import ReasonCode
from janitor.validator.checkout.patching import moved_hunk, path_within, refusal_of
from janitor.validator.checkout.submodules import (
    DEEPEST,
    MOST_SUBMODULES,
    Source,
    Submodule,
    SubmoduleError,
    SubmoduleSources,
    named_submodules,
    transport_of,
)
from janitor.validator.provenance.commit import COMMIT_FORMAT
from janitor.validator.settings import Settings

_FULL_SHA = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_SHORT_SHA = re.compile(r"[0-9a-f]{7,63}")
_FETCH_LIMIT = timedelta(minutes=10)
_LIST_LIMIT = timedelta(minutes=2)
_LOCAL_LIMIT = timedelta(minutes=5)
_DESCRIBE_LIMIT = timedelta(seconds=10)
_ATTEMPTS = 2
"""A network that fails once is tried again; the deadline bounds it all."""

_SSH = (
    *("ssh", "-F", "/dev/null", "-oBatchMode=yes", "-oConnectTimeout=30", "-oStrictHostKeyChecking=accept-new"),
    *("-oIdentityFile=none", "-oIdentitiesOnly=yes", "-oIdentityAgent=none", "-oPubkeyAuthentication=no"),
    *("-oGSSAPIAuthentication=no", "-oHostbasedAuthentication=no", "-oGlobalKnownHostsFile=/dev/null"),
    *("-oControlMaster=no", "-oControlPath=none", "-oProxyCommand=none", "-oPermitLocalCommand=no"),
    *("-oForwardAgent=no", "-oClearAllForwardings=yes"),
)
"""ssh takes its user's home from the user database, not from HOME, so that each of its files is named away.
Source: ssh_config(5)."""
_MOST_LISTED_BYTES = 64 * 1024 * 1024
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
    described: str
    """What git shows of the commit in `COMMIT_FORMAT`; empty where it shows nothing."""


class Git:
    """The git command, with settings of ours alone.

    Args:
        settings: Of the validator.
        folder: For the settings file and an empty home.
    """

    def __init__(self, settings: Settings, folder: Path) -> None:
        self._folder = folder
        self._settings = settings
        config = folder / "gitconfig"
        ssh = [*_SSH, f"-oUserKnownHostsFile={folder / 'known_hosts'}"]
        config.write_text(CONFIG)
        self._env = {
            "PATH": settings.path,
            "HOME": str(folder),
            "GIT_CONFIG_GLOBAL": str(config),
            "GIT_SSH_COMMAND": shlex.join(ssh),
            "GIT_SSH_VARIANT": "ssh",
            **ENVIRONMENT,
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
        self._env = {**self._env, "GIT_ALLOW_PROTOCOL": transport_of(url)}
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
            described=self._described(target),
        )

    def apply(self, patch: Patch, target: Path) -> None:
        """Apply a patch to the files of a checkout, as a whole or not at all; git's own index stays as it was.

        Args:
            patch: Against the commit that is checked out.
            target: The checkout.

        Raises:
            GitError: It can't be applied; nobody is blamed.
        """
        if why := refusal_of(patch.text):
            raise GitError(_unapplied(why))
        file = self._folder / "patch"
        file.write_bytes(patch.text.encode())
        try:
            # With what a file system that ignores case, or some characters, takes for `.git`.
            words = ["-c", "core.protectHFS=true", "-c", "core.protectNTFS=true", "apply", "--whitespace=nowarn"]
            changed = self._patch_output([*words, "--numstat", "-z", str(file)], target)
            paths = [each.split("\t")[-1] for each in changed]
            staged = self._patch_output(["ls-files", "--stage", "-z"], target)
            links = [each.partition("\t")[2] for each in staged if each.startswith("160000 ")]
            if inside := path_within(paths, links):
                raise GitError(_unapplied(f"{inside[:200]!a} lies in a submodule, which is another repository's"))
            for more in (["--check", "--verbose"], []):
                outcome = self._run([*words, *more, str(file)], target, _LOCAL_LIMIT)
                if outcome.exit_code != 0:
                    raise GitError(_unapplied(_refused_line(outcome)), outcome)
                if hunk := moved_hunk(outcome.output.text):
                    raise GitError(_unapplied(f"its hunk {hunk} belongs elsewhere in its file"), outcome)
        finally:
            file.unlink()

    def _patch_output(self, arguments: Sequence[str], folder: Path) -> list[str]:
        content, outcome = self._content(arguments, folder)
        if content is None:
            raise GitError(_unapplied(_refused_line(outcome)), outcome)
        return content

    def _described(self, target: Path) -> str:
        """What the repository says of its commit decides nothing, so a failure is no error."""
        words = ["show", "--no-patch", "--no-notes", "--no-show-signature", "--encoding=UTF-8"]
        shown = self._run([*words, f"--format={COMMIT_FORMAT}", "HEAD"], target, _DESCRIBE_LIMIT)
        return shown.output.text if shown.exit_code == 0 else ""

    def _resolve(self, url: str, ref: str | None) -> str:
        """What to fetch: a full SHA or a full ref name."""
        if ref is not None and _FULL_SHA.fullmatch(ref):
            return ref
        patterns = ["HEAD"] if ref is None else [f"refs/heads/{ref}", f"refs/tags/{ref}", ref]
        if ref is not None and not _safe_ref(ref):
            raise GitError(_fault(ReasonCode.UNKNOWN_REF, f"{ref!r} is no possible branch, tag or SHA"))
        listed = self._remote(["ls-remote", "--quiet", "--", url, *patterns], limit=_LIST_LIMIT, cwd=self._folder)
        found = [line.split("\t", 1)[1] for line in listed.output.text.splitlines() if "\t" in line]
        for pattern in patterns:
            if pattern in found:
                return pattern
        everything = self._remote(["ls-remote", "--quiet", "--", url], limit=_LIST_LIMIT, cwd=self._folder)
        if not everything.output.text.strip():
            raise GitError(_fault(ReasonCode.EMPTY_REPOSITORY, "the repository has no commit"), everything)
        if ref is None:
            raise GitError(
                _fault(ReasonCode.NO_DEFAULT_BRANCH, "the repository's HEAD names a branch that isn't there"), listed
            )
        if _SHORT_SHA.fullmatch(ref):
            return ref
        raise GitError(_fault(ReasonCode.UNKNOWN_REF, f"the repository has no branch, tag or commit {ref!r}"), listed)

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
                unadvertised = _FULL_SHA.fullmatch(wanted) and exc.trouble.code == ReasonCode.UNKNOWN_REF
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
            raise GitError(
                _fault(ReasonCode.UNKNOWN_REF, f"the repository has no commit {wanted!r}"), exc.outcome
            ) from exc
        return name, outcome

    def _submodules(self, url: str, target: Path) -> tuple[str, ...]:
        """Fetch the submodules, those of submodules after them, and list them.

        Raises:
            GitError: One can't be had, or may not be fetched.
        """
        if not (target / ".gitmodules").is_file():
            return ()
        try:
            sources = SubmoduleSources(self._settings, url)
            left, count = [(target, url, 0)], 0
            while left:
                folder, address, depth = left.pop(0)
                for module in self._modules(folder):
                    count += 1
                    if count > MOST_SUBMODULES or depth >= DEEPEST:
                        most = f"more than {MOST_SUBMODULES}, or more than {DEEPEST} within each other"
                        raise GitError(_trouble(ReasonCode.SUBMODULE_LIMIT, f"there are too many submodules: {most}"))
                    source = sources.source(module, parent=address)
                    self._fetch_submodule(module, source, folder)
                    left.append((folder / module.path, source.url, depth + 1))
        except SubmoduleError as exc:
            raise GitError(exc.trouble) from exc
        if count == 0:
            return ()
        status = self._local(["submodule", "status", "--recursive"], target)
        return tuple(status.output.text.splitlines()[:50])

    def _modules(self, folder: Path) -> list[Submodule]:
        """The submodules of the commit that is checked out in a folder.

        Raises:
            GitError: .gitmodules can't be read.
            SubmoduleError: It says what isn't followed.
        """
        if not (folder / ".gitmodules").is_file():
            return []
        listed = self._listed(["ls-tree", "-r", "-z", "--full-tree", "HEAD"], folder)
        links = [entry.partition("\t")[2] for entry in listed if entry.startswith("160000 ")]
        # The committed text: a file in its place could be a link.
        settings = self._listed(["config", "--blob", "HEAD:.gitmodules", "--no-includes", "--list", "-z"], folder)
        pairs = [entry.partition("\n") for entry in settings]
        return named_submodules([(name, value) for name, _, value in pairs], links)

    def _listed(self, arguments: Sequence[str], folder: Path) -> list[str]:
        """What git lists with NULs of .gitmodules."""
        content, outcome = self._content(arguments, folder)
        if content is None:
            reason = f".gitmodules can't be read: {_last_line(outcome)}"
            raise GitError(_fault(ReasonCode.SUBMODULE_INVALID, reason), outcome)
        return content

    def _content(self, arguments: Sequence[str], folder: Path) -> tuple[list[str] | None, Outcome]:
        """What git lists with NULs; None where it fails, or lists more than is read."""
        content = bytearray()

        def take(piece: bytes) -> None:
            if len(content) <= _MOST_LISTED_BYTES:
                content.extend(piece)

        outcome = self._run(arguments, folder, _LOCAL_LIMIT, sink=take)
        if outcome.exit_code != 0 or len(content) > _MOST_LISTED_BYTES:
            return None, outcome
        return [os.fsdecode(each) for each in bytes(content).split(b"\0") if each], outcome

    def _fetch_submodule(self, module: Submodule, source: Source, folder: Path) -> None:
        if (folder / module.path).resolve() != folder.resolve() / module.path:
            raise GitError(_fault(ReasonCode.SUBMODULE_INVALID, f"the submodule {module.path!a} lies behind a link"))
        # Our own settings go before those of .gitmodules, of which nothing is taken but what was judged.
        for key, value in (("url", source.url), ("update", "checkout"), ("active", "true")):
            self._local(["config", "--local", f"submodule.{module.name}.{key}", value], folder)
        config = self._folder / "gitconfig-submodule"
        pinned = f"\tcurloptResolve = {source.pinned}\n" if source.pinned else ""
        config.write_text(f"{CONFIG}[http]\n\tfollowRedirects = false\n{pinned}")
        env = {"GIT_CONFIG_GLOBAL": str(config), "GIT_ALLOW_PROTOCOL": source.transport}
        arguments = ["submodule", "--quiet", "update", "--depth=1", "--", module.path]
        try:
            self._remote(arguments, cwd=folder, more=env)
        except GitError as exc:
            what = f"the submodule {module.path!a} ({source.shown}): {exc.trouble.reason}"
            raise GitError(replace(exc.trouble, reason=what), exc.outcome) from exc

    def _remote(
        self,
        arguments: Sequence[str],
        *,
        cwd: Path,
        limit: timedelta = _FETCH_LIMIT,
        more: Mapping[str, str] | None = None,
    ) -> Outcome:
        for attempt in range(1, _ATTEMPTS + 1):
            outcome = self._run(arguments, cwd, limit, more=more)
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
                ReasonCode.GIT_FAILED, f"git {arguments[0]} failed: {_last_line(outcome)}"
            )
            raise GitError(trouble, outcome)
        return outcome

    def _run(
        self,
        arguments: Sequence[str],
        cwd: Path,
        limit: timedelta,
        *,
        more: Mapping[str, str] | None = None,
        sink: LineSink | None = None,
    ) -> Outcome:
        env = {**self._env, **(more or {})}
        try:
            return run(["git", *arguments], cwd=cwd, env=env, limit=limit, confined=False, sink=sink)
        except ProcessStartError as exc:
            raise GitError(_trouble(ReasonCode.GIT_MISSING, f"git can't be started on this instance: {exc}")) from exc


def remote_trouble(outcome: Outcome) -> Trouble:
    """Why a git command that talks to a server failed."""
    text = outcome.output.text
    line = _last_line(outcome)
    if outcome.timed_out:
        return _trouble(ReasonCode.NETWORK, f"git got no answer in {outcome.seconds:.0f} s")
    if rule := next((rule for rule in GIT if rule.pattern.search(text)), None):
        return rule.trouble(line)
    return world_trouble(text) or _trouble(ReasonCode.GIT_FAILED, f"git failed: {line}")


def _unapplied(why: str) -> Trouble:
    return _trouble(ReasonCode.PATCH_UNAPPLIED, f"the patch can't be applied to the commit: {why}")


def _refused_line(outcome: Outcome) -> str:
    """The first thing that git has against a patch."""
    said = [each for each in outcome.output.text.splitlines() if each.startswith(("error:", "fatal:"))]
    # The lines that it searched for follow that one, and no name.
    told = [" ".join(each.partition(":")[2].split()) for each in said if "while searching for" not in each]
    return told[0][:300] if told else _last_line(outcome)


def _safe_ref(ref: str) -> bool:
    return not ref.startswith("-") and re.search(r"[\s\x00-\x1f~^:?*\[\\]|\.\.|@\{|//|/$|\.lock$", ref) is None


def _last_line(outcome: Outcome) -> str:
    lines = [line for line in outcome.output.text.splitlines() if line.strip()]
    fatal = [line for line in lines if line.startswith(("fatal:", "remote:", "error:"))]
    return " ".join((fatal or lines or ["it printed nothing"])[-1].split())[:300]


def _fault(code: ReasonCode, reason: str) -> Trouble:
    return Trouble(repository_at_fault=True, code=code, reason=reason)


def _trouble(code: ReasonCode, reason: str) -> Trouble:
    return Trouble(repository_at_fault=False, code=code, reason=reason)
