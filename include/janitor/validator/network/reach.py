"""Which hosts an untrusted repository may have asked, and where exactly they are.

Invariant: a name is looked up once, its addresses are judged, and only those addresses are connected to, so that a
name that leads elsewhere at the second look (DNS rebinding) leads nowhere.
"""

from __future__ import annotations

import ipaddress
import re
import socket
import threading
import urllib.parse
import urllib.request
from dataclasses import dataclass
from enum import Enum

from janitor.protocol.terms.reason_codes import ReasonCode
from janitor.validator.settings import Settings

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_NEVER = (
    ipaddress.ip_network("169.254.0.0/16"),
    ipaddress.ip_network("fe80::/10"),
    ipaddress.ip_network("fd00:ec2::/32"),
)
"""Link-local: where clouds answer with an instance's credentials."""
PACKAGE_HOSTS = frozenset(
    {
        *("pypi.org", "files.pythonhosted.org", "download.pytorch.org", "download-r2.pytorch.org", "pypi.nvidia.com"),
        *("github.com", "codeload.github.com", "huggingface.co"),
    }
)
"""Where packages come from, whoever names them. A network that gives these names addresses of its own has a mirror."""
_TRANSLATED = ipaddress.ip_network("64:ff9b::/96")
"""IPv4 behind a NAT64 gateway. Source: RFC 6052."""
_INSIDE = (".internal", ".local", ".localhost", ".localdomain")
"""Names that no public resolver knows; where a proxy resolves, the name is all that can be judged."""


