"""Where what is built and run comes from: a patch brings no new place of it."""

from __future__ import annotations

import re
from collections.abc import Iterator

from janitor.domain.repair.rules.rule import Change, Rule, Touched

_ADDRESS = re.compile(
    r"(?i)\b(?P<scheme>[a-z][a-z0-9+.-]{0,30})://(?:[^\s/@\"'<>]{1,300}@)?(?P<host>[^\s/:?#\"'<>`|;)\]},]{1,300})(?::\d{1,5})?"
    r"(?:/(?P<first>[^\s/?#\"'<>`|;)\]},]{1,300}))?"
)
_SCP = re.compile(r"\b[\w.-]{1,60}@(?P<host>[\w.-]{1,200}\.[a-z]{2,20}):(?P<first>[\w.-]{1,200})/")
_BARE = re.compile(
    r"(?i)\b(?:curl|wget|aria2c|fetch|nc|ncat|telnet|ssh|scp|rsync|ping|git\s{1,4}clone)\b[^\n]{0,200}?[\s\"'=]"
    r"(?P<host>(?:[a-z0-9-]{1,60}\.){1,6}[a-z]{2,20}|\d{1,3}(?:\.\d{1,3}){3}|\[[0-9a-f:]{2,45}\])(?=[/:\s\"']|$)"
)
_LITERAL_ADDRESS = re.compile(r"(?<![\w.=~<>!-])(?:\d{1,3}\.){3}\d{1,3}(?::\d{1,5})(?!\.\d)")
_QUOTED_HOST = re.compile(
    r"(?i)[\"'](?:[a-z]{2,10}:)?(?P<host>(?:[a-z0-9_-]{1,63}\.){1,6}(?:com|net|org|io|dev|ai|app|xyz|site|online|ru|cn|cc"
    r"|tk|su|onion|example)|(?!127\.|0\.0\.0\.0)\d{1,3}(?:\.\d{1,3}){3})(?=[\"':/])"
)
"""A host that a program would connect to, without a scheme."""
_FROM = re.compile(
    r"(?im)^[ \t]*FROM[ \t]+(?:--[^ \t\n]+[ \t]+)*(?P<from>[^ \t\n]+)|^[ \t]*#[ \t]*syntax[ \t]*=[ \t]*(?P<syntax>\S+)"
    r"|[ \t]--from=(?P<copied>[^\s,]+)|\bfrom=(?P<mounted>[^\s,]+)"
)
_STAGE = re.compile(r"(?im)^[ \t]*FROM[ \t]+(?:--[^ \t\n]+[ \t]+)*[^ \t\n]+[ \t]+AS[ \t]+(?P<name>\S+)")
_ARGUMENT = re.compile(r"(?im)^[ \t]*(?:ARG|ENV)[ \t]+(?P<name>\w+)=[\"']?(?P<value>[^\s\"']+)")
_VARIABLE = re.compile(r"\$\{(\w{1,100})(?::-([^${}]{0,300}))?\}|\$(\w{1,100})")
_PIPED = re.compile(
    r"(?i)\b(?:curl|wget|aria2c|http|fetch)\b[^\n]{0,600}?[|]\s{0,9}(?:\w+=\S*\s+|sudo\s+(?:-\S+\s+)*|env\s+|exec\s+)*"
    r"(?:/\S{0,60}/)?(?:ba|da|z|k|a)?sh\b"
    r"|(?i:\b(?:curl|wget)\b[^\n]{0,600}?[|]\s{0,9}(?:sudo\s+)?(?:/\S{0,60}/)?(?:python[\d.]*|perl|ruby|node|php|source|\.)(?=\s|$))"
    r"|\b(?:ba|da|z)?sh\b[^\n]{0,40}?(?:<\(|-c\s{0,3}[\"']?\$\(|<<<)\s{0,5}[^\n]{0,20}?\b(?:curl|wget)\b"
    r"|(?:\beval|\bsource|(?:^|\s)\.)\s[^\n]{0,40}?(?:\$\(|`|<\()\s{0,5}(?:curl|wget)\b"
    r"|\bbase64\s{1,4}(?:-d|-D|--decode)\b[^\n]{0,200}?[|]\s{0,9}(?:\w{0,4}sh|python[\d.]*|perl)\b"
    r"|\bexec\s{0,3}\(\s{0,5}(?:requests|urllib|httpx)\b|\bexec\s{0,3}\([^\n]{0,80}\burlopen\b"
    r"|/dev/(?:tcp|udp)/"
)
_INDEX = re.compile(
    r"(?i)(?<![\w-])(--extra-index-url|--index-url|--default-index|--find-links|--trusted-host|--index-strategy"
    r"|--no-index|--index(?=[\s=])|--torch-backend|--registry(?=[\s=])|--allow-insecure-host|-i(?=\s+[\"']?\S+://)"
    r"|-f(?=\s+[\"']?\S+://)"
    r"|(?:PIP|UV)_(?:\w{0,20}INDEX\w{0,20}|FIND_LINKS|TRUSTED_HOST|INSECURE_HOST|TORCH_BACKEND|CONFIG_FILE)"
    r"|NPM_CONFIG_REGISTRY|POETRY_REPOSITORIES_\w{1,60}|index-url|extra-index-url|find-links|trusted-host"
    r"|dependency_links|GOPROXY|CONDA_CHANNELS)"
    r"(?:[\s=:]+[\"']?(?P<value>[^\s\"'\\,\]]+))?"
)
_CONDA = re.compile(r"\b(?:conda|mamba|micromamba)\s[^\n|;&]{0,600}")
_CHANNEL = re.compile(r"\s(?:-c|--channel)[\s=]+(\S{1,200})")
_INDEX_FILES = re.compile(r"(?:^|/)(?:pip\.(?:conf|ini)|\.pypirc|uv\.toml|\.npmrc|\.yarnrc(?:\.yml)?|\.condarc)$", re.I)
_INDEX_TABLES = re.compile(
    r"(?m)^[ \t]*\[{1,2}[ \t]*tool\.(?:uv\.(?:index|sources|pip)|poetry\.source|pdm\.source)[^\]]*\]"
)
_DIRECT = re.compile(
    r"(?i)(?:^|[\s\"'(,])(?:[\w.-]{1,100}(?:\[[^\]]{0,100}\])?\s{0,3}@\s{0,3})?((?:git|hg|svn|bzr)\+\S{1,300}"
    r"|\S{1,300}\.(?:whl|tar\.gz|zip)\b)"
)


