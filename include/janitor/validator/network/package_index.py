"""Asks a package index what pip doesn't say: whether a package is not there, or the index was in trouble.

pip words a 404, a 403, a 429 and a 503 of an index alike, as "from versions: none".
Source: pip 22 to 25 against an index that answers so.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import timedelta

from janitor.diagnosis.rules.rule import Trouble
from janitor.inspection.install.requirements import normalised
from janitor.protocol.terms.reason_codes import ReasonCode
from janitor.validator.network.reach import PACKAGE_HOSTS
from janitor.validator.network.web import Web, WebError
from janitor.validator.settings import Settings

_LIMIT = timedelta(seconds=40)
_PUBLIC = "https://pypi.org/simple"
_MOST_INDEXES = 5
_NONE_FOUND = re.compile(
    r"could not find a version that satisfies the requirement (\S{1,300})(?!\S).{0,500}\(from versions: none\)", re.I
)
_INDEXES = re.compile(r"^.*Looking in indexes: (.+)$", re.MULTILINE)
_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?")
_GONE = frozenset({404, 410})
_DENIED = frozenset({401, 403})


def is_ambiguous(text: str) -> bool:
    """Whether a failed installation may as well be the index's trouble.

    Args:
        text: What the step printed.
    """
    return _NONE_FOUND.search(text) is not None


def index_trouble(settings: Settings, text: str) -> Trouble | None:
    """What keeps an index from telling; None if it tells, so that pip is to be believed.

    Args:
        settings: For the requests.
        text: What the step printed.
    """
    names = [name for name in _NONE_FOUND.findall(text) if _NAME.match(name)]
    if not names:
        return None
    listed = _INDEXES.findall(text)
    return ask_indexes(settings, names[-1], [word.strip() for word in listed[-1].split(",")] if listed else [_PUBLIC])


def ask_indexes(settings: Settings, requirement: str, indexes: Sequence[str]) -> Trouble | None:
    """What keeps one of these indexes from telling; None if all tell, or if the requirement has no name.

    Args:
        settings: For the requests.
        requirement: A package's name, with what may follow it.
        indexes: Their addresses.
    """
    name = _NAME.match(requirement)
    if name is None:
        return None
    project = normalised(name.group(0))
    web = Web(settings, limit=_LIMIT, also=PACKAGE_HOSTS)
    for index in indexes[:_MOST_INDEXES]:
        try:
            status = web.ask(f"{index.rstrip('/')}/{project}/", method="GET").status
            # Indexes in object storage deny what they don't have.
            if status in _DENIED and web.ask(f"{index.rstrip('/')}/", method="GET").status < 300:
                continue
        except WebError as exc:
            reason = f"pip found no version of {project}, and its index can't be asked: {exc}"
            return Trouble(repository_at_fault=False, code=exc.trouble.value, reason=reason)
        if status >= 300 and status not in _GONE:
            code = (
                ReasonCode.RATE_LIMITED
                if status == 429
                else ReasonCode.REGISTRY_DENIED
                if status in _DENIED
                else ReasonCode.SERVER_TROUBLE
            )
            reason = f"pip found no version of {project}, and the index answers with HTTP {status}"
            return Trouble(repository_at_fault=False, code=code, reason=reason)
    return None
