"""All cases."""

from __future__ import annotations

from dataclasses import replace

from janitor.protocol.terms.statuses import CheckStatus, ReportStatus
from tests.corpus.case import Case, Kind, about
from tests.corpus.handlers import HANDLERS
from tests.corpus.judging import NETWORK_NAMES, STATIC_NAMES
from tests.corpus.network import NETWORK
from tests.corpus.real import EXAMPLES, real_cases
from tests.corpus.static import STATIC


def all_cases() -> tuple[Case, ...]:
    """Every case, in a stable order; those of real files only where these are."""
    return (
        *HANDLERS,
        *map(_shortened, (*STATIC, *about("network: what a repository names", NETWORK))),
        *about("example workers", EXAMPLES),
        *about("files and logs of real workers", real_cases()),
    )


def _shortened(case: Case) -> Case:
    """A required fail of a static check decides, whatever comes after it: nothing more need be run."""
    only_static = all(each.check in STATIC_NAMES | NETWORK_NAMES for each in case.expected)
    at_hand = case.url is None and not case.git and not case.repository and not case.environment
    decided = any(each.status is CheckStatus.FAIL and each.is_required for each in case.expected)
    if case.truth is ReportStatus.FAILED and only_static and decided and at_hand:
        return replace(case, kind=Kind.STATIC)
    return case
