"""One bounded HTTP request to a host that an untrusted repository names.

Invariant: no request goes to a machine's own services, to a private network or to a cloud's metadata address, whatever
the repository or a redirect says; every request has a time limit and every body a size.
"""

from __future__ import annotations

import base64
import contextlib
import http.client
import socket
import ssl
import threading
import time
import urllib.parse
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta

from janitor.validator.network.reach import Reach, Target, WebError, WebTrouble, parse_target
from janitor.validator.settings import Settings

__all__ = ["Web", "WebAnswer", "WebError", "WebTrouble"]

_REDIRECTS = 5
_MOST_BYTES = 4 * 1024 * 1024
_SECONDS = 8.0
"""Longest silence of a host."""
_REQUEST_SECONDS = 20.0
"""Longest request: a host that sends a byte now and then is never silent."""
_AGENT = "janitor-validator"
_REDIRECTING = frozenset({301, 302, 303, 307, 308})


@dataclass(frozen=True, kw_only=True)
class WebAnswer:
    """An HTTP response."""

    status: int
    headers: Mapping[str, str]
    """By lower-case name; values of a repeated one are joined with commas."""
    body: bytes
    url: str
    """After redirects."""


class Web:
    """Makes requests within one time budget.

    Args:
        settings: Proxies, certificates and the private hosts that may be asked.
        limit: For all requests together.
        also: See `Reach`.
    """

    def __init__(self, settings: Settings, *, limit: timedelta, also: frozenset[str] = frozenset()) -> None:
        self._reach = Reach(settings, also=also)
        self._deadline = time.monotonic() + limit.total_seconds()
        self._unreachable: set[str] = set()
        self._context = ssl.create_default_context(cafile=_bundle(settings))

    def ask(
        self, url: str, *, method: str = "HEAD", headers: Mapping[str, str] | None = None, most: int = _MOST_BYTES
    ) -> WebAnswer:
        """Make a request and follow its redirects.

        Args:
            url: http or https.
            method: HEAD or GET.
            headers: Of the request; credentials among them stay with the first host, and with TLS if it had that.
            most: Largest body that is read, in bytes; the rest is left.

        Raises:
            WebError: There is no answer.
        """
        sent = dict(headers or {})
        target = parse_target(url)
        if target.user is not None:
            sent.setdefault("Authorization", f"Basic {base64.b64encode(target.user).decode()}")
        first = target.origin
        for _ in range(_REDIRECTS + 1):
            if target.origin != first:
                sent.pop("Authorization", None)
            answer = self._once(target, method, sent, most)
            location = answer.headers.get("location")
            if answer.status not in _REDIRECTING or not location:
                return answer
            target = _followed(target, location)
        raise WebError(WebTrouble.BROKEN, f"{target.url[:200]} redirects more than {_REDIRECTS} times")

    def _once(self, target: Target, method: str, headers: Mapping[str, str], most: int) -> WebAnswer:
        remaining = self._deadline - time.monotonic()
        if remaining <= 0:
            raise WebError(WebTrouble.TIMEOUT, "the time for network checks is over")
        if target.name in self._unreachable:
            raise WebError(WebTrouble.NO_NETWORK, f"{target.name} can't be reached from here")
        late = threading.Event()
        try:
            addresses = self._reach.addresses(target, seconds=min(_SECONDS, remaining))
            with self._connected(target, addresses, min(_REQUEST_SECONDS, remaining), late) as connection:
                path = target.path
                own = {"User-Agent": _AGENT, "Connection": "close"}
                if (proxy := self._reach.proxy(target)) is not None and target.scheme == "http":
                    path, own = target.url, {**own, **_proxy_headers(proxy)}
                connection.request(method, path, headers={**own, **headers})
                response = connection.getresponse()
                return _answer(response, target, most, late)
        except WebError as error:
            if error.trouble is WebTrouble.NO_NETWORK:
                self._unreachable.add(target.name)
            raise
        except (OSError, http.client.HTTPException, ValueError) as error:
            if late.is_set():
                raise _too_late(target) from error
            raise self._trouble(error, target) from error

    @contextlib.contextmanager
    def _connected(
        self, target: Target, addresses: list[str], seconds: float, late: threading.Event
    ) -> Iterator[http.client.HTTPConnection]:
        """A connection that is cut when the time is over, whatever is being waited for."""
        ends_at = time.monotonic() + seconds
        proxy = self._reach.proxy(target)
        host, port = (target.host, target.port) if proxy is None else _place(proxy)
        # A silent host is given up before the rest of the time is over.
        silence = min(_SECONDS, seconds)
        connection = (
            http.client.HTTPSConnection(host, port, timeout=silence, context=self._context)
            if target.scheme == "https"
            else http.client.HTTPConnection(host, port, timeout=silence)
        )
        if proxy is not None and target.scheme == "https":
            connection.set_tunnel(target.host, target.port, headers=_proxy_headers(proxy))

        def cut() -> None:
            late.set()
            if connection.sock is not None:
                with contextlib.suppress(OSError):
                    # Of the plain class: TLS's own would touch what the other thread is using.
                    socket.socket.shutdown(connection.sock, socket.SHUT_RDWR)

        timer: threading.Timer | None = None
        try:
            if proxy is None:
                # The addresses that were judged, not what the name says now.
                plain = _opened(addresses, target.port, ends_at)
                connection.sock = plain
            timer = threading.Timer(max(ends_at - time.monotonic(), 0), cut)
            timer.daemon = True
            timer.start()
            if proxy is None and target.scheme == "https":
                connection.sock = self._context.wrap_socket(plain, server_hostname=target.host)
            yield connection
        finally:
            if timer is not None:
                timer.cancel()
            connection.close()

    def _trouble(self, error: Exception, target: Target) -> WebError:
        name = target.name
        if isinstance(error, TimeoutError):
            return WebError(WebTrouble.TIMEOUT, f"{name} did not answer in time")
        if isinstance(error, ssl.SSLError):
            return WebError(WebTrouble.TLS, f"no trusted connection to {name}: {error}")
        broken = (http.client.HTTPException, ConnectionResetError, ConnectionAbortedError, BrokenPipeError, ValueError)
        if isinstance(error, broken):
            return WebError(WebTrouble.BROKEN, f"{name} broke off: {error or type(error).__name__}")
        self._unreachable.add(name)
        return WebError(WebTrouble.NO_NETWORK, f"{name} can't be reached from here: {error}")