def _places(text: str) -> set[tuple[str, str]]:
    """Hosts that a text names, each with the first part of the path: on a shared host, that is somebody."""
    found = {
        (match["host"].casefold().rstrip("."), (match["first"] or "").casefold()) for match in _ADDRESS.finditer(text)
    }
    found |= {(match["host"].casefold(), match["first"].casefold()) for match in _SCP.finditer(text)}
    found |= {(match["host"].casefold(), "") for match in _BARE.finditer(text)}
    found |= {(match["host"].casefold(), "") for match in _QUOTED_HOST.finditer(text)}
    return found | {(match[0], "") for match in _LITERAL_ADDRESS.finditer(text)}


def _known_places(change: Change) -> set[tuple[str, str]]:
    return {place for file in change.files for place in _places(file.before or "")}


def _new_host(change: Change) -> str | None:
    known = _known_places(change)
    hosts = {host for host, first in known if not first}
    for file in change.files:
        for host, first in sorted(_places("\n".join(file.new_lines)) - known):
            # A host that stands there alone stands for all of it only where nothing says whose.
            if not (host in hosts and not first):
                return f"{file.path} names {host}{f'/{first}' if first else ''}"
    return None


def image_names(text: str) -> set[str]:
    """The images that a Dockerfile starts from or copies from, without tag and digest; its own stages are none."""
    stages = {match["name"].casefold() for match in _STAGE.finditer(text)}
    values = {match["name"]: match["value"] for match in _ARGUMENT.finditer(text)}
    found = set()
    for match in _FROM.finditer(text):
        reference = next(group for group in match.groups() if group)
        for _ in range(3):
            reference = _VARIABLE.sub(lambda at: values.get(at[1] or at[3], at[2] or at[0]), reference)
        name = reference.partition("@")[0]
        head, slash, last = name.rpartition("/")
        name = f"{head}{slash}{last.partition(':')[0]}".casefold()
        if name not in stages and not name.isdigit() and name != "scratch":
            found.add(name)
    return found


