"""What changed between what two reports are about: commit, images, packages, machine, validator.

Invariant: only what both reports say is compared; what one of them doesn't know is no change.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Annotated

from janitor.inspection.install.requirements import normalised
from janitor.protocol.codec import Part
from janitor.protocol.report import SHA_PATTERN, Report
from janitor.protocol.terms.provenance import BaseImage, Packages
from janitor.protocol.values import Most, Range, Text

MAX_CHANGES = 60
"""So many are kept; of packages, which alone can be more, the first by name."""
_LONGEST = 500


class Changed(str, Enum):
    """What can change, in the order in which it is told."""

    ENGINE = "engine"
    BASE_IMAGE = "base_image"  # by reference; by stage where the reference itself changed
    PYTHON = "python"
    PACKAGE = "package"  # by name
    GPU = "gpu"
    DRIVER = "driver"
    CUDA = "cuda"
    INSTANCE_TYPE = "instance_type"
    MACHINE_IMAGE = "machine_image"  # its AMI
    VALIDATOR = "validator"  # its version
    ARTEFACT = "artefact"  # the bytes that it ran from


@dataclass(frozen=True, kw_only=True)
class PartChange(Part):
    """One thing that is not as it was."""

    part: Changed
    name: Annotated[str, Text(_LONGEST)] | None = None
    """Which of its kind; None where there is but one."""
    before: Annotated[str, Text(_LONGEST)] | None
    """None: it wasn't there."""
    after: Annotated[str, Text(_LONGEST)] | None
    """None: it isn't there any more."""


@dataclass(frozen=True, kw_only=True)
class CommitRange(Part):
    """The commits that two reports are of."""

    before: Annotated[str, Text(64, SHA_PATTERN)]
    after: Annotated[str, Text(64, SHA_PATTERN)]

    @property
    def is_same(self) -> bool:
        """Whether it is one commit, so that something else must have changed."""
        return self.before == self.after


@dataclass(frozen=True, kw_only=True)
class ProvenanceChanges(Part):
    """What changed from one report to another."""

    commits: CommitRange | None
    """None where one of them has no commit."""
    parts: Annotated[tuple[PartChange, ...], Most(MAX_CHANGES)] = ()
    left_out: Annotated[int, Range(0, 10**6)] = 0
    """How many more there are."""

    def of(self, *kinds: Changed) -> tuple[PartChange, ...]:
        """The changes of some kinds."""
        return tuple(each for each in self.parts if each.part in kinds)


def changes_between(before: Report, after: Report) -> ProvenanceChanges:
    """What is not as it was.

    Args:
        before: The report that is compared with.
        after: The later one.
    """
    shas = before.repository.commit_sha, after.repository.commit_sha
    commits = CommitRange(before=shas[0], after=shas[1]) if shas[0] is not None and shas[1] is not None else None
    found = every_change(before, after)
    kept = [each for each in found if each.part is not Changed.PACKAGE][:MAX_CHANGES]
    room = MAX_CHANGES - len(kept)
    packages = [each for each in found if each.part is Changed.PACKAGE]
    parts = sorted([*kept, *packages[:room]], key=_rank)
    return ProvenanceChanges(commits=commits, parts=tuple(parts), left_out=len(found) - len(parts))


def every_change(before: Report, after: Report) -> list[PartChange]:
    """What is not as it was, whole: as many packages as two reports can have. The order is that of `Changed`, of
    packages by name."""
    return sorted(_changes(before, after), key=_rank)


def _rank(change: PartChange) -> int:
    return list(Changed).index(change.part)


def _changes(before: Report, after: Report) -> Iterator[PartChange]:
    old, new = _singles(before), _singles(after)
    for part in Changed:
        was, now = old.get(part), new.get(part)
        if was is not None and now is not None and was != now:
            yield PartChange(part=part, before=was, after=now)
    was_made, is_made = before.provenance, after.provenance
    if was_made is not None and is_made is not None:
        yield from _image_changes(was_made.base_images, is_made.base_images)
        if was_made.packages is not None and is_made.packages is not None:
            yield from _package_changes(was_made.packages, is_made.packages)


def _singles(report: Report) -> Mapping[Changed, str | None]:
    """What a report has one of; a GPU that isn't there is nothing that could have changed to another."""
    provenance, host = report.provenance, report.host
    machine = provenance.machine if provenance is not None else None
    packages = provenance.packages if provenance is not None else None
    return {
        Changed.ENGINE: report.engine.value if report.engine is not None else None,
        Changed.PYTHON: packages.python if packages is not None else None,
        # A report of before names the first alone.
        Changed.GPU: ", ".join(dict.fromkeys(host.gpu_names))[:_LONGEST] or None,
        Changed.DRIVER: host.driver_version,
        Changed.CUDA: host.cuda_version,
        Changed.INSTANCE_TYPE: machine.instance_type if machine is not None else None,
        Changed.MACHINE_IMAGE: machine.image_id if machine is not None else None,
        Changed.VALIDATOR: report.validator_version,
        Changed.ARTEFACT: provenance.validator_sha256 if provenance is not None else None,
    }


def _image_changes(before: tuple[BaseImage, ...], after: tuple[BaseImage, ...]) -> Iterator[PartChange]:
    old = {image.reference: image for image in before}
    new = {image.reference: image for image in after}
    gone = {image.stage: image for image in before if image.reference not in new and image.stage is not None}
    for image in after:
        was = old.get(image.reference)
        if was is None:
            # Another image for a stage of the same name takes the place of the one that it had.
            other = None if image.stage is None else gone.pop(image.stage, None)
            name = None if other is None else f"stage {image.stage}"
            yield PartChange(
                part=Changed.BASE_IMAGE, name=name, before=other.reference if other else None, after=image.reference
            )
        elif was.digest is not None and image.digest is not None and was.digest != image.digest:
            yield PartChange(part=Changed.BASE_IMAGE, name=image.reference, before=was.digest, after=image.digest)
    left = {image.reference for image in gone.values()}
    for image in before:
        if image.reference not in new and (image.stage is None or image.reference in left):
            yield PartChange(part=Changed.BASE_IMAGE, before=image.reference, after=None)


def _package_changes(before: Packages, after: Packages) -> Iterator[PartChange]:
    # Of lists that are cut, what one lacks may merely be beyond its end.
    whole = not before.left_out and not after.left_out
    old, new = _by_canonical_name(before), _by_canonical_name(after)
    for key in sorted(old.keys() | new.keys()):
        was, now = old.get(key), new.get(key)
        if was is None or now is None:
            name = was[0] if was is not None else now[0] if now is not None else key
            if whole:
                yield PartChange(
                    part=Changed.PACKAGE, name=name, before=was[1] if was else None, after=now[1] if now else None
                )
        elif was[1] != now[1]:
            yield PartChange(part=Changed.PACKAGE, name=now[0], before=was[1], after=now[1])


def _by_canonical_name(packages: Packages) -> Mapping[str, tuple[str, str]]:
    """Name and version; a package may spell its name otherwise from one version to the next. Source: PEP 503."""
    return {normalised(name): (name, version) for name, version in packages.versions.items()}
