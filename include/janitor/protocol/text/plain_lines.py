"""Brings a line of evidence to a form that doesn't depend on where and when it was written.

Paths, hashes, ids, numbers, instants, versions, addresses and the repository's own name become marks such as `<path>`.
What tells one cause from another stays: words, exception types, packages, libraries, container images, HTTP statuses,
exit codes. The marks are never joined to a word, so that a normalised line normalises to itself.

Every repetition in the patterns is bounded: the lines come from code that nobody trusts.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache

LONGEST_INPUT = 4_000
"""Characters of a line that are looked at."""

_EXTENSIONS = (
    "py|pyc|pyx|sh|bash|json|jsonl|txt|ya?ml|toml|cfg|ini|md|log|lock|env|conf|csv|bin|pt|pth|ckpt|safetensors|onnx|gguf"
    "|wav|mp3|mp4|png|jpe?g|webp|zip|tar|gz|tgz|whl|cu|cpp|cc|hpp|Dockerfile"
)
_WELL_KNOWN = r"test_input\.json|tests\.json|hub\.json|requirements\.txt|Dockerfile"
"""Files that every worker repository has, so that their names tell a cause and no repository."""
_UNITS = r"ns|us|µs|ms|s|sec|secs|seconds?|min|minutes?|h|hours?|[kKMGT]?i?B|[kKMGT]iB|bytes?|[kMGT]|%|it/s"
_INDEXED = r"rank|gpu|worker|thread|process|step|job|pid|shard|replica|node|attempt|retry|case|test|container|pod"


def image_name(reference: str) -> str:
    """A container image as people name it: without Docker Hub's host, and without a digest's digits."""
    name = re.sub(r"^(?:(?:index\.|registry-1\.)?docker\.io/)?(?:library/)?", "", reference.lower())
    return re.sub(r"@sha256:[0-9a-f]{64}$", "@<hash>", name)


def package_name(name: str) -> str:
    """A distribution's name without version and extras, in its normal form. Source: PEP 503."""
    bare = re.split(r"[=<>!~;\[( ]", name, maxsplit=1)[0]
    bare = re.sub(r"-\d[\w.+!-]{0,120}$", "", bare)
    return re.sub(r"[-_.]+", "-", bare).strip("-").lower()


def url_name(url: str) -> str:
    """Host and path of a URL, without what is secret or changes: user, port, query, hashes."""
    rest = re.sub(r"^[a-z][a-z0-9+.-]{0,20}://", "", url, flags=re.IGNORECASE).split("?", 1)[0].split("#", 1)[0]
    host, _, path = rest.partition("/")
    host = re.sub(r":\d{1,5}$", "", host.rsplit("@", 1)[-1])
    path = re.sub(r"(?<![0-9a-z])(?=[0-9a-f]*\d)[0-9a-f]{7,128}(?![0-9a-z])", "<hash>", path.rstrip("/.,:;"))
    path = re.sub(r"(?<![^/])v?\d{1,6}(?:\.\d{1,6}){1,4}(?![^/])", "<n>", path)
    return f"{host.lower()}/{path}" if path else host.lower()


class _Keeper:
    """Puts what must stay aside, and back when everything else is normalised."""

    def __init__(self) -> None:
        self._kept: list[str] = []

    def keep(self, text: str) -> str:
        """A stand-in without digits, which no pattern touches."""
        self._kept.append(text)
        number = len(self._kept) - 1
        return "\ue000" + "".join(chr(0xE010 + int(digit)) for digit in str(number)) + "\ue001"

    def restore(self, text: str) -> str:
        """Everything back in its place; what was kept may hold what was kept before it."""
        for _ in range(4):
            text, count = re.subn(r"\ue000([\ue010-\ue019]{1,6})\ue001", self._kept_one, text)
            if not count:
                break
        return text

    def _kept_one(self, match: re.Match[str]) -> str:
        return self._kept[int("".join(str(ord(digit) - 0xE010) for digit in match[1]))]


