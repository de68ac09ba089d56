"""The words of each piece of news. What a repository, a report or a person wrote is quoted, everything else is ours."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from decimal import Decimal

from janitor.domain.evidence.cause import Cause
from janitor.domain.evidence.verdict import VERDICT_WORDS, Verdict, outside_changes
from janitor.domain.news.message import Line, Link, Message, Piece, Quoted, news_key_of_cause
from janitor.services.report.log_link import PAGE_PATH, PAGE_PREFIX, console_url, page_url
from janitor.settings import Settings
from janitor.stores.standing.news import NewsRepository, NewsRow

SHOWN = 5
"""Repositories that a message names."""
_GITHUB = re.compile(r"https://github\.com/([A-Za-z0-9-]{1,39})/([A-Za-z0-9._-]{1,100}?)(?:\.git)?/?")
_COMMIT = re.compile(r"[0-9a-f]{40,64}")


@dataclass(frozen=True)
class Wording:
    """Makes messages for one environment, whose pages they lead to."""

    settings: Settings

    def broken(self, row: NewsRow, joined: Sequence[NewsRepository], cause: Cause | None) -> Message:
        """A cause is new, and this is what it broke.

        Args:
            row: The news.
            joined: The repositories, at least one.
            cause: What is known of it besides.
        """
        lines = [
            Line(label="cause", pieces=(Quoted(joined[0].title),)),
            *self._repositories(joined),
            *_since(joined[0]),
            *_verdict(cause),
            *_cost(joined),
            *self._links(joined[0], page=self._page("today")),
        ]
        what = joined[0].repository if len(joined) == 1 else f"{len(joined)} repositories by one cause"
        return Message(headline=(f"Newly broken: {what}",), lines=lines)

    def fleet_broken(self, joined: Sequence[NewsRepository], causes: int, suspect: tuple[str, int] | None) -> Message:
        """So many causes at once that each by itself would be noise."""
        titles = list(dict.fromkeys(each.title for each in joined))
        lines = [Line(label="cause", pieces=(Quoted(title),)) for title in titles[:3]]
        if suspect is not None and suspect[1] * 2 > len(joined):
            lines.append(
                Line(
                    label="first suspect",
                    pieces=("base image ", Quoted(suspect[0]), f", of {suspect[1]} of {len(joined)}"),
                )
            )
        lines += [*self._repositories(joined), *_cost(joined), *self._links(None, page=self._page("today"))]
        return Message(headline=(f"Fleet-wide: {causes} new causes, {len(joined)} repositories",), lines=lines)

    def changed(self, row: NewsRow, joined: Sequence[NewsRepository], left: Sequence[NewsRepository]) -> Message:
        """More repositories were broken by a cause that was told before, or some of them are fixed."""
        remaining = [each for each in row.repositories if not each.left]
        lines: list[Line] = []
        back = [each for each in joined if each.comes_back]
        new = [each for each in joined if not each.comes_back]
        if new:
            lines += self._repositories(new, label="newly broken as well")
        other = [each for each in back if each.signature and row.dedupe_key != news_key_of_cause(each.signature)]
        known = [each for each in back if each not in other]
        if other:
            lines += [Line(label="cause", pieces=(Quoted(title),)) for title in dict.fromkeys(o.title for o in other)]
            lines += self._repositories(other, label="by another cause")
        if known:
            lines += self._repositories(known, label="no longer acknowledged")
        if left:
            lines += self._repositories(left, label="fixed")
        lines += self._repositories(remaining, label="still broken")
        headline = f"Broken as well: {_counted(new)}" if new else f"Fixed: {_counted(left)}"
        if back and not new:
            why = "by another cause" if other else "and no longer acknowledged"
            headline = f"Still broken, {why}: {_counted(other or back)}"
        return Message(headline=(headline,), lines=lines)

    def fixed(self, row: NewsRow, left: Sequence[NewsRepository]) -> Message:
        """Nothing of it is broken any more."""
        commits: list[Line] = []
        if len(left) == 1 and left[0].fixed_by is not None:
            commits = _commit_line("fixed with", left[0].url, left[0].fixed_by, since=left[0].first_bad)
        lines = [*self._repositories(left), *commits, *_cost(left, word="red cost")]
        return Message(headline=(f"Fixed: {_counted(left)}",), lines=[*lines, *self._links(left[0])])

    def stale(self, row: NewsRow) -> Message:
        """A repository of which nobody knows how it is, or all of them."""
        if "schedule" in row.facts:
            began = _day(datetime.fromisoformat(row.facts["last_began_at"]))
            lines = [
                Line(label="what", pieces=("no run began at two scheduled times; is the DAG paused?",)),
                Line(label="schedule", pieces=(Quoted(str(row.facts["schedule"])),)),
                *self._links(None, page=self._page("today")),
            ]
            return Message(headline=(f"Stale: the last run began {began}",), lines=lines)
        name = str(row.facts["repository"])
        lines = [
            Line(label="what", pieces=(f"its last {row.facts['times']} validations say nothing of it",)),
            *self._links(None, page=self._page("repo", r=name)),
        ]
        return Message(headline=(f"Stale: {name}",), lines=lines)

    def stale_over(self, row: NewsRow) -> Message:
        """It is known again."""
        if "schedule" in row.facts:
            return Message(headline=("No longer stale: a run has begun",))
        return Message(headline=(f"No longer stale: {row.facts['repository']} has a verdict again",))

    def refused(self, row: NewsRow) -> Message:
        """A run didn't start."""
        return Message(
            headline=(f"Budget: a run was refused on {row.dedupe_key}",),
            lines=[
                Line(label="why", pieces=(Quoted(str(row.facts["message"])),)),
                Line(label="run", pieces=(Quoted(str(row.facts["run"])),)),
                *self._links(None, page=self._page("cost")),
            ],
        )

    def refused_over(self, row: NewsRow) -> Message:
        """The day is over."""
        return Message(headline=(f"The budget of {row.dedupe_key} is history",))

    def leak(self, row: NewsRow) -> Message:
        """An instance that nobody knew."""
        repository = row.facts.get("repository")
        lines = [
            Line(label="what", pieces=("it has Janitor's tags and no row in the ledger; the reaper ends it",)),
            Line(label="type", pieces=(Quoted(str(row.facts["instance_type"])),)),
        ]
        if repository:
            lines.append(Line(label="repository", pieces=(Quoted(str(repository)),)))
        lines.append(Line(label="next", pieces=('`make waste` says what it cost; runbook "Instance left"',)))
        return Message(headline=(f"Leak found: {row.dedupe_key}",), lines=lines)

    def leak_over(self, row: NewsRow) -> Message:
        """It is gone."""
        return Message(headline=(f"The leaked instance {row.dedupe_key} has ended",))

    def _repositories(self, which: Sequence[NewsRepository], *, label: str = "repositories") -> list[Line]:
        if not which:
            return []
        pieces: list[Piece] = []
        for number, each in enumerate(which[:SHOWN]):
            page = self._page("repo", r=each.repository)
            pieces += [", " if number else "", each.repository if page is None else Link(each.repository, page)]
        if len(which) > SHOWN:
            pieces.append(f" and {len(which) - SHOWN} more")
        return [Line(label=label, pieces=tuple(pieces))]

    def _links(self, repository: NewsRepository | None, *, page: str | None = None) -> list[Line]:
        links: list[Link] = []
        if page is not None:
            links.append(Link("page", page))
        if repository is not None:
            log = self._log(repository)
            links += [Link("log", log)] if log is not None else []
            home = _github_home(repository.url)
            links += [Link("repository", home)] if home is not None else []
        pieces: list[Piece] = []
        for number, link in enumerate(links):
            pieces += [" · " if number else "", link]
        return [Line(label="see", pieces=tuple(pieces))] if links else []

    def _page(self, view: str, **query: str) -> str | None:
        return page_url(self.settings, view, **query)

    def _log(self, repository: NewsRepository) -> str | None:
        settings = self.settings
        if settings.aws_endpoint_url is None:
            stream = repository.log_stream
            return None if stream is None else console_url(settings.region, settings.log_group, stream)
        if settings.airflow_url is None:
            return None
        path = PAGE_PATH.format(validation_id=repository.validation_id)
        return f"{settings.airflow_url.rstrip('/')}{PAGE_PREFIX}{path}"


