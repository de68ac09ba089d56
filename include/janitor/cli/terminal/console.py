"""Printing: results to standard output, everything else to standard error, colour only where a terminal shows it.

Invariant: what is printed passes `protocol.text.plain_text` here, whoever made it, so that nothing that a
repository wrote steers a terminal or a CI system.
"""

from __future__ import annotations

import codecs
import sys
import textwrap
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TextIO

from janitor.cli.terminal.teller import spoke
from janitor.cli.terminal.terminal_settings import TerminalSettings, terminal_columns
from janitor.domain.watch.waits import waiting
from janitor.protocol.text.plain_text import plain, without_commands
from janitor.views.text.marks import BAD, GOOD, UNKNOWN, WAITING

_COLOURS = {GOOD: "\x1b[32m", BAD: "\x1b[31m", WAITING: "\x1b[33m"}
_RESET = "\x1b[0m"
_LINK = "\x1b]8;;{}\x1b\\"
"""What begins a link on a terminal; without an address it ends it. Source: OSC 8, egmontkob's "Hyperlinks in terminal
emulators"."""
_INDENT = "    "
_WITHOUT_UNICODE = {GOOD: "[ok]", BAD: "[x]", WAITING: "[..]", UNKNOWN: "-", "…": "...", "→": "->"}


def _plain_mark(error: UnicodeError) -> tuple[str, int]:
    """What stands for a character that the output's encoding lacks."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    text = error.object[error.start : error.end]
    return "".join(_WITHOUT_UNICODE.get(each, "?") for each in text), error.end


def accept_any_text() -> None:
    """Make standard output and error take every character, whatever the locale: `✓` becomes `[ok]` in ASCII."""
    codecs.register_error("janitor-marks", _plain_mark)
    for stream in (sys.stdout, sys.stderr):
        reconfigure: Callable[..., None] | None = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="janitor-marks")


@dataclass(frozen=True)
class Console:
    """One command's output."""

    quiet: bool = False
    """Only results: for --json, so that standard output is one JSON document."""
    terminal: TerminalSettings = field(default_factory=TerminalSettings.of)
    errors: TerminalSettings = field(default_factory=lambda: TerminalSettings.of(sys.stderr))

    @property
    def columns(self) -> int:
        """Into how many a line has to fit; where nobody watches, every line does."""
        return terminal_columns() if self.terminal.interactive else sys.maxsize

    def result(self, text: str) -> None:
        """Print an answer."""
        _write(sys.stdout, without_commands(text), colour=self.terminal.colour)

    def annotations(self, lines: Iterable[str]) -> None:
        """Print workflow commands of ours, each on its line; what they quote must be escaped already."""
        for line in lines:
            _write(sys.stdout, plain(line).replace("\n", "%0A"), colour=False)

    def progress(self, text: str, *, wrapped: bool = False) -> None:
        """Print what is going on, unless only results are wanted; `wrapped` as for `answer`."""
        if not self.quiet:
            self.result(self._wrapped(text) if wrapped else text)

    def answer(self, text: str) -> None:
        """Print an answer for people, each line wrapped at words where a person watches."""
        self.result(self._wrapped(text))

    def _wrapped(self, text: str) -> str:
        return "\n".join(wrapped_lines(text, terminal_columns())) if self.terminal.interactive else text

    def link(self, before: str, address: str, *, shown: str, after: str = "") -> None:
        """Print a place on the web: as a link that shows a short text where the terminal has such links, else its
        address in one piece.

        Args:
            before: Before it.
            address: Of the place.
            shown: What a link shows instead.
            after: Behind it.
        """
        if self.quiet:
            return
        if not self.terminal.links:
            self.result("\n".join(self._address_lines(before, address, after)))
            return
        target = plain(address).replace("\n", "")
        linked = f"{_LINK.format(target)}{plain(shown)}{_LINK.format('')}"
        _write(sys.stdout, f"{without_commands(before)}{linked}{without_commands(after)}", colour=False)

    def _address_lines(self, before: str, address: str, after: str) -> list[str]:
        """The address in one piece: alone on its line, where a person may copy it, if nothing else fits beside it."""
        line = f"{before}{address}{after}"
        if not self.terminal.interactive or len(line) <= terminal_columns():
            return [line]
        return [part for part in (before.strip(), address, after.strip()) if part]

    @contextmanager
    def working(self, doing: str) -> Iterator[Callable[[str], None]]:
        """Show that something goes on: a spinner on a terminal, else the line itself.

        Yields:
            What prints one step, with the time since the beginning; it may be called from several threads.
        """
        began = time.monotonic()

        def step(text: str) -> None:
            self.progress(f"{time.monotonic() - began:6.1f} s  {text}")

        if self.quiet or not self.terminal.interactive:
            self.progress(doing)
            with waiting(doing):
                yield step
            return
        from rich.console import Console as RichConsole
        from rich.text import Text

        status = RichConsole(no_color=not self.terminal.colour, highlight=False).status
        with waiting(doing, shown=True), status(Text(without_commands(doing))):
            yield step

    def notice(self, text: str) -> None:
        """Print something beside the answer, to standard error."""
        _write(sys.stderr, without_commands(text), colour=self.errors.colour)

    def error(self, text: str) -> None:
        """Print `error: …` to standard error."""
        label = "\x1b[1;31merror:\x1b[0m" if self.errors.colour else "error:"
        _write(sys.stderr, f"{label} {without_commands(text)}", colour=False)


def wrapped_lines(text: str, columns: int) -> Iterator[str]:
    """The lines of a text, each in pieces that fit the columns; a word that doesn't fit stays whole."""
    for line in text.split("\n"):
        if len(line) <= columns:
            yield line
        else:
            blanks = line[: len(line) - len(line.lstrip())]
            yield from textwrap.wrap(
                line.lstrip(),
                columns,
                initial_indent=blanks,
                subsequent_indent=blanks + _INDENT,
                break_long_words=False,
                break_on_hyphens=False,
            )


def _coloured(text: str) -> str:
    for mark, colour in _COLOURS.items():
        text = text.replace(mark, f"{colour}{mark}{_RESET}")
    return text


def _write(stream: TextIO, harmless: str, *, colour: bool) -> None:
    """Write what passed `protocol.text.plain_text`; only colours of our own are added to it."""
    stream.write((_coloured(harmless) if colour else harmless) + "\n")
    # Each line counts at once for whoever follows through a pipe.
    stream.flush()
    spoke()