class WebTrouble(Enum):
    """Why there is no answer."""

    NO_NETWORK = ReasonCode.NO_NETWORK  # this machine reaches nothing, or not this host
    TIMEOUT = ReasonCode.NETWORK_TIMEOUT
    REFUSED = ReasonCode.HOST_REFUSED  # a host that may not be asked
    TLS = ReasonCode.TLS_FAILED
    BROKEN = ReasonCode.ANSWER_BROKEN


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
class Target:
    """An address of the web, taken apart."""

    scheme: str
    host: str
    """Lower case, as DNS has it."""
    port: int
    path: str
    """With the query, quoted."""
    user: bytes | None
    """`name:password` of the address."""

    @property
    def origin(self) -> tuple[str, str, int]:
        """Whom credentials belong to."""
        return self.scheme, self.host, self.port

    @property
    def name(self) -> str:
        """Host and port as a request names them, the port only where it isn't the scheme's own."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def url(self) -> str:
        """Whole, without name and password."""
        return f"{self.scheme}://{self.name}{self.path}"


_PORTS = {"http": 80, "https": 443}
_KEPT = "%/:=&?~#+!$,;'@()*[]"
"""What a path may hold as it is. Source: RFC 3986; the rest is quoted, as browsers and curl do."""


_HOST = re.compile(r"[A-Za-z0-9._-]{1,253}|[0-9A-Fa-f:.]{2,45}")
"""A name or an IPv4 address; or an IPv6 address, without its brackets."""


def parse_target(url: str) -> Target:
    """Take an address apart.

    Raises:
        WebError: It is no http or https address.
    """
    try:
        parts = urllib.parse.urlsplit(url)
        host = (parts.hostname or "").rstrip(".")
        host = host if host.isascii() else host.encode("idna").decode("ascii")
        port = parts.port
        path = urllib.parse.quote(parts.path or "/", safe=_KEPT)
        query = urllib.parse.quote(parts.query, safe=_KEPT)
        user = None
        if parts.username is not None:
            user = f"{urllib.parse.unquote(parts.username)}:{urllib.parse.unquote(parts.password or '')}".encode()
    except ValueError as exc:  # UnicodeError is one
        raise WebError(WebTrouble.REFUSED, f"{url[:200]!r} is no address: {exc}") from exc
    # Another reader decodes what is written with % in a host's name, so no name is judged that holds one.
    if parts.scheme not in _PORTS or not _HOST.fullmatch(host):
        raise WebError(WebTrouble.REFUSED, f"{url[:200]!r} is no http or https address")
    return Target(
        scheme=parts.scheme,
        host=host.lower(),
        port=port or _PORTS[parts.scheme],
        path=f"{path}?{query}" if query else path,
        user=user,
    )


class Reach:
    """Judges hosts.

    Args:
        settings: Proxies, and the private hosts that may be asked.
        also: Hosts that may be asked wherever they are, but never at a link-local address.
    """

    def __init__(self, settings: Settings, *, also: frozenset[str] = frozenset()) -> None:
        self._private_hosts = settings.private_hosts | also
        named = {name.lower().removesuffix("_proxy"): url for name, url in settings.proxies.items() if url}
        self._proxies = {scheme: named[scheme] for scheme in _PORTS if scheme in named}
        self._no_proxy = named.get("no", "")

    def proxy(self, target: Target) -> str | None:
        """The proxy that a target is asked through; None if it is asked directly."""
        # What is asked directly in spite of a proxy is judged as without one.
        if self._no_proxy and urllib.request.proxy_bypass_environment(target.host, {"no": self._no_proxy}):  # type: ignore[attr-defined]  # not in typeshed
            return None
        return self._proxies.get(target.scheme)

    def addresses(self, target: Target, *, seconds: float) -> list[str]:
        """Where a target is; empty where a proxy looks it up.

        Args:
            target: Of a request.
            seconds: How long the look-up may take.

        Raises:
            WebError: It may not be asked, or isn't known.
        """
        literal = _literal(target.host)
        if literal is None and self.proxy(target) is not None:
            if ("." not in target.host or target.host.endswith(_INSIDE)) and target.host not in self._private_hosts:
                raise self._private(target.host)
            return []
        found = [literal] if literal is not None else _looked_up(target, seconds)
        for address in found:
            for each in _meant(address):
                if any(each in network for network in _NEVER if each.version == network.version):
                    raise WebError(WebTrouble.REFUSED, f"{target.host} is a link-local address, which is not asked")
                if not each.is_global and target.host not in self._private_hosts:
                    raise self._private(target.host)
        return [str(address) for address in found]

    @staticmethod
    def _private(host: str) -> WebError:
        reason = f"{host} is in a private network; name it in JANITOR_PRIVATE_HOSTS to have it asked"
        return WebError(WebTrouble.REFUSED, reason)


def _literal(host: str) -> Address | None:
    """An address written as one, also as a resolver of the C library reads it: 0x7f.1, 2130706433."""
    try:
        return ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        pass
    try:
        return ipaddress.IPv4Address(socket.inet_aton(host))
    except (OSError, ValueError):
        return None


def _looked_up(target: Target, seconds: float) -> list[Address]:
    """The addresses of a name. In a thread, as a look-up has no time limit and a name server may be anybody's."""
    answers: list[list[Address] | Exception] = []

    def look_up() -> None:
        try:
            found = socket.getaddrinfo(target.host, target.port, type=socket.SOCK_STREAM)
            texts = dict.fromkeys(str(item[4][0]).partition("%")[0] for item in found)
            answers.append([ipaddress.ip_address(text) for text in texts])
        except (OSError, ValueError) as exc:
            answers.append(exc)

    thread = threading.Thread(target=look_up, name="look-up", daemon=True)
    thread.start()
    thread.join(seconds)
    if not answers:
        raise WebError(WebTrouble.TIMEOUT, f"the name {target.host} was not resolved in time")
    answer = answers[0]
    if isinstance(answer, Exception):
        raise WebError(WebTrouble.NO_NETWORK, f"{target.host} can't be resolved from here: {answer}")
    return answer


def _meant(address: Address) -> list[Address]:
    """An address and the IPv4 ones that it carries packets to."""
    if isinstance(address, ipaddress.IPv4Address):
        return [address]
    low = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    if address.ipv4_mapped is not None:
        return [address.ipv4_mapped]
    if address in _TRANSLATED:
        return [low]
    if address.sixtofour is not None:
        return [address, address.sixtofour]
    if address.teredo is not None:
        return [address, *address.teredo]
    # The deprecated form ::a.b.c.d; ::1 and :: are judged as themselves.
    return [address, low] if 1 < int(address) < 2**32 else [address]
