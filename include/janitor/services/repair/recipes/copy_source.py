"""A COPY whose source isn't there: it was renamed once in the history, or its name is out by case alone."""

from __future__ import annotations

import posixpath
import re
from pathlib import PurePosixPath

from janitor.domain.repair.proposal import Abstained, Failure
from janitor.domain.repair.writing import Edit
from janitor.inspection.dockerfile.sources import MissingSource, context_copies, missing_sources
from janitor.inspection.dockerfile.stages import Copy
from janitor.protocol.terms.reason_codes import ReasonCode
from janitor.services.repair.facts import WorkerTree
from janitor.services.repair.recipes.dockerfile_text import changed_instruction, lines_of, mentions, replace_word
from janitor.services.repair.recipes.recipe import Draft, failed_with, reason_of
from janitor.services.repair.world import World

_PLAIN = re.compile(r"[\w.@+/-]{1,300}", re.ASCII)


class CopySource:
    """See the module."""

    name = "copy_source"
    repairs = "COPY of what isn't there"
    how = "the one path that history renamed it to, or the one that differs by case alone"

    def draft(self, failure: Failure, worker: WorkerTree, world: World) -> Draft | Abstained | None:
        """See `Recipe`."""
        if not any(failed_with(failure, ReasonCode.COPY_SOURCE_MISSING)):
            return None
        path, parsed, context = worker.layout.dockerfile, worker.parsed, worker.context
        text = None if path is None else worker.text(path)
        if path is None or parsed is None or context is None or text is None:
            return Abstained(reason="its Dockerfile can't be read")
        missing = missing_sources(parsed, context, worker.tree)
        copies = {copy.line: copy for copy in context_copies(parsed)}
        after, causes = text, []
        # From the last: the lines above stay where they are.
        for each in sorted(missing, key=lambda source: -source.line):
            if each.ignored:
                return Abstained(reason=f"{each.source} is there, and .dockerignore keeps it out")
            now, why = self._now(each, worker, world)
            if now is None or _PLAIN.fullmatch(now) is None:
                why = why if now is None else f"{now!a} can't be written into an instruction as it is"
                return Abstained(reason=f"{each.source}: {why}")
            changed = _with_source(after, copies[each.line], each.source, now)
            if changed is None:
                return Abstained(reason=f"line {each.line} doesn't name {each.source} as such")
            after = changed
            causes.append(f"{each.source} is {now} now ({why})")
        if not causes:
            return Abstained(reason="every source of a COPY is there")
        return Draft(
            edits={str(path): Edit(before=text, after=after)},
            summary="Copy what is in the repository under its present name",
            root_cause=f"The Dockerfile copies what isn't there: {'; '.join(causes)}.",
            evidence=(reason_of(failure), *causes),
        )

    @staticmethod
    def _now(missing: MissingSource, worker: WorkerTree, world: World) -> tuple[str | None, str]:
        """Its present path, and how that is known; or why it isn't."""
        wanted = posixpath.normpath(missing.source).lstrip("/")
        paths = {str(entry.path) for entry in worker.tree.entries if not entry.is_symlink}
        paths |= {str(parent) for path in paths for parent in PurePosixPath(path).parents if parent.name}
        folded = sorted(path for path in paths if path.casefold() == wanted.casefold())
        if len(folded) == 1:
            return folded[0], "its name differs by case alone"
        if len(folded) > 1:
            return None, f"{len(folded)} paths differ from it by case alone"
        renamed = sorted({path for path in world.renamed_to(wanted) if path in paths})
        if len(renamed) == 1:
            return renamed[0], "renamed in the history"
        return None, f"{len(renamed)} paths come of it in the history" if renamed else "no path comes of it"


def _destination_at(piece: str) -> int:
    """Where an instruction's last word begins, with the bracket of a list behind it."""
    text = piece.rstrip().removesuffix("]").rstrip()
    return max(text.rfind(sign) for sign in " \t\n,[") + 1


def _with_source(text: str, copy: Copy, source: str, now: str) -> str | None:
    """The Dockerfile with another source; None where it doesn't stand there once, as it is."""
    counts: list[int] = []
    span = lines_of(text, copy.line)
    old_name, new_name = posixpath.basename(source.rstrip("/")), posixpath.basename(now)
    # What other instructions call by its old name keeps it in the image.
    keeps = old_name != new_name and mentions(text, old_name, but=span)
    if keeps and len(copy.sources) > 1:
        return None

    def change(piece: str) -> str:
        slash = "/" if source.endswith("/") else ""
        at = _destination_at(piece)
        changed, count = replace_word(piece[:at], source.rstrip("/"), f"{now}{slash}")
        counts.append(count)
        destination = piece[at:]
        if keeps and copy.destination.endswith("/"):
            word = destination.rstrip()
            if not word or word[-1] in "\"']":
                return piece
            destination = posixpath.join(word, old_name) + destination[len(word) :]
        return changed + destination

    after = changed_instruction(text, copy.line, change)
    return after if counts and set(counts) == {1} else None