@cache
def _patterns() -> dict[str, re.Pattern[str]]:
    image = r"(?:[\w.-]{1,100}(?::\d{1,5})?/){%s}[\w.-]{1,100}:[A-Za-z0-9_][\w.-]{0,127}(?:@sha256:[0-9a-f]{64})?"
    return {
        name: re.compile(pattern)
        for name, pattern in {
            "time": r"\b\d{4}[-/]\d{2}[-/]\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2}(?:[.,]\d{1,9})?)?"
            r"(?:\s?(?:Z|UTC|[+-]\d{2}:?\d{2}))?)?\b|\b\d{1,2}:\d{2}:\d{2}(?:[.,]\d{1,9})?\b",
            "url": r"\b[a-zA-Z][a-zA-Z0-9+.-]{0,20}://[^\s'<>)\]]{1,600}",
            "image": r"(?<![\w/.:@-])" + image % "1,6" + r"(?![\w/])",
            "short_image": r"(?i)((?:manifest for|metadata for|pull access denied for|pulling|FROM|image|base|resolve)"
            r"\s{1,3}'?)(" + image % "0,6" + ")",
            "any_image": r"(?<![\w/.:@-])" + image % "0,6" + r"(?![\w/])",
            "library": r"(?<![\w.-])(?:/?[\w.+@-]{1,100}/){0,20}(lib[\w+-]{1,80}\.so(?:\.\d{1,3})?)(?:\.\d{1,4}){0,4}",
            "status": r"(?i)\b((?:HTTP(?:/\d\.\d)?|status|error|code|answered|returned)\W{0,3}"
            r"(?:(?:code|error|status|with|HTTP)\W{0,3}){0,2})([1-5]\d\d)\b(?!\.\d)",
            "client_error": r"(?i)\b()([45]\d\d)(?= (?:client|server) error)",
            "exit": r"(?i)\b((?:exit(?:ed)?\s?(?:code|status|with)?|return(?:ed)? code|errno|signal|status)\W{0,3})"
            r"(-?\d{1,3})\b",
            "generator": r"<((?:async_)?generator|coroutine|function|bound method|object) (?:object )?[^<>]{1,200}?"
            r"(?: at 0x[0-9a-fA-F]{1,16})?>",
            "request": r"(?i)\(?\brequest[ _-]?id[:=]\s{0,2}[\w=;:.-]{1,200}\)?",
            "address": r"\b0x[0-9a-fA-F]{1,16}\b",
            "uuid": r"\b[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
            r"(?:-[a-z]\d{1,3})?\b",
            "cloud_id": r"\b(?:i|ami|vol|subnet|sg|vpc|eni|snap|lt|req|run|pod|job|task|cmd)[-_]"
            r"(?=[0-9a-zA-Z]*\d)[0-9a-zA-Z]{8,40}\b",
            "hash": r"(?:sha(?:1|256|512)[:=-])?(?<![0-9a-zA-Z_])(?=[0-9a-fA-F]*\d)(?=[0-9a-fA-F]*[a-fA-F])"
            r"[0-9a-fA-F]{7,128}(?![0-9a-zA-Z_])",
            "token": r"(?<![\w.-])(?=[A-Za-z]*\d[A-Za-z]*\d)(?=\d*[A-Za-z])[A-Za-z0-9]{20,200}(?![\w.-])",
            "temporary": r"\btmp[\w]{5,40}\b|\bpip-[a-z-]{1,20}-\w{6,12}\b",
            "wheel": r"\b([A-Za-z][\w.]{0,80}?)-\d[\w.+!-]{0,120}\.(?:whl|tar\.gz|zip|egg)\b",
            "requirement": r"([A-Za-z][\w.-]{0,80}(?:\[[\w,.-]{1,100}\])?)\s?"
            r"(?:(?:===|[=~!<>]=|[<>])\s?[\d*][\w.*+!-]{0,40}(?:,\s?)?){1,6}",
            "shell": r"'(?:/usr)?(?:/bin/)?(?:ba|da|z)?sh (?:-o pipefail )?-[a-z]{0,4}c\s{1,3}",
            "zone": r"\b(?:us|eu|ap|sa|ca|af|me|il|mx|cn)-(?:gov-)?(?:(?:north|south)(?:east|west)?|east|west|central)"
            r"-\d[a-z]?\b",
            # With an option in it, it is a command.
            "quoted_path": r"'(?:~|\.{1,2})?/(?:(?! -)[^'\n]){1,400}'|'[A-Za-z]:\\[^'\n]{1,400}'",
            "absolute_path": r"(?<![\w.:/<>\ue001-])(?:[A-Za-z]:\\|~/|\.{1,2}/|/)[^\s',;:()\[\]{}<>|=]{0,400}[\w/*~]",
            "relative_path": r"(?<![\w./:@\ue001-])(?:[\w.-]{1,80}/){1,20}[\w-]{0,80}(?:\.[\w-]{1,40}){0,3}"
            r"\.[A-Za-z]\w{0,9}(?![\w/])",
            "well_known": rf"(?<![\w./-])[~/]{{0,2}}(?:[\w.-]{{1,80}}/){{0,12}}({_WELL_KNOWN})(?![\w-])(?!\.\w)",
            "file": rf"(?<![\w./-])(?:[\w-]{{1,80}}\.){{1,4}}(?:{_EXTENSIONS})(?![\w-])(?!\.\w)",
            "network_address": r"\b(?:localhost|\d{1,3}(?:\.\d{1,3}){3})(?::\d{1,5})?\b"
            r"|\[[0-9a-fA-F:]{2,39}\](?::\d{1,5})?",
            "python": r"(?i)\bpython[23](?:\.\d{1,2}){0,2}\b",
            "indexed": rf"(?i)\b({_INDEXED})([-_:# ]?)\d{{1,12}}(?:\.\d{{1,9}}){{0,4}}\b",
            "number": r"(?<![A-Za-z_\d.\ue010-\ue019])[-+]?v?\d+(?:[.,:]\d+){0,8}"
            r"(?:\.?(?:a|b|rc|dev|post|alpha|beta)\.?\d+){0,4}(?:[+-](?:cu|cpu|rocm|git|g|ubuntu|deb)[\w.]{0,40}){0,2}"
            rf"(?:\s?(?:{_UNITS})(?![A-Za-z_/]))?(?![A-Za-z_])",
            "numbers": r"<n>(?:(?:\s?[,;:x/|-]\s?|\s)<n>){1,1000}",
            "indices": r"\[<n>\]",
            "place": rf"^(?:(?:<path>|{_WELL_KNOWN}),? ?(?:line <n>|:<n>)?: |line <n>: ){{1,4}}",
            "place_in_brackets": rf" \((?:<path>|{_WELL_KNOWN}),? line <n>\)",
            "marks": r"(<(?:path|n|hash|id)>)(?:(?:, |; | )(?:line <n>: )?\1){1,1000}",
        }.items()
    }


