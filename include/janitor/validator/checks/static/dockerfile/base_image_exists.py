"""`base_image_exists`: the registry has every image that the Dockerfile starts or copies from, for x86-64.

Fails only where a registry says that there is no such image. A refusal, a limit or a server's trouble is an `error`;
a machine without network skips.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from janitor.inspection.dockerfile.image_reference import parse_reference
from janitor.inspection.dockerfile.stages import Dockerfile
from janitor.inspection.dockerfile.usage import used_images, used_stages
from janitor.inspection.location import Location
from janitor.protocol.report import Evidence
from janitor.protocol.terms.proven import UnprovenKind
from janitor.protocol.terms.provenance import Provenance
from janitor.protocol.terms.reason_codes import ReasonCode
from janitor.validator.context import CheckContext, ReportHead
from janitor.validator.facts import StatedFacts
from janitor.validator.findings import Finding, errored, failed, passed, skipped
from janitor.validator.provenance.base_images import base_images

_LIMIT = timedelta(seconds=40)
_PLATFORM = "linux/amd64"
_MOST = 10


def check_base_image_exists(context: CheckContext, stated: StatedFacts) -> Finding:
    """Ask the registries for the images."""
    from janitor.validator.network.registry import ask_for_image  # noqa: PLC0415  # TLS costs time
    from janitor.validator.network.web import Web, WebError, WebTrouble  # noqa: PLC0415  # loaded where it is needed alone

    if stated.image is None:
        return skipped(ReasonCode.PREREQUISITE_FAILED, "dockerfile_parse could not read the Dockerfile")
    dockerfile, digests = stated.image.dockerfile, dict[str, str]()
    images = used_images(dockerfile)
    others = _for_other_platforms(dockerfile)
    if not images:
        return skipped(ReasonCode.NO_BASE_IMAGE, "the Dockerfile starts from nothing that a registry has")
    web = Web(context.settings, limit=_LIMIT)
    lines: list[str] = []
    gone: list[tuple[int, ReasonCode, str, str]] = []
    unknown: list[tuple[ReasonCode, str]] = []
    unasked = list(images[_MOST:])
    for image in images[:_MOST]:
        line, name = image.line, image.reference
        try:
            answer = ask_for_image(web, parse_reference(name))
        except WebError as exc:
            lines.append(f"line {line}: {name}: {exc}")
            unknown.append((exc.trouble.value, f"{name}: {exc}"))
            if exc.trouble in (WebTrouble.NO_NETWORK, WebTrouble.REFUSED):
                unasked.append(image)
            continue
        lines.append(f"line {line}: {name}: HTTP {answer.status} {answer.digest or answer.said}".rstrip())
        if answer.digest is not None:
            digests[name] = answer.digest
        if answer.status in (404, 410):
            gone.append((line, ReasonCode.BASE_MISSING, name, f"the registry has no image {name}"))
        elif answer.status != 200:
            code = {401: ReasonCode.NEEDS_TOKEN, 403: ReasonCode.NEEDS_TOKEN, 429: ReasonCode.RATE_LIMITED}.get(
                answer.status, ReasonCode.SERVER_TROUBLE
            )
            unknown.append((code, f"{name}: the registry answered with HTTP {answer.status} {answer.said}".rstrip()))
        elif answer.platforms and name not in others and _PLATFORM not in answer.platforms:
            have = ", ".join(dict.fromkeys(answer.platforms))
            gone.append(
                (line, ReasonCode.BASE_WRONG_PLATFORM, name, f"{name} is there for {have}, not for {_PLATFORM}")
            )
    resolved = base_images(dockerfile, taken={}, registry=digests, tell=context.evidence.tell)
    context.tell(ReportHead(provenance=Provenance(base_images=resolved)))
    path = str(stated.image.path)
    finding = _concluded(gone, unknown, path, context.evidence.value("images", "\n".join(lines)))
    for each in unasked:
        text = f"no registry was asked for {each.reference}: whether it exists is not known"
        finding = finding.left_unproven(UnprovenKind.NOT_ASKED, text, file=path, line=each.line)
    return finding


def _concluded(
    gone: Sequence[tuple[int, ReasonCode, str, str]],
    unknown: Sequence[tuple[ReasonCode, str]],
    path: str,
    evidence: Evidence,
) -> Finding:
    """What the registries' answers say of the repository."""
    from janitor.validator.network.web import WebTrouble  # noqa: PLC0415  # TLS costs time

    if gone:
        locations = [Location(path=path, line=line, message=text) for line, _, _, text in gone]
        return failed(gone[0][1], "; ".join(text for *_, text in gone), evidence, locations=locations)
    # A host that may not be asked, or can't be reached from here, says nothing about the repository.
    told = [each for each in unknown if each[0] not in (WebTrouble.NO_NETWORK.value, WebTrouble.REFUSED.value)]
    if told:
        return errored(told[0][0], "; ".join(text for _, text in told), evidence)
    if unknown:
        return skipped(unknown[0][0], unknown[0][1], evidence)
    return passed(evidence)


def _for_other_platforms(dockerfile: Dockerfile) -> set[str]:
    """Images that a stage takes for another platform on purpose, such as to copy files out of them."""
    return {
        stage.base
        for stage in used_stages(dockerfile)
        if stage is not dockerfile.final and stage.platform and not stage.platform.startswith((_PLATFORM, "$"))
    }
