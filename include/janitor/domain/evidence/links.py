"""Addresses on the web pages of a repository's host. None where the host's pages aren't known."""

from __future__ import annotations

import re
from urllib.parse import quote, urlsplit, urlunsplit

_SHA = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_HOSTS = {
    "github.com": "{base}/compare/{before}...{after}",
    "gitlab.com": "{base}/-/compare/{before}...{after}",
    "codeberg.org": "{base}/compare/{before}...{after}",
    "bitbucket.org": "{base}/branches/compare/{after}%0D{before}",
}


def compare_url(clone_url: str, before: str, after: str) -> str | None:
    """The page that shows what is between two commits.

    Args:
        clone_url: Where the repository is cloned from.
        before: A commit's whole hash.
        after: The later one's.
    """
    parts = urlsplit(clone_url)
    form = _HOSTS.get((parts.hostname or "").lower())
    path = parts.path.strip("/").removesuffix(".git")
    if parts.scheme != "https" or form is None or not path or not (_SHA.fullmatch(before) and _SHA.fullmatch(after)):
        return None
    return form.format(base=f"https://{parts.hostname}/{quote(path)}", before=before, after=after)


def bare_url(clone_url: str) -> str:
    """The same address without a user, whose name may be a token, and without a query."""
    parts = urlsplit(clone_url)
    if not parts.hostname or "@" not in parts.netloc or parts.scheme == "ssh":
        return clone_url
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))
