"""RunPod's REST v2: one request, one answer, and what went wrong in words that never have the key in them.

Every answer is bounded in size and in time. What an answer says of the rate that is left is kept for all clients of
the same key in this process: nothing but a DELETE is sent before the window begins anew.

Source: docs.runpod.io, API v2 reference, openapi.json (2.0.0).
"""

from __future__ import annotations

import hashlib
import json
import re
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import httpx
from pydantic import SecretStr

from janitor.domain.errors import CloudError
from janitor.domain.watch.waits import waiting

CALL_TIMEOUT = timedelta(seconds=30)
"""For connecting, for each pause of an answer, and for the whole of one."""
CREATE_TIMEOUT = timedelta(seconds=60)
"""The same for a create, which places the pod before it answers."""
LONGEST_HOLD = timedelta(hours=24)
"""Source: openapi.json, RateLimit-Policy: the longest window is a day."""
_MOST_PODS_BYTES = 16 << 20
_MOST_PROBLEM_BYTES = 64 << 10
_MOST_DETAIL = 500
_WINDOW = re.compile(r'"(?P<name>\w+)";r=(?P<left>\d{1,9});t=(?P<resets>\d{1,6})(?:,|$|\s)')
"""Of a RateLimit header, such as `"minute";r=0;t=12, "hour";r=2800;t=1812`."""
_SECONDS = re.compile(r"\d{1,6}")
_NOT_FOUND = 404
_TOO_MANY = 429
_TIMED_OUT = 408
_SERVER_ERROR = 500
_KEY_STANDS_FOR = "[key]"


class RunPodError(CloudError):
    """RunPod refused, or didn't answer."""

    def __init__(
        self, what: str, *, status: int | None = None, detail: str = "", retry_after: timedelta | None = None
    ) -> None:
        self.what, self.status, self.detail, self.retry_after = what, status, detail, retry_after
        said = f"RunPod answered {status}" if status is not None else "RunPod gave no answer"
        super().__init__(f"{what}: {said}{f': {detail}' if detail else ''}")

    def __reduce__(self) -> tuple[Any, ...]:
        return _again, (self.what, self.status, self.detail, self.retry_after)

    @property
    def is_missing(self) -> bool:
        """Whether it says that there is no such thing."""
        return self.status == _NOT_FOUND

    @property
    def is_open(self) -> bool:
        """Whether what was asked for may have been done all the same."""
        return self.status is None or self.status >= _SERVER_ERROR or self.status == _TIMED_OUT or self.status < 400


def _again(what: str, status: int | None, detail: str, retry_after: timedelta | None) -> RunPodError:
    return RunPodError(what, status=status, detail=detail, retry_after=retry_after)


