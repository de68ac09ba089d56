"""Ask which packages of a lock have known vulnerabilities, and fail where one isn't accepted.

    audit.py requirements.lock

Asks a service that speaks OSV's protocol (one request for the whole lock, one more for each advisory found). Accepted
advisories stand in a file, each with a reason and a day on which it counts again.

Exit codes: 0 none that isn't accepted; 1 there are; 2 bad usage, lock or file of accepted advisories; 3 the service
could not be asked, so nothing is known. What the service says is printed as plain text whatever is in it.

Source of the protocol: https://google.github.io/osv.dev/api/ and https://ossf.github.io/osv-schema/.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timezone
from http.client import HTTPException
from pathlib import Path
from typing import Any

import yaml
from packaging.version import InvalidVersion, Version

ROOT = Path(__file__).resolve().parents[2]
SERVICE = "https://api.osv.dev"
REQUEST_SECONDS = 20.0
TOTAL_SECONDS = 120.0
MOST_BYTES = 32 * 1024 * 1024
BATCH = 1_000
"""Queries in one request. Source: OSV's API."""
MOST_PAGES = 20
CLEAN, VULNERABLE, BAD_USAGE, UNKNOWN = 0, 1, 2, 3
_PIN = re.compile(r"^([A-Za-z0-9][A-Za-z0-9._-]*)(?:\[[^\]]*\])?==([^\s;\\]+)")
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{2,60}")


class UnknownError(Exception):
    """The advisories can't be had; the message says why."""


class UsageError(Exception):
    """The lock or the file of accepted advisories can't be used; the message names the place."""


@dataclass(frozen=True, order=True)
class Package:
    """A pin of the lock."""

    name: str
    version: str


@dataclass(frozen=True, kw_only=True)
class Advisory:
    """What is known of one vulnerability of one package."""

    package: Package
    ids: tuple[str, ...]
    """Its own id first, then its aliases."""
    summary: str
    fixed: str | None


@dataclass(frozen=True, kw_only=True)
class Accepted:
    """An advisory that is accepted for a while."""

    id: str
    package: str
    until: date
    reason: str


class Service:
    """A service that speaks OSV's protocol.

    Args:
        url: Its address, without a path.
    """

    def __init__(self, url: str) -> None:
        self._url = url.rstrip("/")
        self._ends_at = time.monotonic() + TOTAL_SECONDS

    def found(self, packages: Sequence[Package]) -> dict[Package, list[str]]:
        """The ids of each package's advisories; packages without any are left out.

        Raises:
            UnknownError: It doesn't answer, or not in the protocol.
        """
        found: dict[Package, list[str]] = {}
        for start in range(0, len(packages), BATCH):
            asked = [(package, "") for package in packages[start : start + BATCH]]
            for _ in range(MOST_PAGES):
                asked = self._page(asked, found)
                if not asked:
                    break
            else:
                raise UnknownError("it has more pages of answers than can be true")
        return found

    def _page(self, asked: list[tuple[Package, str]], found: dict[Package, list[str]]) -> list[tuple[Package, str]]:
        """Ask one page of each; returns what has another page."""
        queries = [
            {
                "package": {"name": package.name, "ecosystem": "PyPI"},
                "version": package.version,
                **({"page_token": token} if token else {}),
            }
            for package, token in asked
        ]
        answer = self._ask("/v1/querybatch", {"queries": queries})
        results = answer.get("results")
        if not isinstance(results, list) or len(results) != len(asked):
            raise UnknownError("its answer is not in OSV's protocol")
        more = []
        for (package, _), result in zip(asked, results, strict=True):
            if not isinstance(result, dict) or not isinstance(result.get("vulns", []), list):
                raise UnknownError("its answer is not in OSV's protocol")
            for entry in result.get("vulns", []):
                number = entry.get("id") if isinstance(entry, dict) else None
                if not isinstance(number, str) or not _ID.fullmatch(number):
                    raise UnknownError("its answer has an advisory without an id")
                found.setdefault(package, []).append(number)
            if token := result.get("next_page_token"):
                more.append((package, str(token)))
        return more

    def details(self, number: str) -> Mapping[str, Any]:
        """An advisory; empty where it can't be had, as that it exists is known all the same."""
        try:
            return self._ask(f"/v1/vulns/{number}")
        except UnknownError:
            return {}

    def _ask(self, path: str, body: Mapping[str, Any] | None = None) -> Mapping[str, Any]:
        left = min(REQUEST_SECONDS, self._ends_at - time.monotonic())
        if left <= 0:
            raise UnknownError(f"it took longer than {TOTAL_SECONDS:.0f} s")
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(  # noqa: S310  # main() lets http and https through alone
            self._url + path, data=data, headers={"Content-Type": "application/json", "User-Agent": "janitor-audit"}
        )
        try:
            with urllib.request.urlopen(request, timeout=left) as answer:  # noqa: S310  # an address of our own
                content = answer.read(MOST_BYTES + 1)
            if len(content) > MOST_BYTES:
                raise UnknownError("its answer is too large")
            parsed = json.loads(content)
        except (OSError, HTTPException) as exc:
            raise UnknownError(f"{exc}") from exc
        except (ValueError, RecursionError) as exc:
            raise UnknownError("its answer is no JSON") from exc
        if not isinstance(parsed, dict):
            raise UnknownError("its answer is not in OSV's protocol")
        return parsed


def locked(text: str) -> list[Package]:
    """The pins of a lock, whatever their markers: each is installed somewhere."""
    pins = (_PIN.match(line) for line in text.splitlines())
    return sorted({Package(re.sub(r"[-_.]+", "-", pin[1]).lower(), pin[2]) for pin in pins if pin})


