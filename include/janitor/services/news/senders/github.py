"""Issues on GitHub: one for each piece of news, closed when it is over, opened again when it comes back.

Every issue and comment has a mark in it that no reader sees. Before one is made its mark is looked for, so that a
message that was sent just before a crash isn't sent once more. Issues are looked for by Janitor's label, which nobody
sets without rights on the repository.

Source: docs.github.com, "REST API endpoints for issues", "Best practices for using the REST API".
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from hashlib import sha256
from typing import Any

from janitor.domain.news.forms import markdown, title
from janitor.domain.news.message import DeliveryKind
from janitor.services.news.senders.sending import Answer, Outgoing, SendError, ask_http

LABEL = "janitor"
_PAGES = 5
_PER_PAGE = 100
_OK, _CREATED, _UNKNOWN_TOKEN, _FORBIDDEN, _NOT_THERE = 200, 201, 401, 403, 404


def send_to_issues(outgoing: Outgoing) -> str:
    """Make the issue, or say more in it; returns its number."""
    github = _GitHub(outgoing)
    if outgoing.kind is DeliveryKind.OPEN:
        return github.open()
    if outgoing.thread_ref is None:
        # What was told first never arrived: this is the first word of it.
        number = github.open()
    else:
        number = outgoing.thread_ref
        github.comment(number)
    if outgoing.kind is DeliveryKind.CLOSE:
        github.set_state(number, "closed", reason="completed")
    return number


class _GitHub:
    def __init__(self, outgoing: Outgoing) -> None:
        self._outgoing = outgoing
        address = outgoing.address
        self._issues = f"{address['api_url']}/repos/{address['repository']}/issues"
        token = outgoing.secret()
        if not re.fullmatch(r"[\x21-\x7e]{1,500}", token):
            raise SendError("the secret of GitHub is no token")
        self._headers = {
            "Authorization": f"Bearer {token}",
            "Accept": "application/vnd.github+json",
            "X-GitHub-Api-Version": "2022-11-28",
            "User-Agent": "janitor",
        }
        self._news_mark = _mark("news", outgoing.news_key)
        self._mark = _mark("message", outgoing.key)

    def open(self) -> str:
        """The issue of this news: the one that there is, else a new one."""
        known = self._known_issue()
        if known is None:
            body = f"{markdown(self._outgoing.message)}\n\n{self._news_mark}\n{self._mark}"
            answer = self._ask(
                "POST", "", {"title": title(self._outgoing.message), "body": body, "labels": [LABEL]}, wanted=_CREATED
            )
            return _number_of(answer.document)
        number = _number_of(known)
        if self._mark not in str(known.get("body")):
            # Of an earlier time at which the same thing was broken.
            if known.get("state") == "closed":
                self.set_state(number, "open")
            self.comment(number)
        return number

    def comment(self, number: str) -> None:
        """Say the message in an issue, once."""
        if any(self._mark in str(each.get("body")) for each in self._listed(f"/{number}/comments", {})):
            return
        body = {"body": f"{markdown(self._outgoing.message)}\n\n{self._mark}"}
        self._ask("POST", f"/{number}/comments", body, wanted=_CREATED)

    def set_state(self, number: str, state: str, *, reason: str | None = None) -> None:
        """Close an issue, or open it again."""
        body = {"state": state} | ({"state_reason": reason} if reason is not None else {})
        self._ask("PATCH", f"/{number}", body, wanted=_OK)

    def _known_issue(self) -> dict[str, Any] | None:
        query = {"labels": LABEL, "state": "all", "sort": "created", "direction": "desc"}
        for issue in self._listed("", query):
            if self._news_mark in str(issue.get("body")) and "pull_request" not in issue:
                return issue
        return None

    def _listed(self, path: str, query: dict[str, str]) -> Iterator[dict[str, Any]]:
        for page in range(1, _PAGES + 1):
            answer = self._ask(
                "GET", path, None, wanted=_OK, query={**query, "per_page": str(_PER_PAGE), "page": str(page)}
            )
            found = answer.document if isinstance(answer.document, list) else []
            yield from (each for each in found if isinstance(each, dict))
            if len(found) < _PER_PAGE:
                return

    def _ask(self, method: str, path: str, body: Any, *, wanted: int, query: dict[str, str] | None = None) -> Answer:
        answer = ask_http("GitHub", method, f"{self._issues}{path}", body=body, headers=self._headers, query=query)
        if answer.status != wanted:
            refused = answer.status in (_UNKNOWN_TOKEN, _FORBIDDEN, _NOT_THERE)
            hint = "; has its token write access to the issues there?" if refused else ""
            where = f"issues{path} of {self._outgoing.address['repository']}"
            raise SendError(f"GitHub answered {answer.status} to {method} {where}{hint}")
        return answer


def _mark(what: str, key: str) -> str:
    """What stands in a text, unseen; made of a hash, so that no key can end the comment."""
    return f"<!-- janitor:{what}={sha256(key.encode()).hexdigest()[:32]} -->"


def _number_of(document: Any) -> str:
    number = document.get("number") if isinstance(document, dict) else None
    if not isinstance(number, int):
        raise SendError("GitHub answered without an issue's number")
    return str(number)
