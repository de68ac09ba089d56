"""`model_urls`: what the worker downloads is still there.

Fails only for what is gone for good (404, 410). A refusal may be for want of a token, a limit or a server's trouble
passes: both are an `error`. A machine without network skips.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

from janitor.inspection.location import Location
from janitor.inspection.repository.model_sources import HUB, ModelSource, build_sources, built_scripts, code_sources
from janitor.inspection.tree import UnreadableError
from janitor.protocol.report import Evidence
from janitor.protocol.terms.proven import UnprovenKind
from janitor.protocol.terms.reason_codes import ReasonCode
from janitor.validator.context import CheckContext
from janitor.validator.facts import SourceFacts
from janitor.validator.findings import Finding, errored, failed, passed, skipped

if TYPE_CHECKING:
    from janitor.validator.network.web import Web

_LIMIT = timedelta(seconds=60)
_MOST = 20
_NO_SUCH_RANGE = 416
_TOKENS = ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HUGGINGFACE_TOKEN", "HUGGINGFACE_ACCESS_TOKEN")


def check_model_urls(context: CheckContext, source: SourceFacts) -> Finding:
    """Ask for every address that models come from."""
    from janitor.validator.network.web import Web, WebError, WebTrouble  # noqa: PLC0415  # TLS costs time

    sources = model_sources(source)
    if not sources:
        return skipped(ReasonCode.NO_MODEL_URL, "the build and the worker's code name no address that models come from")
    web = Web(context.settings, limit=_LIMIT)
    lines: list[str] = []
    gone: list[tuple[ModelSource, str]] = []
    unknown: list[tuple[ReasonCode, str]] = []
    unasked = list(sources[_MOST:])
    for each in sources[:_MOST]:
        try:
            status = _status(web, each.url, _headers(context, each.url))
        except WebError as exc:
            lines.append(f"{each.url}: {exc}")
            unknown.append((exc.trouble.value, str(exc)))
            if exc.trouble in (WebTrouble.NO_NETWORK, WebTrouble.REFUSED):
                unasked.append(each)
            continue
        lines.append(f"{each.url}: HTTP {status} ({each.path}, line {each.line})")
        if status in (404, 410):
            gone.append((each, f"{each.path}, line {each.line}: {each.url} is gone (HTTP {status})"))
        elif not _there(status):
            code = {401: ReasonCode.NEEDS_TOKEN, 403: ReasonCode.NEEDS_TOKEN, 429: ReasonCode.RATE_LIMITED}.get(
                status, ReasonCode.SERVER_TROUBLE
            )
            unknown.append((code, f"{each.url}: HTTP {status}"))
    finding = _concluded(gone, unknown, context.evidence.value("addresses", "\n".join(lines)))
    for each in unasked:
        text = f"nobody was asked for {each.url}: whether it is still there is not known"
        finding = finding.left_unproven(UnprovenKind.NOT_ASKED, text, file=str(each.path), line=each.line)
    return finding


def _concluded(
    gone: Sequence[tuple[ModelSource, str]], unknown: Sequence[tuple[ReasonCode, str]], evidence: Evidence
) -> Finding:
    """What the hosts' answers say of the repository."""
    from janitor.validator.network.web import WebTrouble  # noqa: PLC0415  # TLS costs time

    if gone:
        locations = [Location(path=each.path, line=each.line, message=text) for each, text in gone]
        return failed(ReasonCode.MODEL_GONE, "; ".join(text for _, text in gone), evidence, locations=locations)
    told = [pair for pair in unknown if pair[0] not in (WebTrouble.NO_NETWORK.value, WebTrouble.REFUSED.value)]
    if told:
        return errored(told[0][0], "; ".join(text for _, text in told), evidence)
    if unknown:
        return skipped(unknown[0][0], unknown[0][1], evidence)
    return passed(evidence)


def model_sources(source: SourceFacts) -> list[ModelSource]:
    """What the image's build and the worker fetch, the build's first."""
    image, modules = source.image, source.python.modules if source.python is not None else ()
    found: list[ModelSource] = []
    scripts = []
    if image is not None:
        found += build_sources(image.dockerfile, image.path)
        scripts = built_scripts(image.dockerfile, image.files)
    for path in dict.fromkeys((*scripts, *modules)):
        try:
            found += code_sources(path, source.tree.read_text(path), is_built_in=path in scripts)
        except UnreadableError:
            continue
    return list({each.url: each for each in reversed(found)}.values())[::-1]


def _there(status: int) -> bool:
    """Whether an answer shows something; a redirect to nowhere does not, and no range fits an empty file."""
    return status < 300 or status == _NO_SUCH_RANGE


def _status(web: Web, url: str, headers: Mapping[str, str]) -> int:
    """The HTTP status of an address; servers that take no HEAD, or say otherwise to it, are asked for a first byte."""
    status = web.ask(url, headers=headers).status
    if _there(status) or status in (401, 429):
        return status
    return web.ask(url, method="GET", headers={**headers, "Range": "bytes=0-0"}, most=1).status


def _headers(context: CheckContext, url: str) -> dict[str, str]:
    """The hub's token, for the hub alone."""
    if not url.startswith(f"{HUB}/"):
        return {}
    given_ones = {**context.spec.repository.build_args, **context.worker_variables}
    token = next((given_ones[name] for name in _TOKENS if given_ones.get(name)), None)
    return {"Authorization": f"Bearer {token}"} if token else {}
