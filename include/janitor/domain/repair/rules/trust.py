"""What is verified stays verified, what is pinned stays pinned, and what fails goes on failing."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from janitor.domain.repair.diff import ChangeKind
from janitor.domain.repair.rules.rule import Change, Rule, Touched
from janitor.domain.repair.rules.size import is_lock_file
from janitor.domain.repair.rules.sources import image_names, is_dockerfile
from janitor.inspection.install.requirements import normalised

_UNVERIFIED = re.compile(
    r"(?i)(?:\bcurl\b[^\n|;&]{0,300}?\s(?:-[a-z]*k[a-z]*\b|--insecure\b|--proxy-insecure\b)|--no-check-certificate\b"
    r"|--no-verify-ssl\b|\bverify\s{0,3}=\s{0,3}False\b|\bCERT_NONE\b|_create_unverified_context|check_hostname\s*=\s*False"
    r"|GIT_SSL_NO_VERIFY|http\.sslverify\W{1,3}(?:false|0)|NODE_TLS_REJECT_UNAUTHORIZED|PYTHONHTTPSVERIFY\s*=\s*[\"']?0"
    r"|strict-ssl\W{1,3}false|sslverify\s*=\s*(?:0|false)|ssl_verify\W{1,3}(?:0|no|false)|trusted\s*=\s*yes"
    r"|--allow-unauthenticated|--force-yes|--no-gpg-checks?|gpgcheck\s*=\s*0|AllowInsecureRepositories|--nogpgcheck"
    r"|--allow-insecure-host|--no-verify-hashes|StrictHostKeyChecking[\s=]+no|--skip-verify|HF_HUB_DISABLE_SSL"
    r"|trust_remote_code\s*=\s*True|weights_only\s*=\s*False|Acquire::\S{0,40}Verify-\S{0,20}\W{1,3}false)"
)
_VERIFIED = re.compile(
    r"(?i)--require-hashes|--hash[=\s]+\w+:[0-9a-f]{16,}|\bsha(?:256|512)sum\b[^\n]{0,200}?(?:-c|--check)"
    r"|\bgpg\b[^\n]{0,200}?--verify|--checksum=\S+|@sha256:[0-9a-f]{64}|--locked\b|--frozen\b"
)
_PLAIN_HTTP = re.compile(r"(?i)\bhttp://([^\s/\"']+)")
_PASSED_OVER = re.compile(
    r"[|][|]\s{0,9}(?:true\b|:(?=\s|$|;)|/bin/true\b|exit\s{1,3}0\b|echo\b)|;\s{0,9}(?:true|exit\s{1,3}0)\s*(?:$|[\"'&;])"
    r"|\bset\s{1,3}\+e\b|--no-deps\b|--break-system-packages\b|--ignore-requires-python\b|--skip-broken\b"
    r"|\bcontextlib\.suppress\(\s*(?:Base)?Exception\s*\)|PIP_NO_DEPS|UV_OVERRIDE\b|--override\b|--overrides\b",
    re.MULTILINE,
)
_PACKAGE_FILES = frozenset(
    {"pyproject.toml", "setup.py", "setup.cfg", "environment.yml", "environment.yaml", "pipfile"}
)
_PIN = re.compile(
    r"(?<![\w./@-])(?P<name>[A-Za-z][A-Za-z0-9._-]{0,80})(?:\[[^\]\n]{0,80}\])?\s{0,3}"
    r"(?P<specifier>(?:(?:===|==|~=|!=|<=|>=|<|>)\s{0,3}[0-9][^\s,;\"')\]]{0,60}\s{0,3},?\s{0,3}){1,6})"
)
_BOUND = re.compile(r"={2,3}|~=|<")
_EXACT = re.compile(r"={2,3}\s*[0-9][^\s,*]*$")
_TAG = re.compile(r"(?im)^[ \t]*FROM[ \t]+(?:--[^ \t\n]+[ \t]+)*(?P<reference>[^ \t\n]+)")
_FLOATING = frozenset({"", "latest", "main", "master", "dev", "nightly", "edge", "devel", "runtime", "base"})


def _joined(text: str) -> str:
    return re.sub(r"\\[ \t]*\n", " ", text)


def _without_comments(text: str) -> str:
    return re.sub(r"(?m)(?:^|(?<=\s))#.*$", "", text)


def _unverified(change: Change) -> str | None:
    for file in change.files:
        before, after = _joined(file.before or ""), _joined(file.after or "")
        known = {match[0].casefold() for match in _UNVERIFIED.finditer(before)}
        if new := [match[0] for match in _UNVERIFIED.finditer(after) if match[0].casefold() not in known]:
            return f"{file.path} trusts what it can't check: {new[0][:80]}"
        if gone := _fewer(_VERIFIED, before, after, lock=is_lock_file(file.path)):
            return f"{file.path} doesn't check any more: {gone[:80]}"
        secure = {match[1].casefold() for match in re.finditer(r"(?i)\bhttps://([^\s/\"']+)", before)}
        for match in _PLAIN_HTTP.finditer("\n".join(file.new_lines)):
            if match[1].casefold() in secure:
                return f"{file.path} asks {match[1]} without TLS"
    return None


def _fewer(pattern: re.Pattern[str], before: str, after: str, *, lock: bool) -> str | None:
    """What stands there less often; of a lock file, only where it isn't there at all any more."""
    old, new = [match[0] for match in pattern.finditer(before)], [match[0] for match in pattern.finditer(after)]
    if len(new) >= len(old) or (lock and new):
        return None
    return next((each for each in old if each not in new), old[0])