def _since(first: NewsRepository) -> list[Line]:
    """First bad, last good, and what lies between them."""
    if first.first_bad_at is None:
        return []
    pieces: list[Piece] = [f"first bad {_day(first.first_bad_at)}", *_commit(first.url, first.first_bad)]
    if first.last_good_at is None:
        return [Line(label="since", pieces=(*pieces, "; it never passed"))]
    pieces += [f", last good {_day(first.last_good_at)}", *_commit(first.url, first.last_good)]
    home = _github_home(first.url)
    if first.first_bad == first.last_good and first.first_bad is not None:
        pieces.append("; the same commit")
    elif home is not None and _is_commit(first.first_bad) and _is_commit(first.last_good):
        pieces += [", ", Link("compare", f"{home}/compare/{first.last_good}...{first.first_bad}")]
    return [Line(label="since", pieces=tuple(pieces))]


def _verdict(cause: Cause | None) -> list[Line]:
    """Real, flaky or the world, in the page's own words, with what changed where it is the world."""
    if cause is None:
        return []
    pieces: list[Piece] = [VERDICT_WORDS[cause.verdict]]
    if cause.verdict is Verdict.WORLD:
        for each in outside_changes(cause.example.onset)[:3]:
            what = each.part.value.replace("_", " ") + (f" {each.name}" if each.name is not None else "")
            pieces += ["; ", Quoted(f"{what}: {each.before or 'none'} → {each.after or 'none'}")]
    return [Line(label="verdict", pieces=tuple(pieces))]