def is_dockerfile(path: str) -> bool:
    """Whether a file is one by its name."""
    name = path.rpartition("/")[2].lower()
    return "dockerfile" in name or "containerfile" in name or name.startswith("docker-bake")


def _new_image(change: Change) -> str | None:
    known = {name for file in change.files for name in image_names(file.before or "")}
    for file in change.files:
        if is_dockerfile(file.path) and (new := image_names(file.after or "") - known):
            return f"{file.path} takes {sorted(new)[0]}"
    return None


def _joined(text: str) -> str:
    """Lines that a shell or a Dockerfile reads as one."""
    return re.sub(r"\\[ \t]*\n", " ", text)


def _piped(change: Change) -> str | None:
    for file in change.files:
        before = {" ".join(match[0].split()) for match in _PIPED.finditer(_joined(file.before or ""))}
        for match in _PIPED.finditer(_joined(file.after or "")):
            if " ".join(match[0].split()) not in before:
                return f"{file.path} runs what it fetches: {match[0][:80]}"
    return None


def _index_settings(text: str) -> Iterator[str]:
    for match in _INDEX.finditer(_joined(text)):
        yield f"{match[1].lower()} {match['value'] or ''}".strip()
    for command in _CONDA.finditer(_joined(text)):
        for channel in _CHANNEL.findall(command[0]):
            yield f"channel {channel}"
    for match in _INDEX_TABLES.finditer(text):
        yield " ".join(match[0].split())


def _other_index(change: Change) -> str | None:
    for file in change.files:
        if _INDEX_FILES.search(file.path):
            return f"{file.path} says where packages come from"
    before = sorted(setting for file in change.files for setting in _index_settings(file.before or ""))
    after = sorted(setting for file in change.files for setting in _index_settings(file.after or ""))
    if before == after:
        return None
    new = [setting for setting in after if setting not in before] or [
        f"without {setting}" for setting in before if setting not in after
    ]
    return f"packages come from elsewhere: {(new or ['an option stands there more or less often'])[0]}"


def _direct_package(change: Change) -> str | None:
    known = {match[1] for file in change.files for match in _DIRECT.finditer(file.before or "")}
    for file in change.files:
        if not _names_packages(file):
            continue
        for line in file.new_lines:
            if (match := _DIRECT.search(line)) and match[1] not in known:
                return f"{file.path} takes {match[1][:80]} by its address"
    return None


def _names_packages(file: Touched) -> bool:
    return is_dockerfile(file.path) or file.path.lower().endswith((".txt", ".in", ".toml", ".cfg", ".sh", ".yml"))


SOURCE_RULES = (
    Rule(
        name="piped_to_shell",
        refuses="running what is fetched, or decoded, in the same breath",
        example="RUN curl -sL https://example.com/i.sh | sh",
        broken=_piped,
    ),
    Rule(
        name="other_index",
        refuses="another index or host of packages, or another way to choose among them",
        example="--extra-index-url https://example.com/simple",
        broken=_other_index,
    ),
    Rule(
        name="new_host",
        refuses="addresses of a host, or of somebody on it, that the file didn't name before",
        example="RUN wget https://example.com/x",
        broken=_new_host,
    ),
    Rule(
        name="direct_package",
        refuses="packages by their address instead of by name from an index",
        example="foo @ git+https://github.com/a/foo",
        broken=_direct_package,
    ),
    Rule(
        name="new_image",
        refuses="another image to build from; its tag may change",
        example="FROM somebody/python:3.11",
        broken=_new_image,
    ),
)
