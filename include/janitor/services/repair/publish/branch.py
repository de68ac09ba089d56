"""A repair as a branch on a remote."""

from __future__ import annotations

from janitor.domain.repair.publication import Published
from janitor.services.repair.publish.offer import Offer
from janitor.services.repair.publish.remotes import Push


def publish_branch(offer: Offer, *, why: str = "") -> Published:
    """Push it.

    Args:
        offer: The repair.
        why: Why it is no pull request, where one is wanted.

    Raises:
        LeaseLostError: The lease is lost.
    """
    pushed = offer.push()
    if pushed.push is not Push.DONE:
        return offer.unpushed(pushed)
    return offer.as_branch("; ".join(each for each in (pushed.reason, why) if each))
