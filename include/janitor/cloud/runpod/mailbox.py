"""A pod's mailbox: orders in storage that its guard fetches, and what came of them. Nothing listens in a pod.

Every address is presigned for one object and ends with the pod. The one address that leads to the others is asked for
when the pod is made, is short-lived, and stands in no ledger: whoever may read the account's pods sees it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any

from janitor.cloud import storage
from janitor.cloud.session import CloudAccess
from janitor.domain.identity import mailbox_prefix_for
from janitor.domain.log_lines import LineLogger
from janitor.settings import Settings

BOOTSTRAP_LIFETIME = timedelta(minutes=30)
"""How long a pod has, from its create, until its guard must have asked for its mailbox: images are large."""
MOST_ORDERS = 50
_MOST_OUTCOME_BYTES = 512 << 10

log = LineLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class PodFile:
    """Something that a guard fetches."""

    url: str
    """Presigned; a secret for as long as it is valid."""
    sha256: str


@dataclass(frozen=True, kw_only=True)
class PodOutcome:
    """What a guard says of one order; what the program printed is a stranger's word."""

    boot: str
    """Of the guard: two of them are a pod that was started again in between."""
    exit_code: int | None
    """None: the program wasn't started."""
    error: str | None
    output: str
    """The end of what it printed."""


class Mailbox:
    """One pod's, by its name."""

    def __init__(self, settings: Settings, pod_name: str) -> None:
        self._access = CloudAccess.of(settings)
        self._bucket = settings.bucket
        self._folder = mailbox_prefix_for(settings.deployment, pod_name)

    def open(self, lives_until: datetime, orders: int = MOST_ORDERS) -> str:
        """Make room for orders; returns the address that leads to them.

        Args:
            lives_until: Of the pod; no address outlives it.
            orders: How many at most, from 1 to MOST_ORDERS.

        Raises:
            CloudError: S3 refuses, or there are no credentials that last so long.
        """
        if not 1 <= orders <= MOST_ORDERS:
            raise ValueError(f"a mailbox has room for 1 to {MOST_ORDERS} orders, not {orders}")
        lives = max(lives_until - datetime.now(timezone.utc), timedelta(seconds=1))
        access, bucket = self._access, self._bucket
        entries = [
            {
                "order_url": storage.presigned_get(access, bucket, self._order(number), valid_for=lives),
                "outcome_url": storage.presigned_put(access, bucket, self._outcome(number), valid_for=lives),
            }
            for number in range(orders)
        ]
        key = f"{self._folder}/bootstrap.json"
        storage.put(access, bucket, key, json.dumps({"orders": entries}).encode())
        return storage.presigned_get(access, bucket, key, valid_for=min(BOOTSTRAP_LIFETIME, lives))

    def put(
        self,
        number: int,
        *,
        fence: int,
        program: PodFile,
        given: PodFile | None,
        arguments: Sequence[str],
        limit: timedelta,
    ) -> None:
        """Leave an order; the guard takes them by number, from 0.

        Args:
            number: Which place in the mailbox.
            fence: Of the claim; the outcome says it again.
            program: For Python, run by another user than the guard's.
            given: Its standard input.
            arguments: After its name.
            limit: After which it is killed.

        Raises:
            CloudError: S3 refuses.
        """
        order = {
            "fence": fence,
            "program": {"url": program.url, "sha256": program.sha256},
            "input": None if given is None else {"url": given.url, "sha256": given.sha256},
            "arguments": list(arguments),
            "limit_seconds": limit.total_seconds(),
        }
        storage.put(self._access, self._bucket, self._order(number), json.dumps(order).encode())

    def end(self, number: int) -> None:
        """Have the guard end its pod when it comes to this place.

        Raises:
            CloudError: S3 refuses.
        """
        storage.put(self._access, self._bucket, self._order(number), b'{"end": true}')

    def outcome(self, number: int, *, fence: int) -> PodOutcome | None:
        """What came of an order; None as long as nothing is there that answers this claim.

        Raises:
            CloudError: S3 can't be asked.
        """
        content = storage.get(self._access, self._bucket, self._outcome(number), at_most_bytes=_MOST_OUTCOME_BYTES)
        found = None if content is None else _read(content)
        if found is None:
            return None
        said, outcome = found
        if said != fence:
            log.warning("%s answers claim %s and not %s; it doesn't count", self._outcome(number), said, fence)
            return None
        return outcome

    def _order(self, number: int) -> str:
        return f"{self._folder}/orders/{number}.json"

    def _outcome(self, number: int) -> str:
        return f"{self._folder}/outcomes/{number}.json"


def _read(content: bytes) -> tuple[int, PodOutcome] | None:
    """An outcome with its fence; None where it is none: strangers' code ran beside whoever wrote it."""
    try:
        document: Any = json.loads(content)
        fence, exit_code, error = document["fence"], document["exit_code"], document["error"]
        boot, output = document["boot"], document["output"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    numbers = [fence, *([] if exit_code is None else [exit_code])]
    texts = [boot, output, *([] if error is None else [error])]
    if not all(type(one) is int for one in numbers) or not all(isinstance(one, str) for one in texts):
        return None
    return fence, PodOutcome(boot=boot, exit_code=exit_code, error=error, output=output)
