"""Whether sequential runs find their cache volume. It never costs a run, so nothing about it is more than a note."""

from __future__ import annotations

from collections.abc import Iterator

from janitor.cloud.examine import launching, watching
from janitor.cloud.session import CloudAccess
from janitor.domain.findings import Finding, note, ok
from janitor.domain.identity import TAG_CACHE
from janitor.settings import Settings

_SUBJECT = "cache volume"
_SMALL_GIB = 20
"""Less than the layers of two images with CUDA and PyTorch."""
_USABLE = ("available", "in-use", "creating")


def cache_volume(settings: Settings) -> Iterator[Finding]:
    """The volume with the deployment's tag: one, usable, encrypted, in a zone that instances are launched in."""
    access, tag = CloudAccess.of(settings), f"{TAG_CACHE}={settings.deployment}"
    found = watching.caches(access, settings.deployment)
    if not found:
        step = "if there are such runs, make it (Terraform's cache_volume_gib)"
        yield note(_SUBJECT, f"none has the tag {tag}: sequential runs start cold", step)
        return
    seen, others = found[0], ", ".join(each.volume_id for each in found[1:])
    said = f"{seen.volume_id}, {seen.size_gib} GiB in {seen.zone}"
    zones = (
        {each.zone for each in launching.subnets(access, settings.subnet_ids).values()} if settings.subnet_ids else None
    )
    complaints = [
        (bool(others), f"{others} have the tag {tag}, too, and the oldest is taken", "delete what isn't used"),
        (seen.state not in _USABLE, f"it is {seen.state}", "make it again: it holds nothing that can't be made"),
        (not seen.is_encrypted, "it isn't encrypted", "make it again, encrypted: it holds nothing that can't be made"),
        (seen.size_gib < _SMALL_GIB, "it is full after a worker or two", "make it larger (cache_volume_gib)"),
        (
            zones is not None and seen.zone not in zones,
            "no subnet is in its zone: sequential runs start cold",
            f"add a subnet in {seen.zone} to JANITOR_SUBNET_IDS, or make the volume in another zone (cache_zone)",
        ),
    ]
    wrong = [(what, step) for is_so, what, step in complaints if is_so]
    for what, step in wrong:
        yield note(_SUBJECT, f"{said}; {what}", step)
    if not wrong:
        yield ok(_SUBJECT, f"{said}, encrypted")