def _opened(addresses: list[str], port: int, ends_at: float) -> socket.socket:
    """A connection to the first of the addresses that takes one."""
    last: OSError = OSError("it has no address")
    for address in addresses:
        seconds = min(_SECONDS, ends_at - time.monotonic())
        if seconds <= 0:
            raise TimeoutError("no address answered in time")
        try:
            return socket.create_connection((address, port), timeout=seconds)
        except OSError as exc:
            last = exc
    raise last


def _answer(response: http.client.HTTPResponse, target: Target, most: int, late: threading.Event) -> WebAnswer:
    body = bytearray()
    while len(body) < most:
        # One look at the connection, not as many as the piece has room for.
        piece = response.read1(min(64 * 1024, most - len(body)))
        if not piece:
            break
        body += piece
    if late.is_set():
        raise _too_late(target)
    headers: dict[str, str] = {}
    for name, value in response.headers.items():
        key = name.lower()
        headers[key] = f"{headers[key]}, {value}" if key in headers else value
    return WebAnswer(status=int(response.status or 0), headers=headers, body=bytes(body), url=target.url)


def _too_late(target: Target) -> WebError:
    return WebError(WebTrouble.TIMEOUT, f"{target.name} did not finish its answer in time")


def _followed(target: Target, location: str) -> Target:
    """Where a redirect leads.

    Raises:
        WebError: Nowhere.
    """
    with contextlib.suppress(UnicodeError):
        # Header fields are read as Latin-1; what servers send raw is UTF-8.
        location = location.encode("latin-1").decode("utf-8")
    try:
        joined = urllib.parse.urljoin(target.url, location.strip())
    except ValueError as exc:
        raise WebError(WebTrouble.BROKEN, f"{target.url[:200]} redirects to what is no address") from exc
    return parse_target(joined)


def _place(proxy: str) -> tuple[str, int]:
    """Host and port of a proxy, which may be written without a scheme."""
    parts = urllib.parse.urlsplit(proxy if "://" in proxy else f"http://{proxy}")
    return parts.hostname or "", parts.port or 80


def _proxy_headers(proxy: str) -> dict[str, str]:
    parts = urllib.parse.urlsplit(proxy if "://" in proxy else f"http://{proxy}")
    if parts.username is None:
        return {}
    user = f"{urllib.parse.unquote(parts.username)}:{urllib.parse.unquote(parts.password or '')}"
    return {"Proxy-Authorization": f"Basic {base64.b64encode(user.encode()).decode()}"}


def _bundle(settings: Settings) -> str | None:
    return settings.certificates.get("SSL_CERT_FILE") or settings.certificates.get("REQUESTS_CA_BUNDLE")