def normalised(text: str, *, organization: str = "", name: str = "", images: bool = False) -> str:
    """The line without what differs from repository to repository and from run to run.

    Args:
        text: One line; more are read as one.
        organization: Of the repository.
        name: Of the repository.
        images: Whether whatever looks like `name:tag` is a container image here.
    """
    keeper = _Keeper()
    keep = keeper.keep
    text = re.sub(r"[\ue000-\uf8ff\x00-\x1f\x7f-\x9f]", " ", text[:LONGEST_INPUT])
    text = re.sub('["`‘’“”]', "'", text).replace("\\'", "'")  # noqa: RUF001 - quotes as tools write them

    def put(pattern: str, replacement: str | Callable[[re.Match[str]], str]) -> None:
        nonlocal text
        text = _patterns()[pattern].sub(replacement, text)

    put("time", keep("<time>"))
    put("generator", lambda match: keep(f"<{match[1]}>"))
    text = _without_repository(text, organization, name, keep)
    put("url", lambda match: keep(url_name(match[0])))
    put("wheel", lambda match: keep(package_name(match[1])))
    put("short_image", lambda match: match[1] + keep(image_name(match[2])))
    put("any_image" if images else "image", lambda match: _image_or_path(match[0], keep))
    put("library", lambda match: keep(match[1]))
    put("status", lambda match: match[1] + keep(match[2]))
    put("client_error", lambda match: match[1] + keep(match[2]))
    put("exit", lambda match: match[1] + keep(match[2]))
    put("request", keep("<id>"))
    put("uuid", keep("<id>"))
    put("cloud_id", keep("<id>"))
    put("address", keep("<address>"))
    put("hash", keep("<hash>"))
    put("token", keep("<id>"))
    put("temporary", keep("<id>"))
    put("requirement", r"\1 ")
    put("well_known", lambda match: keep(match[1]))
    put("shell", "'")
    put("zone", keep("<id>"))
    put("quoted_path", lambda match: f"'{_path(match[0].strip(chr(39)), keep)}'")
    put("absolute_path", lambda match: _path(match[0], keep))
    put("relative_path", keep("<path>"))
    put("file", keep("<path>"))
    put("network_address", keep("<address>"))
    put("python", "python")
    put("indexed", r"\1\2<n>")
    put("number", "<n>")
    text = keeper.restore(text)
    put("numbers", "<n>")
    put("indices", "")
    put("marks", r"\1")
    put("place", "")
    put("place_in_brackets", "")
    return " ".join(text.split()).strip(" .,:;…-")


def _without_repository(text: str, organization: str, name: str, keep: Callable[[str], str]) -> str:
    """The repository's own name becomes a mark, unless the line speaks of a package that is called the same."""
    if not name:
        return text
    bare = re.escape(name)
    mark = keep("<repo>")
    if organization:
        full = rf"(?i)(?:https?://|ssh://|git@)?(?:[\w.-]{{1,100}}[/:])?{re.escape(organization)}[/:]{bare}(?:\.git)?(?![\w-])"
        text = re.sub(full, mark, text)
    package = (
        rf"(?i)\b(?:named|for|module|package|requirement|distribution|import|install|building|of)\s'?{bare}(?![\w-])"
    )
    if re.search(package, text):
        return text
    return re.sub(rf"(?i)(?<![\w./-]){bare}(?![\w/-])", mark, text)


def _image_or_path(text: str, keep: Callable[[str], str]) -> str:
    """`src/handler.py:12` looks like an image too."""
    name, _, tag = text.split("@", 1)[0].rpartition(":")
    if re.search(rf"\.(?:{_EXTENSIONS})$", name) or (tag.isdigit() and "." not in tag and "/" not in name):
        return text
    return keep(image_name(text))


def _path(path: str, keep: Callable[[str], str]) -> str:
    """A program is known by its name, wherever it lies."""
    program = re.search(r"/s?bin/([\w.+-]{1,80})$", path)
    return keep(program[1] if program else "<path>")
