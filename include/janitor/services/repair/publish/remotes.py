"""A remote that a branch is pushed to: asked, fetched from and pushed to, and never over somebody's commits.

A token reaches git by GIT_ASKPASS in that one process, for that one host; no redirect is followed with it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import Enum
from pathlib import Path
from urllib.parse import urlsplit

from janitor.domain.errors import WorkspaceError
from janitor.guest.processes.supervisor import Outcome
from janitor.guest.redaction import Redactor
from janitor.protocol.text.plain_text import one_line
from janitor.services.repair.publish.commits import is_ours
from janitor.services.workspaces.git import transport_of
from janitor.services.workspaces.manager import Workspace

PUSH_LIMIT = timedelta(minutes=2)
_USER = "x-access-token"
"""Source: docs.github.com, "Authenticating as a GitHub App installation"; any name does with a personal token."""
ASKPASS = f"""\
#!/bin/sh
case "$1" in
  "Username for '$JANITOR_PUSH_FOR': ") echo {_USER} ;;
  "Password for '$JANITOR_PUSH_AS': ") printf '%s\\n' "$JANITOR_PUSH_TOKEN" ;;
esac
"""
"""Answers for one host alone; what git asks for another gets nothing. Source: git, credential.c."""
_REFUSED = re.compile(
    r"returned error: (?:30\d|40[0134])|Authentication failed|could not read (?:Username|Password)|remote rejected"
    r"|Permission .{0,40}denied|denied to|read-only|does not appear to be a git repository|not found"
    r"|unable to update url|redirect",
    re.IGNORECASE,
)
_OVERTAKEN = re.compile(r"stale info|fetch first|non-fast-forward|already exists|cannot lock ref", re.IGNORECASE)


class Push(str, Enum):
    """How a push ended."""

    DONE = "done"
    LEFT_ALONE = "left alone"  # somebody has worked on the branch
    REFUSED = "refused"  # and it will be again
    FAILED = "failed"  # another try may do


@dataclass(frozen=True, kw_only=True)
class Pushed:
    """How it ended, and why, in a line."""

    push: Push
    reason: str


@dataclass(frozen=True, kw_only=True)
class Remote:
    """Where branches are pushed to."""

    url: str
    token: str | None
    askpass: Path | None
    """The program that gives git the token; None where there is none."""

    @property
    def wants_token(self) -> bool:
        """Whether nothing is pushed there without one."""
        return urlsplit(self.url).scheme != "file"

    def at(self, url: str) -> Remote:
        """Another remote, which is given the token if it is on the same host."""
        mine, other = urlsplit(self.url), urlsplit(url)
        if (mine.scheme, mine.netloc) == (other.scheme, other.netloc):
            return replace(self, url=url)
        return Remote(url=url, token=None, askpass=None)

    def head_of(self, workspace: Workspace, branch: str) -> str | None:
        """The commit that a branch has there; None: there is no such branch.

        Raises:
            WorkspaceError: It can't be asked.
        """
        outcome = self._git(workspace, "ls-remote", "--refs", "--", self.url, f"refs/heads/{branch}")
        if outcome.exit_code != 0:
            raise WorkspaceError(self._said(outcome))
        found = re.search(rf"^([0-9a-f]{{40,64}})\trefs/heads/{re.escape(branch)}$", outcome.output.text, re.MULTILINE)
        return found[1] if found else None

    def default_branch(self, workspace: Workspace) -> str | None:
        """The branch that its HEAD is; None where it says none.

        Raises:
            WorkspaceError: It can't be asked.
        """
        outcome = self._git(workspace, "ls-remote", "--symref", "--", self.url, "HEAD")
        if outcome.exit_code != 0:
            raise WorkspaceError(self._said(outcome))
        found = re.search(r"^ref: refs/heads/(\S{1,255})\tHEAD$", outcome.output.text, re.MULTILINE)
        return found[1] if found else None

    def push(self, workspace: Workspace, commit: str, branch: str, *, signature: str) -> Pushed:
        """Bring a branch to a commit: made where it isn't there, moved where it is at another commit of ours.

        Raises:
            LeaseLostError: The lease is lost.
        """
        try:
            there = self.head_of(workspace, branch)
            if there == commit:
                return Pushed(push=Push.DONE, reason="the branch has this commit already")
            if there is not None and not self._is_ours(workspace, branch, there, signature):
                return Pushed(push=Push.LEFT_ALONE, reason=f"{branch} has commits of somebody else")
        except WorkspaceError as exc:
            return _pushed(str(exc))
        workspace.held.require()
        lease = f"--force-with-lease=refs/heads/{branch}:{there or ''}"
        outcome = self._git(workspace, "push", "--porcelain", lease, "--", self.url, f"{commit}:refs/heads/{branch}")
        if outcome.exit_code == 0:
            return Pushed(push=Push.DONE, reason="pushed")
        if _OVERTAKEN.search(outcome.output.text):
            return Pushed(push=Push.LEFT_ALONE, reason=f"{branch} was moved by somebody else meanwhile")
        return _pushed(self._said(outcome))

    def _is_ours(self, workspace: Workspace, branch: str, there: str, signature: str) -> bool:
        words = ["fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--", self.url, f"refs/heads/{branch}"]
        outcome = self._git(workspace, *words)
        if outcome.exit_code != 0:
            raise WorkspaceError(self._said(outcome))
        return is_ours(workspace, there, signature=signature)

    def _git(self, workspace: Workspace, *arguments: str) -> Outcome:
        git = workspace.tree.git
        # What a redirect leads to would be asked with the token.
        git = replace(git, settings=(*git.settings, ("http.followRedirects", "false")))
        return git.attempt(*arguments, cwd=workspace.path, limit=PUSH_LIMIT, env=self._environment())

    def _environment(self) -> Mapping[str, str]:
        env = {"GIT_ALLOW_PROTOCOL": transport_of(self.url)}
        if self.token is None or self.askpass is None:
            return env
        parts = urlsplit(self.url)
        return env | {
            "GIT_ASKPASS": str(self.askpass),
            "JANITOR_PUSH_FOR": f"{parts.scheme}://{parts.netloc}",
            "JANITOR_PUSH_AS": f"{parts.scheme}://{_USER}@{parts.netloc}",
            "JANITOR_PUSH_TOKEN": self.token,
        }

    def _said(self, outcome: Outcome) -> str:
        """The line of git's that tells why; a remote's words are a stranger's."""
        if outcome.timed_out:
            return f"git was not ready after {outcome.seconds:.0f} s"
        lines = [line for line in outcome.output.text.splitlines() if line.strip()]
        telling = [line for line in lines if _REFUSED.search(line)] or lines or ["git printed nothing"]
        return one_line(Redactor([self.token or ""]).clean(telling[-1]), limit=200)


def _pushed(said: str) -> Pushed:
    return Pushed(push=Push.REFUSED if _REFUSED.search(said) else Push.FAILED, reason=said)
