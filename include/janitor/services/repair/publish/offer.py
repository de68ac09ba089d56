"""What a publication is about while it goes on, and the outcomes that each way shares."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from janitor.domain.config.fields import RepairWay
from janitor.domain.repair.publication import Publication, Published
from janitor.domain.repair.states import RepairState
from janitor.services.repair.publish.files import Kept
from janitor.services.repair.publish.remotes import Push, Pushed, Remote
from janitor.services.workspaces.manager import Workspace
from janitor.settings import Settings

SOON = timedelta(minutes=15)
"""When to ask again about what passes by itself."""


@dataclass(frozen=True, kw_only=True)
class Offer:
    """A proved repair whose patch is kept already."""

    settings: Settings
    publication: Publication
    workspace: Workspace
    kept: Kept
    remote: Remote
    base_branch: str | None
    """The branch that the repository was red on; None: a tag or a commit."""

    @property
    def signature(self) -> str:
        """Of the cause."""
        return self.publication.failure.repeated.signature

    def push(self) -> Pushed:
        """Bring the cause's branch to the repair's commit.

        Raises:
            LeaseLostError: The lease is lost.
        """
        return self.remote.push(self.workspace, self.kept.commit, self.publication.branch, signature=self.signature)

    @property
    def branch_place(self) -> str:
        """The branch, for people."""
        return f"{self.remote.url} {self.publication.branch}"

    def as_patch(
        self, reason: str, *, state: RepairState = RepairState.PUBLISHED, again_after: timedelta | None = None
    ) -> Published:
        """People have the patch, and no more than that."""
        return Published(
            way=RepairWay.PATCH, where=self.kept.where, state=state, reason=reason[:500], again_after=again_after
        )

    def as_branch(
        self, reason: str, *, state: RepairState = RepairState.PUBLISHED, again_after: timedelta | None = None
    ) -> Published:
        """People have the branch."""
        return Published(
            way=RepairWay.BRANCH, where=self.branch_place, state=state, reason=reason[:500], again_after=again_after
        )

    def unpushed(self, pushed: Pushed) -> Published:
        """The branch isn't there, or isn't ours."""
        if pushed.push is Push.FAILED:
            return self.as_patch(pushed.reason, state=RepairState.PROVEN, again_after=SOON)
        return self.as_patch(pushed.reason)
