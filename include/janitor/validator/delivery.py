"""Delivers the report: to a file, and to a presigned URL. The URL is a secret and appears nowhere.

Until the URL has taken it, the report stays on this machine: an address can end with the credentials that signed it,
and then the control plane asks for the report again.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
import time
import urllib.error
import urllib.request
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

from janitor.guest.interrupts import DeliveryTimeOver, delivery_limit
from janitor.guest.journal import Journal
from janitor.protocol.order.spec import ValidationSpec
from janitor.protocol.report import Report
from janitor.protocol.terms.proof import sealed
from janitor.validator.kept_report import KeptReport
from janitor.validator.settings import Settings

LEAST_TIME = timedelta(seconds=3)
"""What a report may take when the grace period is over: better late than never."""
_ATTEMPT_SECONDS = 30.0
_FIRST_PAUSE_SECONDS = 0.5
_LONGEST_PAUSE_SECONDS = 10.0
_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
"""No proxy leads there."""
_FINAL_STATUSES = frozenset({400, 401, 403, 404, 405})
"""S3 will not change its mind about these: the URL is wrong or has expired. A redirect is as final."""


class DeliveryError(Exception):
    """The report could not be delivered; the message doesn't name the URL."""


def deliver(report: Report, spec: ValidationSpec, settings: Settings, *, limit: timedelta, journal: Journal) -> str:
    """Write the report, with its proof where the spec has a key, wherever the spec wants it.

    Args:
        report: The report.
        spec: Names the destinations.
        settings: Name the folder in which it stays until it is uploaded.
        limit: Time for all attempts together.
        journal: Where attempts that failed are told.

    Returns:
        The sha256 of what was written, in hex.

    Raises:
        DeliveryError: A destination did not take it.
    """
    content = report.to_json()
    if spec.proof_key is not None:
        content = sealed(content, bytes.fromhex(spec.proof_key))
    if spec.report_path is not None:
        _write(Path(spec.report_path), content)
    if spec.report_url is not None:
        kept = KeptReport(settings.temporary, spec.validation_id)
        kept.keep(content, journal)
        try:
            with delivery_limit(limit):
                _upload(spec.report_url, content, journal)
        except DeliveryTimeOver as exc:
            raise DeliveryError(f"the report was not uploaded within {limit.total_seconds():.0f} s") from exc
        kept.forget()
    return hashlib.sha256(content).hexdigest()


def hand_in(content: bytes, *, url: str | None, path: str | None, limit: timedelta, journal: Journal) -> None:
    """Write another document than a report wherever it is wanted; no copy of it stays.

    Args:
        content: All of it.
        url: Presigned, takes it by PUT; a secret. None: nobody.
        path: File that takes it; None: none.
        limit: Time for all attempts together.
        journal: Where attempts that failed are told.

    Raises:
        DeliveryError: A destination did not take it.
    """
    if path is not None:
        _write(Path(path), content)
    if url is not None:
        try:
            with delivery_limit(limit):
                _upload(url, content, journal)
        except DeliveryTimeOver as exc:
            raise DeliveryError(f"the answer was not uploaded within {limit.total_seconds():.0f} s") from exc


def _write(path: Path, content: bytes) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        os.replace(temporary, path)
    except OSError as exc:
        raise DeliveryError(f"the report could not be written to {path}: {exc.strerror}") from exc


def _upload(url: str, content: bytes, journal: Journal) -> None:
    """PUT until it is taken or refused for good; `delivery_limit` ends the attempts."""
    pause = _FIRST_PAUSE_SECONDS
    handlers: list[type[urllib.request.BaseHandler] | urllib.request.BaseHandler] = [_NoRedirect]
    if urlsplit(url).hostname in _LOOPBACK:
        handlers.append(urllib.request.ProxyHandler({}))
    opener = urllib.request.build_opener(*handlers)
    while True:
        try:
            request = urllib.request.Request(url, data=content, method="PUT")  # noqa: S310  # the spec allows http(s)
            with opener.open(request, timeout=_ATTEMPT_SECONDS) as response:
                if 200 <= response.status < 300:
                    return
                problem = f"HTTP {response.status}"
        except urllib.error.HTTPError as exc:
            problem = f"HTTP {exc.code}"
            if exc.code in _FINAL_STATUSES or exc.code < 400:
                raise DeliveryError(f"the report was refused with {problem}; the upload URL may have expired") from None
        except (OSError, ValueError) as exc:
            # The text of these errors can hold the URL; their kind doesn't.
            problem = type(getattr(exc, "reason", exc)).__name__
        journal.say(f"report upload failed ({problem}); trying again in {pause:.1f} s")
        time.sleep(pause)
        pause = min(pause * 2, _LONGEST_PAUSE_SECONDS)


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A presigned URL is not redirected; following one would send the report elsewhere."""

    def redirect_request(self, *_args: object, **_kwargs: object) -> None:
        return None
