"""`scrub` and `tripwire`: does what an order asks, and hands the answer in."""

from __future__ import annotations

import time
from datetime import timedelta

from janitor.guest.journal import Journal
from janitor.guest.processes.confinement import become_subreaper, hide_memory
from janitor.guest.redaction import Redactor
from janitor.protocol.reuse.order import ReuseOrder
from janitor.protocol.reuse.result import EXIT_CLEAN, EXIT_LEFT, EXIT_UNDELIVERED, ReuseResult
from janitor.validator import VERSION
from janitor.validator.delivery import DeliveryError, hand_in
from janitor.validator.reuse.scrub import scrub
from janitor.validator.reuse.tripwire import take_manifest
from janitor.validator.settings import Settings

_LOOK_SHARE = 0.5
"""Of the limit: what the folders may take. The rest is for clearing before, and for the answer's way."""
_LEAST_DELIVERY = timedelta(seconds=10)


def carry_out(order: ReuseOrder) -> int:
    """Clear the machine where that is asked, look at it, and hand the answer in; returns the exit code."""
    began = time.monotonic()
    become_subreaper()
    hide_memory()
    settings = Settings.from_environment()
    redactor = Redactor([order.result_url] if order.result_url is not None else [])
    journal = Journal(redactor)
    done = scrub(settings, order.before, order.validation_id, redactor) if order.before is not None else None
    manifest = take_manifest(settings, within_seconds=order.limit.total_seconds() * _LOOK_SHARE)
    taken = time.monotonic() - began
    result = ReuseResult(
        worker_id=order.worker_id,
        ordinal=order.ordinal,
        nonce=order.nonce,
        validator_version=VERSION,
        seconds=taken,
        scrub=done,
        manifest=manifest,
    )
    for what, lines in (("survived", done.survivors), ("removed", done.removed), ("left", done.left)) if done else ():
        for line in lines:
            journal.say(f"{what}: {line}")
    entries = sum(len(each.entries) for each in manifest.areas)
    journal.say(f"looked at {entries} entries and {len(manifest.processes)} processes in {taken:.1f} s")
    try:
        left = max(order.limit - timedelta(seconds=taken), _LEAST_DELIVERY)
        hand_in(result.to_json(), url=order.result_url, path=order.result_path, limit=left, journal=journal)
    except DeliveryError as exc:
        journal.say(f"answer not delivered: {exc}")
        return EXIT_UNDELIVERED
    return EXIT_LEFT if done is not None and (done.left or done.survivors) else EXIT_CLEAN