def _commit_line(label: str, url: str, commit: str, *, since: str | None) -> list[Line]:
    pieces: list[Piece] = list(_commit(url, commit)[1:])
    home = _github_home(url)
    if home is not None and _is_commit(commit) and _is_commit(since) and commit != since:
        pieces += [", ", Link("compare", f"{home}/compare/{since}...{commit}")]
    return [Line(label=label, pieces=tuple(pieces))] if pieces else []


def _commit(url: str, commit: str | None) -> tuple[Piece, ...]:
    """` at <commit>`, as a link where that is known to be one."""
    if not _is_commit(commit) or commit is None:
        return ()
    home = _github_home(url)
    return (" at ", commit[:12] if home is None else Link(commit[:12], f"{home}/commit/{commit}"))


def _is_commit(text: str | None) -> bool:
    return text is not None and _COMMIT.fullmatch(text) is not None


def _github_home(url: str) -> str | None:
    found = _GITHUB.fullmatch(url)
    return None if found is None else f"https://github.com/{found[1]}/{found[2]}"


def _cost(which: Sequence[NewsRepository], *, word: str = "cost so far") -> list[Line]:
    known = [each.cost_usd for each in which if each.cost_usd is not None]
    if not known:
        return []
    total = sum(known, Decimal(0))
    places = 4 if 0 < total < Decimal("0.01") else 2
    return [Line(label=word, pieces=(f"${total:.{places}f}",))]


def _day(at: datetime) -> str:
    return f"{at.astimezone(timezone.utc):%d %b %Y %H:%M} UTC"


def _counted(which: Sequence[NewsRepository]) -> str:
    return which[0].repository if len(which) == 1 else f"{len(which)} repositories"