@dataclass
class _Rate:
    """What is known of one key's rate in this process."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    not_before: float = 0.0
    """Of the monotonic clock."""

    def hold(self, pause: timedelta) -> None:
        until = time.monotonic() + min(pause, LONGEST_HOLD).total_seconds()
        with self.lock:
            self.not_before = max(self.not_before, until)

    def left(self) -> timedelta:
        with self.lock:
            return timedelta(seconds=max(0.0, self.not_before - time.monotonic()))


_rates: dict[tuple[str, str], _Rate] = {}
_rates_lock = threading.Lock()


class RunPodClient:
    """Requests with one key. Holds no connection between them."""

    def __init__(self, url: str, key: SecretStr) -> None:
        """Open nothing yet.

        Args:
            url: Of the API, with its version.
            key: The account's.
        """
        self.url = url
        self._key = key
        with _rates_lock:
            self._rate = _rates.setdefault((url, self.fingerprint), _Rate())

    @property
    def fingerprint(self) -> str:
        """By which a key is known without being told."""
        return hashlib.sha256(self._key.get_secret_value().encode()).hexdigest()[:12]

    def get(self, path: str, query: Mapping[str, str] | None = None) -> Any:
        """The document at a path.

        Raises:
            RunPodError: Refused, or no answer that can be read.
        """
        document = self._ask("GET", path, query=query)
        if document is None:
            raise RunPodError(f"GET {path}", detail="the answer is no JSON")
        return document

    def create(self, path: str, body: Mapping[str, Any]) -> Any:
        """Make something; the same body again makes another one.

        Raises:
            RunPodError: Refused; or nothing is known of what became of it.
        """
        document = self._ask("POST", path, body=body, timeout=CREATE_TIMEOUT)
        if document is None:
            raise RunPodError(f"POST {path}", detail="the answer is no JSON")
        return document

    def delete(self, path: str) -> None:
        """Delete something. It is always sent, whatever is left of the rate.

        Raises:
            RunPodError: Refused, or no answer.
        """
        self._ask("DELETE", path)

    def _ask(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | None = None,
        timeout: timedelta = CALL_TIMEOUT,
    ) -> Any:
        what = f"{method} {path}"
        if method != "DELETE" and (left := self._rate.left()):
            raise RunPodError(
                what, status=_TOO_MANY, detail="not asked: the rate of this key is used up", retry_after=left
            )
        headers = {"Authorization": f"Bearer {self._key.get_secret_value()}", "Accept": "application/json"}
        try:
            with (
                waiting(f"waiting for RunPod at {self.url}", timeout),
                httpx.Client(timeout=timeout.total_seconds(), follow_redirects=False) as http,
                http.stream(method, self.url + path, params=query, json=body, headers=headers) as answer,
            ):
                content = self._read(what, answer, timeout)
        except (httpx.HTTPError, httpx.InvalidURL) as exc:
            raise RunPodError(what, detail=f"{type(exc).__name__}; JANITOR_RUNPOD_API_URL is {self.url}") from None
        self._keep_rate(answer)
        document = _document(content)
        if answer.is_success:
            return document
        raise RunPodError(
            what,
            status=answer.status_code,
            detail=self._masked(_problem(document)),
            retry_after=_retry_after(answer),
        )

    def _read(self, what: str, answer: httpx.Response, timeout: timedelta) -> bytes:
        most = _MOST_PODS_BYTES if answer.is_success else _MOST_PROBLEM_BYTES
        content, give_up_at = b"", time.monotonic() + timeout.total_seconds()
        for part in answer.iter_bytes():
            content += part
            if len(content) > most:
                if answer.is_success:
                    raise RunPodError(what, detail=f"the answer has more than {most} bytes")
                return content[:most]  # what it says is enough, whoever says so much
            if time.monotonic() > give_up_at:
                raise RunPodError(what, detail="the answer doesn't come to its end")
        return content

    def _keep_rate(self, answer: httpx.Response) -> None:
        used_up = [
            int(found["resets"])
            for found in _WINDOW.finditer(answer.headers.get("RateLimit", "") + " ")
            if int(found["left"]) == 0
        ]
        if used_up:
            self._rate.hold(timedelta(seconds=max(used_up)))
        if answer.status_code == _TOO_MANY and (pause := _retry_after(answer)) is not None:
            self._rate.hold(pause)

    def _masked(self, text: str) -> str:
        return text.replace(self._key.get_secret_value(), _KEY_STANDS_FOR)[:_MOST_DETAIL]


def _document(content: bytes) -> Any:
    try:
        return json.loads(content) if content else None
    except (ValueError, RecursionError):
        return None


def _problem(document: Any) -> str:
    """What a problem document says, in one line."""
    if not isinstance(document, dict):
        return ""
    said = [document.get("detail") or document.get("title") or ""]
    errors = document.get("errors")
    if isinstance(errors, list):
        said.extend(errors[:5])
    return "; ".join(word for word in said if isinstance(word, str) and word)


def _retry_after(answer: httpx.Response) -> timedelta | None:
    said = answer.headers.get("Retry-After", "").strip()
    return timedelta(seconds=int(said)) if _SECONDS.fullmatch(said) else None
