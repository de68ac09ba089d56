"""A repair as a draft of a pull request on GitHub: one for a cause, one at a time in a repository, so many a day.

The steps are found again by whoever goes on after a crash: the day's place by its row, the branch by its commit, the
pull request by its branch.
"""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from urllib.parse import urlsplit

from janitor.domain.config.fields import RepairWay
from janitor.domain.repair.offering.pull_text import body_of, title_of
from janitor.domain.repair.offering.pulls import Pull, PullStep, next_step
from janitor.domain.repair.publication import Published
from janitor.domain.repair.states import RepairState
from janitor.services.news.senders.sending import SendError
from janitor.services.repair.publish.branch import publish_branch
from janitor.services.repair.publish.github import GitHub, GitHubRefusedError, Target
from janitor.services.repair.publish.offer import SOON, Offer
from janitor.services.repair.publish.remotes import Push
from janitor.stores.database import transaction
from janitor.stores.standing import repair_pulls as store

_A_DAY = timedelta(days=1)
_UNPROCESSABLE = 422


def publish_pull(offer: Offer, target: Target, token: str) -> Published:
    """Open the pull request, or bring the one that is open up to date.

    Raises:
        LeaseLostError: The lease is lost.
        DatabaseError: The database can't be asked.
    """
    github = GitHub(target, token)
    owner = urlsplit(offer.remote.url).path.strip("/").partition("/")[0] or target.owner
    head = f"{owner}:{offer.publication.branch}"
    key = store.PullKey(
        deployment=offer.settings.deployment, repository=f"{target.owner}/{target.name}", signature=offer.signature
    )
    try:
        about = github.about()
        if about.is_archived:
            return offer.as_patch(f"{key.repository} is archived")
        pulls = [*github.pulls_of(head), *github.open_pulls(owner)]
    except GitHubRefusedError as exc:
        return offer.as_patch(str(exc))
    except SendError as exc:
        return offer.as_patch(str(exc), state=RepairState.PROVEN, again_after=exc.retry_after or SOON)
    with transaction(offer.settings.writer_url) as connection:
        rejected = store.was_rejected(connection, key)
    red_at = offer.publication.failure.repeated.report.finished_at
    step, pull = next_step(pulls, branch=offer.publication.branch, red_at=red_at, rejected_before=rejected)
    if step in (PullStep.OPEN, PullStep.UPDATE):
        return _go_on(offer, github, key, head=head, base=offer.base_branch or about.default_branch, pull=pull)
    return _ended(offer, key, step, pull)


def _ended(offer: Offer, key: store.PullKey, step: PullStep, pull: Pull | None) -> Published:
    where = pull.url if pull is not None else "a pull request"
    if step is PullStep.REJECTED:
        with offer.workspace.held.effect() as connection:
            store.rejected(connection, key)
        return offer.as_patch(f"{where} was closed by a person: never again for this cause", state=RepairState.REJECTED)
    if step is PullStep.MERGED:
        return Published(
            way=RepairWay.PULL, where=where, state=RepairState.SUPERSEDED, reason="its pull request is merged already"
        )
    said = f"{where} is open, and a repository has one at a time"
    return offer.as_patch(said, state=RepairState.PROVEN, again_after=_A_DAY)


def _go_on(offer: Offer, github: GitHub, key: store.PullKey, *, head: str, base: str, pull: Pull | None) -> Published:
    if pull is None:
        most = offer.settings.repair_pulls_a_day
        with offer.workspace.held.effect() as connection:
            has_place = store.ask_for(connection, key, most_a_day=most)
        if not has_place:
            said = f"{most} pull requests were opened today (JANITOR_REPAIR_PULLS_A_DAY)"
            return offer.as_patch(said, state=RepairState.PROVEN, again_after=_until_tomorrow())
    pushed = offer.push()
    if pushed.push is not Push.DONE:
        if pull is not None and pushed.push is Push.LEFT_ALONE:
            return _as_pull(pull.url, f"{pushed.reason}: it is left as it is")
        _give_place_back(offer, key)
        return offer.unpushed(pushed)
    try:
        url, reason = _told(offer, github, head=head, base=base, pull=pull)
    except GitHubRefusedError as exc:
        _give_place_back(offer, key)
        if exc.word == "no commits between":
            return offer.as_branch(f"{base} has what the repair does already", state=RepairState.SUPERSEDED)
        return offer.as_branch(str(exc) + (f": {exc.word}" if exc.word else ""))
    except SendError as exc:
        # Nobody knows whether it was opened; whoever asks again finds it by its branch.
        return offer.as_branch(str(exc), state=RepairState.PROVEN, again_after=exc.retry_after or SOON)
    with offer.workspace.held.effect() as connection:
        store.opened(connection, key, url)
    return _as_pull(url, reason)


def _told(offer: Offer, github: GitHub, *, head: str, base: str, pull: Pull | None) -> tuple[str, str]:
    title, body = title_of(offer.publication), body_of(offer.publication, repair_sha=offer.kept.commit)
    if pull is None:
        offer.workspace.held.require()
        try:
            return github.open(title=title, body=body, head=head, base=base), "opened as a draft"
        except GitHubRefusedError as exc:
            # Somebody was faster, or the answer of an earlier try was lost.
            known = [each for each in github.pulls_of(head) if each.is_open] if exc.status == _UNPROCESSABLE else []
            if not known:
                raise
            pull = known[0]
    return github.update(pull.number, title=title, body=body), "brought up to date"


def _as_pull(url: str, reason: str) -> Published:
    return Published(way=RepairWay.PULL, where=url, state=RepairState.PUBLISHED, reason=reason[:500])


def _give_place_back(offer: Offer, key: store.PullKey) -> None:
    with offer.workspace.held.effect() as connection:
        store.forget_unopened(connection, key)


def _until_tomorrow() -> timedelta:
    now = datetime.now(timezone.utc)
    return (now + _A_DAY).replace(hour=0, minute=0, second=0, microsecond=0) - now


__all__ = ["publish_branch", "publish_pull"]
