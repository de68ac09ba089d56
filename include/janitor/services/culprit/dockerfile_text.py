"""A Dockerfile as its text and as what was read of it, and changes of the text that leave all else as it is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from janitor.inspection.dockerfile.expand import expand
from janitor.inspection.dockerfile.lexer import Instruction, lex
from janitor.inspection.dockerfile.stages import Dockerfile, parse_dockerfile
from janitor.inspection.tree import RepositoryTree

_MOST_BYTES = 256 * 1024


@dataclass(frozen=True, kw_only=True)
class TextEdit:
    """Lines in place of others."""

    begin: int
    """Index of the first line that is replaced."""
    end: int
    """Index behind the last one; the same: lines are put in."""
    lines: tuple[str, ...]
    """Without line ends."""


@dataclass(frozen=True, kw_only=True)
class DockerfileText:
    """One Dockerfile."""

    path: PurePosixPath
    text: str
    parsed: Dockerfile
    instructions: tuple[Instruction, ...]
    escape: str

    @classmethod
    def read(cls, tree: RepositoryTree, path: PurePosixPath, build_args: Mapping[str, str]) -> DockerfileText:
        """Read it.

        Raises:
            UnreadableError: It is no text, or too large.
            DockerfileSyntaxError: It is no Dockerfile.
        """
        text = tree.read_text(path, most=_MOST_BYTES)
        lexed = lex(text)
        return cls(
            path=path,
            text=text,
            parsed=parse_dockerfile(text, build_args=build_args),
            instructions=lexed.instructions,
            escape=lexed.escape,
        )

    @property
    def lines(self) -> list[str]:
        """Its lines, without their ends."""
        return self.text.split("\n")

    def instruction(self, line: int) -> Instruction:
        """The one that begins at a line."""
        return next(each for each in self.instructions if each.line == line)

    def span(self, line: int) -> range:
        """Indexes of the lines of the instruction that begins at a line, with the comments behind it."""
        later = [each.line for each in self.instructions if each.line > line]
        lines = self.lines
        end = min(later) - 1 if later else len(lines)
        while end > line and not lines[end - 1].strip():
            end -= 1
        return range(line - 1, end)

    def after_instruction(self, line: int, instructions: Sequence[str]) -> TextEdit:
        """Put instructions behind the one that begins at a line."""
        end = self.span(line).stop
        return TextEdit(begin=end, end=end, lines=tuple(instructions))

    def renamed_images(self, names: Mapping[str, str]) -> list[TextEdit]:
        """Other names for images, wherever FROM or `COPY --from` has one of them as a word of its own."""
        arguments = dict(self.parsed.stages[0].arguments) if self.parsed.stages else {}
        values = {**self._global_arguments(), **arguments}
        edits = []
        for instruction in self.instructions:
            if instruction.keyword == "FROM":
                word = (instruction.value.split() or [""])[0]
            elif instruction.keyword == "COPY" and (flag := instruction.flag("from")):
                word = flag
            else:
                continue
            wanted = names.get(expand(word.strip("\"'"), values, escape=self.escape).text)
            if wanted is None:
                continue
            for index in self.span(instruction.line):
                line = self.lines[index]
                if word in line and not line.lstrip().startswith("#"):
                    edits.append(TextEdit(begin=index, end=index + 1, lines=(line.replace(word, wanted, 1),)))
                    break
        return edits

    def _global_arguments(self) -> dict[str, str]:
        """ARGs from before the first FROM, as they are stated."""
        found: dict[str, str] = {}
        for instruction in self.instructions:
            if instruction.keyword == "FROM":
                break
            if instruction.keyword == "ARG":
                for word in instruction.words():
                    name, _, value = word.partition("=")
                    found[name] = value
        return found

    def edited(self, edits: Iterable[TextEdit]) -> str:
        """The text with changes of different lines."""
        lines = self.lines
        for edit in sorted(edits, key=lambda each: (each.begin, each.end), reverse=True):
            lines[edit.begin : edit.end] = edit.lines
        text = "\n".join(lines)
        return text if text.endswith("\n") or not self.text.endswith("\n") else text + "\n"