def accepted(text: str, place: str) -> list[Accepted]:
    """What a file of accepted advisories holds.

    Raises:
        UsageError: It isn't in the form that its head describes.
    """
    try:
        entries = yaml.safe_load(text) or []
    except yaml.YAMLError as exc:
        raise UsageError(f"{place} is no YAML: {' '.join(str(exc).split())}") from exc
    if not isinstance(entries, list):
        raise UsageError(f"{place}: a list is expected")
    found = []
    for number, entry in enumerate(entries, 1):
        fields = entry if isinstance(entry, dict) else {}
        until, reason = fields.get("until"), fields.get("reason")
        names = [fields.get(name) for name in ("id", "package")]
        if set(fields) != {"id", "package", "until", "reason"} or not all(
            isinstance(text, str) and text.strip() for text in (*names, reason)
        ):
            raise UsageError(f"{place}: entry {number} needs id, package, until and reason, and nothing else")
        if not isinstance(until, date) or isinstance(until, datetime):
            raise UsageError(f"{place}: entry {number}: until is a day, for example 2027-01-31")
        found.append(Accepted(id=str(names[0]), package=str(names[1]).lower(), until=until, reason=str(reason)))
    return found


def advisories(service: Service, packages: Sequence[Package]) -> list[Advisory]:
    """Every advisory once, whatever ids it has, but for those that were withdrawn.

    Raises:
        UnknownError: The service can't be asked.
    """
    found: list[Advisory] = []
    for package, numbers in sorted(service.found(packages).items()):
        seen: set[str] = set()
        for number in sorted(set(numbers)):
            details = service.details(number)
            aliases = details.get("aliases")
            known = [each for each in aliases if isinstance(each, str)] if isinstance(aliases, list) else []
            ids = (number, *(each for each in known if _ID.fullmatch(each)))
            if details.get("withdrawn") or seen & set(ids):
                continue
            seen |= set(ids)
            summary = details.get("summary") or details.get("details") or "no more is known"
            found.append(
                Advisory(package=package, ids=ids, summary=plain(str(summary)), fixed=_fixed(details, package))
            )
    return found


def _fixed(details: Mapping[str, Any], package: Package) -> str | None:
    """The lowest version above the locked one that an advisory calls fixed."""
    versions = []
    try:
        for affected in details.get("affected") or ():
            if re.sub(r"[-_.]+", "-", affected["package"]["name"]).lower() != package.name:
                continue
            for each in affected.get("ranges") or ():
                versions += [Version(event["fixed"]) for event in each["events"] if "fixed" in event]
        above = [version for version in versions if version > Version(package.version)]
    except (KeyError, TypeError, AttributeError, InvalidVersion):  # a range of commits, or no form that is known
        return None
    return str(min(above)) if above else None


def plain(text: str) -> str:
    """One line of what others wrote: no character of it means anything to a terminal."""
    line = " ".join(text.split())
    return "".join(each if each.isascii() and each.isprintable() else "?" for each in line)[:160]


def judge(found: Sequence[Advisory], allowed: Sequence[Accepted], today: date) -> int:
    """Print every advisory and what it counts; returns the exit code."""
    counted = 0
    for advisory in found:
        package = advisory.package
        match = next((each for each in allowed if each.package == package.name and each.id in advisory.ids), None)
        line = f"{package.name} {package.version}: {', '.join(advisory.ids)}: {advisory.summary}"
        fix = f"fixed in {advisory.fixed}" if advisory.fixed else "no fixed version is known"
        if match is None:
            counted += 1
            _say(f"VULNERABLE {line} ({fix})")
        elif match.until <= today:
            counted += 1
            _say(f"VULNERABLE {line} ({fix}; accepted until {match.until}: {plain(match.reason)})")
        else:
            _say(f"accepted   {line} ({fix}; until {match.until}: {plain(match.reason)})")
    for unused in allowed:
        if not any(unused.id in each.ids and unused.package == each.package.name for each in found):
            _say(f"note: {plain(unused.id)} of {plain(unused.package)} is accepted and no longer found")
    return counted


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Check a lock."""
    parser = argparse.ArgumentParser(prog="audit.py", description="Known vulnerabilities of locked packages.")
    parser.add_argument("lock", nargs="?", type=Path, default=ROOT / "requirements.lock")
    parser.add_argument("--accepted", type=Path, default=ROOT / "infra" / "accepted-advisories.yaml")
    parser.add_argument("--service", default=SERVICE, help="speaks OSV's protocol (default: %(default)s)")
    options = parser.parse_args(arguments)
    try:
        if not re.match(r"https?://[^/]", options.service):
            raise UsageError("--service is an address with http or https")
        packages = locked(options.lock.read_text(encoding="utf-8"))
        if not packages:
            raise UsageError(f"{options.lock} pins no package")
        allowed = accepted(options.accepted.read_text(encoding="utf-8"), str(options.accepted))
    except (UsageError, OSError, UnicodeDecodeError) as exc:
        sys.stderr.write(f"error: {exc}\n")
        return BAD_USAGE
    try:
        found = advisories(Service(options.service), packages)
    except UnknownError as exc:
        sys.stderr.write(
            f"NOT CHECKED: the advisories of {len(packages)} locked packages can't be had from {options.service}:"
            f" {plain(str(exc))}\n"
        )
        return UNKNOWN
    counted = judge(found, allowed, datetime.now(timezone.utc).date())
    _say(f"{len(packages)} locked packages, {len(found)} advisories, {len(found) - counted} of them accepted")
    return VULNERABLE if counted else CLEAN


if __name__ == "__main__":
    sys.exit(main())
