"""A repository's URL as reports have it: without the user name and password that it may hold."""

from __future__ import annotations

import re

_USER = re.compile(r"^([a-z][a-z0-9+.-]*://)[^/@]*@", re.IGNORECASE)


def public_url(url: str) -> str:
    """The URL without what stands before its host's name; at most 2,000 characters."""
    return _USER.sub(r"\1", url)[:2_000]
