"""The hosts that requirements name: the resolution runs on the machine itself, so they are judged before it.

Where an index that a repository names redirects to is judged as well. What its pages link to is beyond this, and so is
a server that answers the installer otherwise than it has answered here: nothing that comes from there is run, and the
metadata service is closed to a plain request by IMDSv2 all the same.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import timedelta

from janitor.protocol.terms.reason_codes import ReasonCode
from janitor.validator.settings import Settings

_MOST_ADDRESSES = 50
_SECONDS = 20.0


def why_unasked(settings: Settings, addresses: Sequence[str]) -> tuple[ReasonCode, str] | None:
    """Why the indexes of an installation may not be asked: one is private, or would be asked without TLS.

    Args:
        settings: The private hosts that may be asked.
        addresses: Of indexes and pages of links.

    Returns:
        Reason code and reason; None if there is none.
    """
    from janitor.validator.network.reach import (  # noqa: PLC0415  # what it needs costs time
        PACKAGE_HOSTS,
        Reach,
        WebError,
        WebTrouble,
        parse_target,
    )
    from janitor.validator.network.web import Web  # noqa: PLC0415  # loaded where it is needed alone

    refused = WebTrouble.REFUSED.value
    if len(addresses) > _MOST_ADDRESSES:
        return refused, f"more than {_MOST_ADDRESSES} indexes are named"
    web = Web(settings, limit=timedelta(seconds=_SECONDS), also=PACKAGE_HOSTS)
    reach, ends_at = Reach(settings, also=PACKAGE_HOSTS), time.monotonic() + _SECONDS
    for address in addresses:
        try:
            target = parse_target(address)
            if target.scheme != "https" and target.host not in settings.private_hosts:
                where = f"the index at {target.host} is named without https"
                return refused, f"{where}; only a host that JANITOR_PRIVATE_HOSTS names may be asked so"
            reach.addresses(target, seconds=max(0.1, ends_at - time.monotonic()))
            if target.host not in PACKAGE_HOSTS:
                web.ask(address)
        except WebError as exc:
            # A name that nobody knows, and an index that doesn't answer, are the resolution's to tell.
            if exc.trouble is WebTrouble.REFUSED:
                return refused, str(exc)
    return None
