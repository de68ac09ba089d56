"""What a validation is of, and what changed in that, as text."""

from __future__ import annotations

from collections.abc import Sequence

from janitor.domain.result.provenance_changes import Changed, CommitRange, PartChange, ProvenanceChanges
from janitor.domain.views import ValidationView
from janitor.protocol.terms.provenance import Machine
from janitor.views.text.marks import one_line
from janitor.views.text.times import instant

_SHORT_SHA = 7
_SHORT_DIGEST = 12
_SHORT_WORKER = 8
_ORDINAL_ENDS = {1: "st", 2: "nd", 3: "rd"}
_SHOWN = 10
_SHOWN_AS_CAUSE = 3
_CAUSES = (Changed.BASE_IMAGE, Changed.PYTHON, Changed.PACKAGE)
"""What a build brings into the same commit."""
_WORDS = {
    Changed.MACHINE_IMAGE: "AMI",
    Changed.GPU: "GPU",
    Changed.CUDA: "CUDA",
    Changed.PYTHON: "Python",
    Changed.ARTEFACT: "validator artefact",
}
_HASHES = (Changed.BASE_IMAGE, Changed.ARTEFACT)


def short_sha(sha: str) -> str:
    """The beginning by which a commit is known."""
    return sha[:_SHORT_SHA]


def commit_text(validation: ValidationView) -> str | None:
    """`0123456 "Use torch 2.2" by Ada, 2024-01-15 14:30:00 UTC`; None as long as no commit is known."""
    if validation.commit_sha is None:
        return None
    sha, commit = short_sha(validation.commit_sha), validation.commit
    if commit is None:
        return sha
    by = f" by {one_line(commit.author)}" if commit.author else ""
    return f'{sha} "{one_line(commit.subject)}"{by}, {instant(commit.committed_at)}'


def worker_text(machine: Machine | None) -> str | None:
    """`worker 3f2a0b1c, its 4th task, warm: 2 images, build cache`; None of a machine that is no worker's."""
    if machine is None or machine.worker_id is None or machine.task_ordinal is None:
        return None
    said = f"worker {machine.worker_id[:_SHORT_WORKER]}, its {_ordinal(machine.task_ordinal)} task"
    warm = machine.warm
    if warm is None:
        return said
    images = f"{warm.base_images} {'image' if warm.base_images == 1 else 'images'}"
    had = [*([images] if warm.base_images else []), *(["build cache"] if warm.build_cache else [])]
    return f"{said}, warm: {', '.join(had) or 'nothing'}"


def _ordinal(number: int) -> str:
    teens = number % 100 in (11, 12, 13)
    return f"{number}{'th' if teens else _ORDINAL_ENDS.get(number % 10, 'th')}"


def changes_text(changes: ProvenanceChanges | None) -> str | None:
    """What isn't as in the last conclusive validation, in one line; None where nothing is known to have changed."""
    if changes is None:
        return None
    commits = changes.commits
    said = [f"commit {_range(commits)}"] if commits is not None and not commits.is_same else []
    said += listed_changes(changes.parts, _SHOWN, more=changes.left_out)
    return "; ".join(said) or None


def cause_text(changes: ProvenanceChanges | None) -> str | None:
    """Between which commits something broke; at one and the same commit, what else the build brought."""
    if changes is None or changes.commits is None:
        return None
    if not changes.commits.is_same:
        return f"commits {_range(changes.commits)}"
    same = f"at the same commit {short_sha(changes.commits.after)}"
    brought = listed_changes(changes.of(*_CAUSES), _SHOWN_AS_CAUSE, more=changes.left_out)
    return f"{same}, with {', '.join(brought)}" if brought else f"{same}; no image or package is known to differ"


def _range(commits: CommitRange) -> str:
    return f"{short_sha(commits.before)}..{short_sha(commits.after)}"


def listed_changes(changes: Sequence[PartChange], most: int, *, more: int) -> list[str]:
    """Each change in words, the first of them; `more` are known to be left out beside them."""
    said = [_change(change) for change in changes[:most]]
    left = len(changes) - len(said) + more
    return [*said, f"{left} more"] if left else said


def _change(change: PartChange) -> str:
    kind = _WORDS.get(change.part, change.part.value.replace("_", " "))
    name = f"{kind} {one_line(change.name)}" if change.name else kind
    before, after = (None if side is None else _side(change.part, side) for side in (change.before, change.after))
    if before is None:
        return f"{name} {after} is new"
    return f"{name} {before} is gone" if after is None else f"{name} {before} → {after}"


def _side(part: Changed, text: str) -> str:
    algorithm, colon, digest = text.partition(":")
    if part in _HASHES and colon and algorithm in ("sha256", "sha512"):
        return digest[:_SHORT_DIGEST]
    return text[:_SHORT_DIGEST] if part is Changed.ARTEFACT else one_line(text)
