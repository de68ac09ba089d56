"""What every channel is given, and how it says that it failed.

Invariant: what goes wrong is told in words of our own. A channel's address can be its password, so neither an address
nor what a library says of a failed call is ever repeated.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import httpx

from janitor.cloud.secret_values import secret_value
from janitor.cloud.session import CloudAccess
from janitor.domain.errors import CloudError, JanitorError
from janitor.domain.news.message import DeliveryKind, Message
from janitor.domain.watch.waits import waiting
from janitor.services.news.senders.connections import cut_in_time
from janitor.settings import Settings

TIMEOUT = timedelta(seconds=10)
"""For connecting, and for each pause of an answer; `bounded` has the bound of the whole."""
_LONGEST_ANSWER = 1 << 20
_TOO_MANY = 429
_LONGEST_RETRY = timedelta(hours=1)


class SendError(JanitorError):
    """A message didn't arrive; it is tried again."""

    def __init__(self, message: str, *, retry_after: timedelta | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after
        """When the channel wants to be asked again; None: it doesn't say."""


class PartlySentError(SendError):
    """Some have the message and others don't: it is tried again for those alone."""

    def __init__(self, message: str, *, external_ref: str, left_to: Sequence[str]) -> None:
        super().__init__(message)
        self.external_ref = external_ref
        """What the channel calls the message."""
        self.left_to = tuple(left_to)
        """Who doesn't have it."""


@dataclass(frozen=True, kw_only=True)
class Outgoing:
    """One message for one channel."""

    settings: Settings
    key: str
    """The same for every try of this message, and for no other one."""
    news_key: str
    """The same for every message about one thing, also when it comes back."""
    kind: DeliveryKind
    message: Message
    address: Mapping[str, Any]
    thread_ref: str | None
    """What the channel called the first message of the same news."""

    def secret(self) -> str:
        """The channel's secret, asked for anew for every message and kept nowhere.

        Raises:
            SendError: It can't be read.
        """
        name = f"{self.settings.news_secrets_prefix}{self.address['secret']}"
        try:
            return secret_value(CloudAccess.of(self.settings), name)
        except CloudError as exc:
            # AWS's words name the secret and what is missing; they never have its value.
            raise SendError(f"the secret {name} can't be read: {exc}") from exc


Sender = Callable[[Outgoing], str | None]
"""Sends a message; returns what the channel calls it, where that is of use. Raises SendError."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What an HTTP service said."""

    status: int
    document: Any
    """None where it is no JSON."""
    text: str
    headers: Mapping[str, str]
    """By name in small letters."""
    retry_after: timedelta | None = None
    """When the service wants to be asked again; None: it doesn't say."""


def ask_http(
    service: str,
    method: str,
    url: str,
    *,
    body: Any = None,
    headers: Mapping[str, str] | None = None,
    query: Mapping[str, str] | None = None,
    enough: int | None = None,
) -> Answer:
    """Send one request and read the answer; no redirect is followed.

    Args:
        service: Its name, for people.
        method: Of HTTP.
        url: Where.
        body: Sent as JSON.
        headers: Sent with it.
        query: Of the address.
        enough: A status that says everything: nothing more is read, as what fails after it undoes nothing.

    Raises:
        SendError: Nobody answered, or the service is overloaded.
    """
    try:
        with (
            waiting(f"waiting for {service}", TIMEOUT * 4),
            httpx.Client(timeout=TIMEOUT.total_seconds(), follow_redirects=False) as client,
            client.stream(
                method,
                url,
                json=body,
                headers=dict(headers or {}),
                params=dict(query or {}),
                extensions={"trace": _cut_in_time},
            ) as answer,
        ):
            content = b"" if answer.status_code == enough else _read(service, answer)
    except (httpx.HTTPError, httpx.InvalidURL) as exc:
        # The exception's own words have the address in them.
        raise SendError(f"{service} can't be reached ({type(exc).__name__})") from None
    if answer.status_code == _TOO_MANY or answer.status_code >= 500:
        raise SendError(f"{service} answered {answer.status_code}", retry_after=_retry_after(answer))
    try:
        document = httpx.Response(answer.status_code, content=content).json() if content else None
    except ValueError:
        document = None
    return Answer(
        status=answer.status_code,
        document=document,
        text=content.decode(errors="replace"),
        headers=dict(answer.headers),
        retry_after=_retry_after(answer),
    )


def _cut_in_time(event: str, info: Mapping[str, Any]) -> None:
    """Source: www.encode.io/httpcore, "Extensions", `trace`."""
    if event == "connection.connect_tcp.complete":
        cut_in_time(info["return_value"].get_extra_info("socket"))


def _read(service: str, answer: httpx.Response) -> bytes:
    content, give_up_at = b"", time.monotonic() + TIMEOUT.total_seconds()
    for part in answer.iter_bytes():
        content += part
        if len(content) > _LONGEST_ANSWER:
            raise SendError(f"{service} answered with more than {_LONGEST_ANSWER} bytes")
        if time.monotonic() > give_up_at:
            raise SendError(f"{service} doesn't come to the end of its answer")
    return content


def _retry_after(answer: httpx.Response) -> timedelta | None:
    """By `Retry-After`, or by what GitHub says of a limit that is reached.

    Source: docs.github.com, "Rate limits for the REST API".
    """
    said = answer.headers.get("Retry-After", "")
    resets = answer.headers.get("X-RateLimit-Reset", "")
    if not said and answer.headers.get("X-RateLimit-Remaining") == "0" and resets.isdecimal() and len(resets) < 12:
        said = str(max(1, int(resets) - int(time.time())))
    return min(timedelta(seconds=int(said)), _LONGEST_RETRY) if said.isdecimal() and len(said) < 8 else None
