"""GitHub's pull requests, by its REST API.

No redirect is followed, so that a token goes nowhere else; each question has a bound as a whole; a text of GitHub's is
never repeated.

Source: docs.github.com, "REST API endpoints for pull requests", "Rate limits for the REST API".
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from janitor.domain.repair.offering.pulls import Pull
from janitor.services.news.senders.bounded import bounded
from janitor.services.news.senders.sending import Answer, SendError, ask_http

ASK_WITHIN = timedelta(seconds=20)
_PAGES, _PER_PAGE = 5, 100
_LIMITED = (403, 429)
_REFUSED_MESSAGE = re.compile(r"draft pull requests are not supported|no commits between|already exists", re.IGNORECASE)


class GitHubRefusedError(SendError):
    """GitHub doesn't let us, and will not the next time either."""

    def __init__(self, status: int, message: str, *, word: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.word = word
        """Which of the refusals that are told apart; empty: another one."""


def github_host(api_url: str) -> str:
    """Where the repositories of an API are."""
    host = urlsplit(api_url).netloc
    return "github.com" if host == "api.github.com" else host


@dataclass(frozen=True, kw_only=True)
class Target:
    """A repository on a GitHub."""

    api_url: str
    owner: str
    name: str

    @classmethod
    def of(cls, url: str, *, api_url: str) -> Target | None:
        """The repository that an address is, if it is on this GitHub."""
        parts, api = urlsplit(url), urlsplit(api_url)
        found = re.fullmatch(r"/([A-Za-z0-9_-]{1,39})/([A-Za-z0-9._-]{1,100}?)(?:\.git)?/?", parts.path)
        if parts.netloc != github_host(api_url) or parts.scheme != api.scheme or found is None:
            return None
        return cls(api_url=api_url, owner=found[1], name=found[2])


@dataclass(frozen=True, kw_only=True)
class About:
    """What counts of a repository."""

    default_branch: str
    is_archived: bool


class GitHub:
    """One repository's pull requests, asked with a token."""

    def __init__(self, target: Target, token: str) -> None:
        self._repository = f"{target.api_url}/repos/{target.owner}/{target.name}"
        self._headers = {
            "Authorization": f"Bearer {token}",
            "Accept": "application/vnd.github+json",
            "X-GitHub-Api-Version": "2022-11-28",
            "User-Agent": "janitor",
        }

    def about(self) -> About:
        """The repository itself.

        Raises:
            GitHubRefusedError, SendError: It can't be had.
        """
        document = self._ask("GET", "", wanted=200)
        branch = document.get("default_branch") if isinstance(document, dict) else None
        if not isinstance(branch, str) or not branch:
            raise SendError("GitHub answered without the repository's default branch")
        return About(default_branch=branch, is_archived=document.get("archived") is True)

    def pulls_of(self, head: str) -> list[Pull]:
        """Those of a branch, whatever became of them.

        Args:
            head: `owner:branch`.

        Raises:
            GitHubRefusedError, SendError: They can't be had.
        """
        return [each for each, _ in self._listed({"state": "all", "head": head})]

    def open_pulls(self, owner: str) -> list[Pull]:
        """Those that are open, of branches of one owner.

        Raises:
            GitHubRefusedError, SendError: They can't be had.
        """
        return [each for each, of in self._listed({"state": "open"}) if of.casefold() == owner.casefold()]

    def open(self, *, title: str, body: str, head: str, base: str) -> str:
        """Open a draft; returns its address.

        Raises:
            GitHubRefusedError, SendError: It wasn't opened, or nobody knows.
        """
        content = {"title": title, "body": body, "head": head, "base": base, "draft": True}
        document = self._ask("POST", "/pulls", content, wanted=201)
        return _pull(document)[0].url

    def update(self, number: int, *, title: str, body: str) -> str:
        """Say in a pull request what is so now; returns its address.

        Raises:
            GitHubRefusedError, SendError: It wasn't said, or nobody knows.
        """
        return _pull(self._ask("PATCH", f"/pulls/{number}", {"title": title, "body": body}, wanted=200))[0].url

    def _listed(self, query: dict[str, str]) -> Iterator[tuple[Pull, str]]:
        for page in range(1, _PAGES + 1):
            found = self._ask(
                "GET", "/pulls", wanted=200, query={**query, "per_page": str(_PER_PAGE), "page": str(page)}
            )
            if not isinstance(found, list):
                raise SendError("GitHub answered without a list of pull requests")
            yield from (_pull(each) for each in found)
            if len(found) < _PER_PAGE:
                return

    def _ask(
        self, method: str, path: str, body: Any = None, *, wanted: int, query: dict[str, str] | None = None
    ) -> Any:
        url = f"{self._repository}{path}"
        answer: Answer = bounded(
            lambda: ask_http("GitHub", method, url, body=body, headers=self._headers, query=query), within=ASK_WITHIN
        )
        if answer.status == wanted:
            return answer.document
        said = f"GitHub answered {answer.status} to {method} {path or 'the repository'}"
        if answer.status in _LIMITED and answer.retry_after is not None:
            raise SendError(said, retry_after=answer.retry_after)
        if 300 <= answer.status < 400:
            said += ": it has another name now; give that in the config"
        word = _REFUSED_MESSAGE.search(answer.text)
        raise GitHubRefusedError(answer.status, said, word=word[0].casefold() if word else "")


def _pull(document: Any) -> tuple[Pull, str]:
    """A pull request, and who owns its branch."""
    try:
        head = document["head"]
        merged = document.get("merged_at")
        pull = Pull(
            number=int(document["number"]),
            url=str(document["html_url"])[:500],
            branch=str(head["ref"]),
            is_open=document["state"] == "open",
            merged_at=datetime.fromisoformat(merged.replace("Z", "+00:00")) if merged else None,
        )
        return pull, str((head.get("user") or {}).get("login", ""))
    except (TypeError, KeyError, ValueError, AttributeError) as exc:
        raise SendError("GitHub answered with something that is no pull request") from exc
