"""Where submodules may be fetched from, told of each before git is asked for it.

Invariant: a submodule is fetched by https from a host that the network's judge lets through, at an address that was
judged; by the transport of the repository itself only from where that one is: the same server, or a folder beside it.
Nothing else that .gitmodules says is followed: no command, no option, no path that leads out.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from janitor.diagnosis.rules.rule import Trouble
from janitor.protocol.terms.reason_codes import ReasonCode
from janitor.validator.settings import Settings

if TYPE_CHECKING:
    from janitor.validator.network.reach import Reach, Target

MOST_SUBMODULES = 200
DEEPEST = 10
_SUFFIX = "/info/refs?service=git-upload-pack"
"""What git asks first. Source: gitprotocol-http."""
_LOOK_UP_SECONDS = 20.0
_WEB_LIMIT = timedelta(minutes=2)
_ODD = re.compile(r"[\x00-\x20\x7f\\]")


class SubmoduleError(Exception):
    """A submodule that isn't fetched.

    Args:
        trouble: Whose fault it is, and why.
    """

    def __init__(self, trouble: Trouble) -> None:
        super().__init__(trouble.reason)
        self.trouble = trouble


@dataclass(frozen=True, kw_only=True)
class Submodule:
    """One that the commit has."""

    name: str
    path: str
    """From the root of the repository that it is in."""
    url: str
    """As .gitmodules has it."""


@dataclass(frozen=True, kw_only=True)
class Source:
    """Where a submodule is fetched from."""

    url: str
    """After redirects, which git then need not follow."""
    transport: str
    pinned: str | None
    """Host, port and the addresses that were judged, as curl's --resolve takes them; None where a proxy looks it up, or
    nothing is asked."""
    shown: str
    """For people: without name and password."""


def transport_of(url: str) -> str:
    """How a repository's own address is fetched; `none` for what isn't."""
    if url.startswith("/"):
        return "file"
    scheme = url.partition("://")[0] if "://" in url else ""
    if scheme in ("https", "http", "ssh", "file"):
        return scheme
    return "ssh" if not scheme and re.fullmatch(r"[\w.-]+@[\w.-]+:[^:].*", url) else "none"


def named_submodules(settings: Iterable[tuple[str, str]], links: Iterable[str]) -> list[Submodule]:
    """The submodules of a commit.

    Args:
        settings: Name and value of what .gitmodules says.
        links: The paths at which the commit has another repository's commit.

    Raises:
        SubmoduleError: One isn't mapped, or by what is no name, path or way to check it out.
    """
    found: dict[str, dict[str, str]] = {}
    for key, value in settings:
        section, _, rest = key.partition(".")
        name, _, field = rest.rpartition(".")
        if section == "submodule" and name:
            found.setdefault(name, {})[field] = value
    by_path: dict[str, str] = {}
    for name, fields in found.items():
        by_path.setdefault(fields.get("path", "").rstrip("/"), name)
    modules = []
    for path in links:
        name = by_path.get(path, "")
        if "url" not in found.get(name, {}):
            raise _error(
                ReasonCode.SUBMODULE_UNMAPPED, f"the submodule at {_printable(path)} has no address in .gitmodules"
            )
        if not _is_plain(name, path):
            raise _error(
                ReasonCode.SUBMODULE_INVALID, f"{_printable(name)} at {_printable(path)} is no name of a submodule"
            )
        update = found[name].get("update", "checkout")
        if update.startswith("!"):
            raise _error(ReasonCode.SUBMODULE_INVALID, f"the submodule {_printable(name)} names a command to update it")
        if update != "none":
            modules.append(Submodule(name=name, path=path, url=found[name]["url"]))
    return modules


def _is_plain(name: str, path: str) -> bool:
    """Whether a name and a path stay where they belong, and are no option of a command."""
    parts = PurePosixPath(path).parts
    is_inside = not path.startswith("/") and not any(part.lower() in (".git", "..") for part in parts)
    is_named = ".." not in re.split(r"[/\\]", name)
    return is_inside and is_named and all(re.search(r"^-|[\x00-\x1f\x7f]", text) is None for text in (name, path))


class SubmoduleSources:
    """Judges where the submodules of one repository come from.

    Args:
        settings: Proxies, certificates and the private hosts that may be asked.
        own: The repository's own address.
    """

    def __init__(self, settings: Settings, own: str) -> None:
        from janitor.validator.network.reach import parse_target  # noqa: PLC0415  # what it needs costs time

        self._settings = settings
        self._transport = transport_of(own)
        self._own: Target | None = parse_target(own) if self._transport in ("https", "http") else None
        beside = _folder(own).resolve().parent
        # Beside a repository at the root is the whole machine.
        self._beside = beside if self._transport == "file" and beside != beside.parent else None

    def source(self, module: Submodule, *, parent: str) -> Source:
        """Where a submodule is fetched from.

        Args:
            module: The submodule.
            parent: The address of the repository that it is in, which a relative one is beside.

        Raises:
            SubmoduleError: It isn't.
        """
        from janitor.validator.network.reach import WebError, WebTrouble  # noqa: PLC0415  # loaded where it is needed alone

        url = _absolute(module, parent)
        transport = transport_of(url)
        shown = _without_credentials(url)
        what = f"the submodule {_printable(module.path)} ({shown})"
        if _ODD.search(url) or transport in ("none", "ssh"):
            raise self._refused(what)
        if transport == "file":
            # What came over the network has no business with files of this machine.
            if self._beside is None or transport_of(parent) != "file" or not self._is_beside(url):
                raise self._refused(what)
            return Source(url=url, transport="file", pinned=None, shown=shown)
        try:
            return self._of_the_web(url, what)
        except WebError as exc:
            codes = {WebTrouble.REFUSED: ReasonCode.HOST_REFUSED, WebTrouble.NO_NETWORK: ReasonCode.NAME_RESOLUTION}
            code = codes.get(exc.trouble, ReasonCode.NETWORK)
            trouble = Trouble(repository_at_fault=False, code=code, reason=f"{what} isn't fetched: {exc}")
            raise SubmoduleError(trouble) from exc

    def _of_the_web(self, url: str, what: str) -> Source:
        from janitor.validator.network.reach import WebError, WebTrouble, parse_target  # noqa: PLC0415  # loaded where it is needed alone
        from janitor.validator.network.web import Web  # noqa: PLC0415  # loaded where it is needed alone

        target = parse_target(url)
        reach = self._judge(target, what)
        base = url.rstrip("/")
        # git would follow a redirect to wherever it leads, so it is followed here, where each step is judged.
        web = Web(self._settings, limit=_WEB_LIMIT, also=self._also(target))
        try:
            answer = web.ask(base + _SUFFIX, method="GET", most=1)
        except WebError as exc:
            if exc.trouble is WebTrouble.REFUSED:
                raise
        else:
            moved = answer.url != parse_target(base + _SUFFIX).url and answer.url.endswith(_SUFFIX)
            if moved:
                base = answer.url.removesuffix(_SUFFIX)
                target = parse_target(base)
                reach = self._judge(target, what)
        addresses = reach.addresses(target, seconds=_LOOK_UP_SECONDS)
        pinned = f"{target.host}:{target.port}:{','.join(map(_bracketed, addresses))}" if addresses else None
        return Source(url=base, transport=target.scheme, pinned=pinned, shown=_without_credentials(base))

    def _judge(self, target: Target, what: str) -> Reach:
        """The judge of a host.

        Raises:
            SubmoduleError: It would be asked without TLS, and isn't the repository's own server.
        """
        from janitor.validator.network.reach import Reach  # noqa: PLC0415  # loaded where it is needed alone

        if target.scheme != "https" and not self._is_own(target):
            raise self._refused(what)
        return Reach(self._settings, also=self._also(target))

    def _is_own(self, target: Target) -> bool:
        return self._own is not None and target.origin == self._own.origin

    def _also(self, target: Target) -> frozenset[str]:
        from janitor.validator.network.reach import PACKAGE_HOSTS  # noqa: PLC0415  # loaded where it is needed alone

        # Whoever configured the repository has named its server.
        return PACKAGE_HOSTS | {target.host} if self._is_own(target) else PACKAGE_HOSTS

    def _is_beside(self, url: str) -> bool:
        return self._beside is not None and _folder(url).resolve().is_relative_to(self._beside)

    def _refused(self, what: str) -> SubmoduleError:
        also = {
            "file": ", or from a folder beside the repository's own",
            "http": ", or from the repository's own server",
        }.get(self._transport, "")
        return _error(
            ReasonCode.TRANSPORT_REFUSED,
            f"{what} isn't fetched: submodules are fetched by https{also}, with no key of this machine; "
            "give it an https address in .gitmodules",
        )


def _absolute(module: Submodule, parent: str) -> str:
    """A submodule's address; a relative one is beside its repository's own. Source: git-submodule(1), `add`."""
    url = module.url
    if not url.startswith(("./", "../")):
        return url
    base = parent.rstrip("/")
    root = re.match(r"[a-z]+://[^/]*|", base)
    least = len(root.group()) if root else 0
    while url.startswith(("./", "../")):
        if url.startswith("../"):
            base = base.rpartition("/")[0]
        url = url.partition("/")[2]
    if len(base) < least:
        raise _error(
            ReasonCode.SUBMODULE_INVALID,
            f"the submodule {_printable(module.path)} is beside nothing: {_printable(url)}",
        )
    return f"{base}/{url}"


def _folder(url: str) -> Path:
    """The folder of a file: address; one on another machine is none of this one's."""
    if url.startswith("/"):
        return Path(url)
    parts = urlsplit(url)
    if parts.netloc not in ("", "localhost"):
        return Path(os.devnull)
    return Path(unquote(parts.path))


def _bracketed(address: str) -> str:
    return f"[{address}]" if ":" in address else address


def _without_credentials(url: str) -> str:
    return _printable(re.sub(r"//[^/@]*@", "//", url))


def _printable(text: str) -> str:
    return "".join(character if character.isprintable() else "?" for character in text[:200])


def _error(code: ReasonCode, reason: str) -> SubmoduleError:
    return SubmoduleError(Trouble(repository_at_fault=True, code=code, reason=reason))