def _passed_over(change: Change) -> str | None:
    for file in change.files:
        before = [match[0] for match in _PASSED_OVER.finditer(_joined(file.before or ""))]
        after = [match[0] for match in _PASSED_OVER.finditer(_joined(file.after or ""))]
        if len(after) > len(before):
            new = [each for each in after if each not in before] or after
            return f"{file.path} goes on after a failure: {new[0].strip()[:60]}"
    return None


def _bounds(files: Iterator[tuple[str, str]]) -> dict[str, str]:
    """What is asked for by name, each with its narrowest kind of bound: exact, bounded or open."""
    found: dict[str, str] = {}
    rank = {"open": 0, "bounded": 1, "exact": 2}
    for _, text in files:
        for match in _PIN.finditer(_without_comments(text)):
            specifier = match["specifier"].strip().rstrip(",")
            kind = "exact" if _EXACT.search(specifier) else "bounded" if _BOUND.search(specifier) else "open"
            name = normalised(match["name"])
            if rank[kind] >= rank[found.get(name, "open")]:
                found[name] = kind
    return found


def _asks_for_packages(path: str) -> bool:
    name = path.rpartition("/")[2].casefold()
    lists = name.endswith((".txt", ".in")) and any(word in name for word in ("requirements", "constraints", "deps"))
    return lists or name in _PACKAGE_FILES or name.endswith(".sh") or is_dockerfile(path)


def _texts(change: Change, *, after: bool) -> Iterator[tuple[str, str]]:
    for file in change.files:
        if _asks_for_packages(file.path):
            yield file.path, _joined((file.after if after else file.before) or "")


def _unpinned(change: Change) -> str | None:
    for file in change.files:
        if file.diff.kind is ChangeKind.DELETED and is_lock_file(file.path):
            return f"{file.path} goes, which says each version"
    before, after = _bounds(_texts(change, after=False)), _bounds(_texts(change, after=True))
    for name, kind in sorted(before.items()):
        now = after.get(name)
        if kind != "open" and now in (None, "open") and not _is_replaced(name, before, after):
            return f"{name} was {'pinned' if kind == 'exact' else 'bounded'} and isn't any more"
    return _unpinned_image(change)


def _is_replaced(name: str, before: Mapping[str, str], after: Mapping[str, str]) -> bool:
    """Whether another build of a package, by a name that begins alike, has come in its place with a bound."""
    family = name.partition("-")[0]
    new = [other for other, kind in after.items() if other not in before and kind != "open"]
    return name not in after and any(other.partition("-")[0] == family for other in new)


def _unpinned_image(change: Change) -> str | None:
    for file in change.files:
        if not is_dockerfile(file.path):
            continue
        tags = [_tags(file, after=after) for after in (False, True)]
        for name, tag in tags[1].items():
            if tag in _FLOATING and tags[0].get(name, tag) not in _FLOATING:
                return f"{file.path} takes {name} without a version"
    return None


def _tags(file: Touched, *, after: bool) -> dict[str, str]:
    text = (file.after if after else file.before) or ""
    found = {}
    for match in _TAG.finditer(text):
        reference = match["reference"]
        for name in image_names(f"FROM {reference}"):
            last = reference.partition("@")[0].rpartition("/")[2]
            found[name] = last.partition(":")[2] if "$" not in last else "$"
    return found


TRUST_RULES = (
    Rule(
        name="unverified",
        refuses="TLS, hashes or signatures that aren't checked any more, and code that comes with weights",
        example="RUN wget --no-check-certificate …",
        broken=_unverified,
    ),
    Rule(
        name="unpinned",
        refuses="a version that was bounded and isn't any more; a lock file that goes",
        example="torch==2.1.0 becomes torch",
        broken=_unpinned,
    ),
    Rule(
        name="passed_over",
        refuses="going on after a failure, and leaving out what packages ask for",
        example="RUN pip install x || true",
        broken=_passed_over,
    ),
)
