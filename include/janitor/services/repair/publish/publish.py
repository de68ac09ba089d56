"""Giving people a proved repair, in the way that its repository wants. Every outcome is a value; see the table in
docs/notes/publication.md.

The patch is kept first, whatever else is wanted; what can't be had of the rest is said, and the patch stays.
"""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import urlsplit

from janitor.cloud.secret_values import secret_value
from janitor.cloud.session import CloudAccess
from janitor.domain.config.fields import RepairWay
from janitor.domain.errors import CloudError, LeaseLostError, WorkspaceError
from janitor.domain.repair.offering.policy import refusal_of_machines
from janitor.domain.repair.publication import Publication, Published, what_is_unproved
from janitor.domain.repair.states import RepairState
from janitor.protocol.text.plain_text import one_line
from janitor.services.repair.publish.branch import publish_branch
from janitor.services.repair.publish.commits import moved_on, policies_at, touched_by
from janitor.services.repair.publish.files import keep_files
from janitor.services.repair.publish.github import Target, github_host
from janitor.services.repair.publish.offer import SOON, Offer
from janitor.services.repair.publish.pull import publish_pull
from janitor.services.repair.publish.remotes import ASKPASS, Remote
from janitor.services.workspaces.git import transport_of
from janitor.services.workspaces.manager import Workspace
from janitor.settings import Settings

_PROGRAM = 0o700
_LOOPBACK = ("127.0.0.1", "localhost")


def publish(
    settings: Settings, publication: Publication, workspace: Workspace, *, attempt: int = 1, into_bucket: bool = True
) -> Published:
    """Give it to people. Asked again, it finds what was done before, and goes on.

    Args:
        settings: Of the environment.
        publication: The repair with its proof.
        workspace: A leased tree of the repository; its files don't count.
        attempt: Of the shard, from 1.
        into_bucket: Whether the patch is kept in the deployment's bucket as well.

    Raises:
        LeaseLostError: The lease is lost; nothing more was done.
        DatabaseError: The database can't be asked.
    """
    if publication.way is RepairWay.OFF:
        return _nothing("repairs of this repository are off", state=RepairState.PROVEN)
    if why := what_is_unproved(publication):
        return _nothing(f"not proved: {why}", state=RepairState.INCONCLUSIVE)
    try:
        kept = keep_files(settings, publication, workspace, attempt=attempt, into_bucket=into_bucket)
        remote = _remote_of(settings, publication)
        offer = Offer(
            settings=settings,
            publication=publication,
            workspace=workspace,
            kept=kept,
            remote=remote or Remote(url="", token=None, askpass=None),
            base_branch=None,
        )
        if publication.way is RepairWay.PATCH:
            return offer.as_patch(kept.reason)
        if remote is None:
            return offer.as_patch("no remote that can be pushed to: its address is none of https or file")
        return _offered(offer, attempt)
    except LeaseLostError:
        raise
    except WorkspaceError as exc:
        return replace(_nothing(one_line(str(exc), limit=300), state=RepairState.PROVEN), again_after=SOON)


def _offered(offer: Offer, attempt: int) -> Published:
    """As a branch or a pull request, where nothing is against it."""
    settings, wants_pull = offer.settings, offer.publication.way is RepairWay.PULL
    try:
        token = _token(settings)
    except CloudError as exc:
        return offer.as_patch(one_line(str(exc), limit=300), state=RepairState.PROVEN, again_after=SOON)
    if token is None and offer.remote.wants_token:
        return offer.as_patch("no token: JANITOR_REPAIR_TOKEN_SECRET names none")
    if token is not None and offer.remote.wants_token:
        if settings.repair_remote is None and github_host(settings.repair_api_url) != urlsplit(offer.remote.url).netloc:
            return offer.as_patch("its host is none that the token is for: JANITOR_REPAIR_REMOTE or _API_URL name one")
        askpass = offer.workspace.write_artefact(offer.publication.shard_id, attempt, "askpass", ASKPASS.encode())
        askpass.chmod(_PROGRAM)
        offer = replace(offer, remote=replace(offer.remote, token=token, askpass=askpass))
    try:
        base = _base_branch(offer)
        if moved := _moved(offer, base):
            said = f"{base} has changed {', '.join(moved[:3])} since: to be proved again"
            return offer.as_patch(one_line(said, limit=300), state=RepairState.SUPERSEDED)
        if said_by := refusal_of_machines(policies_at(offer.workspace, offer.publication.failure.repeated.commit_sha)):
            return offer.as_patch(f"{one_line(said_by, limit=100)} says that nothing of a machine is wanted")
    except LeaseLostError:
        raise
    except WorkspaceError as exc:
        return offer.as_patch(one_line(str(exc), limit=300), state=RepairState.PROVEN, again_after=SOON)
    offer = replace(offer, base_branch=base)
    if not wants_pull:
        return publish_branch(offer)
    target = Target.of(offer.publication.failure.repeated.plan.url, api_url=settings.repair_api_url)
    if target is None:
        return publish_branch(offer, why="no pull request: it isn't on GitHub")
    if token is None:
        return publish_branch(offer, why="no pull request: JANITOR_REPAIR_TOKEN_SECRET names no token")
    return publish_pull(offer, target, token)


def _base_branch(offer: Offer) -> str | None:
    """The branch that the repair is for; None: a tag or a commit, on which nothing moves."""
    plan = offer.publication.failure.repeated.plan
    source = offer.remote.at(plan.url)
    if plan.ref is None:
        return source.default_branch(offer.workspace)
    return plan.ref if source.head_of(offer.workspace, plan.ref) is not None else None


def _moved(offer: Offer, base_branch: str | None) -> list[str]:
    """Files of the patch that the branch has changed since."""
    if base_branch is None:
        return []
    offer.workspace.tree.mirror.refresh()
    base = offer.publication.failure.repeated.commit_sha
    head = offer.workspace.tree.mirror.commit_of(base_branch)
    paths = touched_by(offer.workspace, base, offer.kept.commit)
    return moved_on(offer.workspace, head, base=base, paths=paths)


def _remote_of(settings: Settings, publication: Publication) -> Remote | None:
    """Where branches go; None: nowhere that anything can be pushed to."""
    plan = publication.failure.repeated.plan
    pattern = settings.repair_remote
    url = plan.url if pattern is None else pattern.format(organization=plan.organization, repository=plan.name)
    try:
        transport = transport_of(url)
    except WorkspaceError:
        return None
    # A token goes over no wire in the clear.
    if transport == "http" and urlsplit(url).hostname not in _LOOPBACK:
        return None
    return Remote(url=url, token=None, askpass=None)


def _token(settings: Settings) -> str | None:
    """Asked for anew each time and kept nowhere. Raises CloudError."""
    if settings.repair_token_secret is None:
        return None
    name = f"{settings.news_secrets_prefix}{settings.repair_token_secret}"
    token = secret_value(CloudAccess.of(settings), name)
    if not token.isascii() or not token.isprintable() or " " in token or len(token) > 500:
        raise CloudError(f"the secret {name} is no token")
    return token


def _nothing(reason: str, *, state: RepairState) -> Published:
    return Published(way=RepairWay.OFF, where=None, state=state, reason=reason)
