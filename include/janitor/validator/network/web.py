"""One bounded HTTP request to a host that an untrusted repository names.

Invariant: no request goes to a machine's own services, to a private network or to a cloud's metadata address, whatever
the repository or a redirect says; every request has a time limit and every body a size.
"""

from __future__ import annotations

import contextlib
import http.client
import ipaddress
import socket
import ssl
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum

from janitor.validator.settings import Settings

_REDIRECTS = 5
_MOST_BYTES = 4 * 1024 * 1024
_SECONDS = 8.0
_AGENT = "janitor-validator"
_NEVER = (
    ipaddress.ip_network("169.254.0.0/16"),
    ipaddress.ip_network("fe80::/10"),
    ipaddress.ip_network("fd00:ec2::/32"),
)
"""Link-local: where clouds answer with an instance's credentials."""


class WebTrouble(str, Enum):
    """Why there is no answer."""

    NO_NETWORK = "no_network"  # this machine reaches nothing, or not this host
    TIMEOUT = "network_timeout"
    REFUSED = "host_refused"  # a host that may not be asked
    TLS = "tls_failed"
    BROKEN = "answer_broken"


class WebError(Exception):
    """There is no answer; nothing is said about the repository.

    Args:
        trouble: Why.
        reason: For people.
    """

    def __init__(self, trouble: WebTrouble, reason: str) -> None:
        super().__init__(reason)
        self.trouble = trouble


@dataclass(frozen=True, kw_only=True)
class WebAnswer:
    """An HTTP response."""

    status: int
    headers: Mapping[str, str]
    """By lower-case name."""
    body: bytes
    url: str
    """After redirects."""


class Web:
    """Makes requests within one time budget.

    Args:
        settings: Proxies, certificates and the private hosts that may be asked.
        limit: For all requests together.
    """

    def __init__(self, settings: Settings, *, limit: timedelta) -> None:
        self._private_hosts = settings.private_hosts
        self._deadline = time.monotonic() + limit.total_seconds()
        proxies = {
            name.lower().removesuffix("_proxy"): url
            for name, url in settings.proxies.items()
            if name.lower() in ("http_proxy", "https_proxy") and url
        }
        self._proxies = proxies
        self._unreachable: set[str] = set()
        context = ssl.create_default_context(cafile=_bundle(settings))
        self._opener = urllib.request.build_opener(
            urllib.request.ProxyHandler(proxies), urllib.request.HTTPSHandler(context=context), _NoRedirect()
        )

    def ask(
        self, url: str, *, method: str = "HEAD", headers: Mapping[str, str] | None = None, most: int = _MOST_BYTES
    ) -> WebAnswer:
        """Make a request and follow its redirects.

        Args:
            url: http or https.
            method: HEAD or GET.
            headers: Of the request; credentials among them stay with the first host.
            most: Largest body that is read, in bytes; the rest is left.

        Raises:
            WebError: There is no answer.
        """
        sent = dict(headers or {})
        first = urllib.parse.urlsplit(url).netloc
        for _ in range(_REDIRECTS + 1):
            if urllib.parse.urlsplit(url).netloc != first:
                sent.pop("Authorization", None)
            answer = self._once(url, method, sent, most)
            target = answer.headers.get("location")
            if answer.status not in (301, 302, 303, 307, 308) or not target:
                return answer
            url = urllib.parse.urljoin(url, target)
        raise WebError(WebTrouble.BROKEN, f"{url} redirects more than {_REDIRECTS} times")

    def _once(self, url: str, method: str, headers: Mapping[str, str], most: int) -> WebAnswer:
        parts = urllib.parse.urlsplit(url)
        host = parts.hostname or ""
        if parts.scheme not in ("http", "https") or not host:
            raise WebError(WebTrouble.REFUSED, f"{url[:200]} is no http or https address")
        remaining = self._deadline - time.monotonic()
        if remaining <= 0:
            raise WebError(WebTrouble.TIMEOUT, "the time for network checks is over")
        if host in self._unreachable:
            raise WebError(WebTrouble.NO_NETWORK, f"{host} can't be reached from here")
        self._refuse_private(host, parts.port or (443 if parts.scheme == "https" else 80), parts.scheme)
        request = urllib.request.Request(url, method=method, headers={"User-Agent": _AGENT, **headers})  # noqa: S310
        try:
            with self._opener.open(request, timeout=min(_SECONDS, remaining)) as response:
                return self._answer(response, url, most)
        except urllib.error.HTTPError as error:
            with error:
                return self._answer(error, url, most)
        except (urllib.error.URLError, OSError, http.client.HTTPException, ValueError) as error:
            raise self._trouble(error, host) from error

    def _answer(self, response: http.client.HTTPResponse | urllib.error.HTTPError, url: str, most: int) -> WebAnswer:
        body = bytearray()
        while len(body) < most:
            if time.monotonic() > self._deadline:
                raise WebError(WebTrouble.TIMEOUT, f"{url[:200]} did not finish its answer")
            piece = response.read(min(64 * 1024, most - len(body)))
            if not piece:
                break
            body += piece
        headers = {name.lower(): value for name, value in response.headers.items()}
        return WebAnswer(status=int(response.status or 0), headers=headers, body=bytes(body), url=url)

    def _refuse_private(self, host: str, port: int, scheme: str) -> None:
        addresses = self._addresses(host, port, resolve=scheme not in self._proxies)
        for address in addresses:
            if any(address in network for network in _NEVER if address.version == network.version):
                raise WebError(WebTrouble.REFUSED, f"{host} is a link-local address, which is not asked")
            if not address.is_global and host.lower() not in self._private_hosts:
                reason = f"{host} is in a private network; name it in JANITOR_PRIVATE_HOSTS to have it asked"
                raise WebError(WebTrouble.REFUSED, reason)

    def _addresses(self, host: str, port: int, *, resolve: bool) -> list[ipaddress.IPv4Address | ipaddress.IPv6Address]:
        with contextlib.suppress(ValueError):
            return [_plain(ipaddress.ip_address(host))]
        if not resolve:
            return []  # the proxy resolves it
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            self._unreachable.add(host)
            raise WebError(WebTrouble.NO_NETWORK, f"{host} can't be resolved from here: {error}") from error
        return [_plain(ipaddress.ip_address(str(item[4][0]).partition("%")[0])) for item in found]

    def _trouble(self, error: Exception, host: str) -> WebError:
        cause = error.reason if isinstance(error, urllib.error.URLError) else error
        if isinstance(cause, TimeoutError):
            return WebError(WebTrouble.TIMEOUT, f"{host} did not answer in time")
        if isinstance(cause, ssl.SSLError):
            return WebError(WebTrouble.TLS, f"no trusted connection to {host}: {cause}")
        if isinstance(cause, (http.client.HTTPException, ConnectionResetError, BrokenPipeError)):
            return WebError(WebTrouble.BROKEN, f"{host} broke off: {cause or type(cause).__name__}")
        self._unreachable.add(host)
        return WebError(WebTrouble.NO_NETWORK, f"{host} can't be reached from here: {cause}")


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Redirects are followed one by one, each as suspicious as the first address."""

    def redirect_request(self, *_arguments: object, **_named: object) -> None:
        return None


def _plain(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address


def _bundle(settings: Settings) -> str | None:
    return settings.certificates.get("SSL_CERT_FILE") or settings.certificates.get("REQUESTS_CA_BUNDLE")
