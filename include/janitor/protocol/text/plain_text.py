"""Makes text harmless for whoever shows it: a terminal, a CI system's log, Airflow's log, a JSON document.

What a repository, its logs and a report say is untrusted wherever it is shown. Every edge where text leaves the product
goes through this module, once, where the edge writes; no renderer has to think of it.

Invariant: what comes out holds no character of the classes Cc, Cf, Cs, Zl and Zp but the tab and the newline, and
no line that a CI system would take for a command. Text without such characters comes out as it went in.

Every pattern takes time that is linear in the length of the text.
"""

from __future__ import annotations

import json
import re
from typing import Any

FORMAT_CHARACTERS = (
    "\xad\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff"
    "\ufff9-\ufffb\U000110bd\U000110cd\U00013430-\U0001343f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
    "\U000e0000-\U000e007f"
)
"""Class Cf as the inside of a bracket expression: bidi overrides and isolates, zero width, byte order mark, tags.

Source: Unicode 15.1, DerivedGeneralCategory.txt; U+2065 and the unassigned ones among the tags are ignorable as well.
"""
_LINE_ENDS = re.compile("\r\n|[\r\x85\u2028\u2029]")
# An escape sequence goes with its letters. A string that nobody closes takes no more than its line.
_ESCAPES = re.compile(
    "(?:\x1b\\[|\x9b)[0-?]*[ -/]*[@-~]"
    "|(?:\x1b\\]|\x9d)[^\x07\x1b\x9c\n]*(?:\x07|\x1b\\\\|\x9c)?"
    "|\x1b[()*+#%][0-~]|\x1b[@-_]"
)
_CONTROLS = re.compile(f"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\u2028\u2029{FORMAT_CHARACTERS}]")
_COMMAND_AT_START = re.compile(r"^([^\S\n]*):(?=:)", re.MULTILINE)
_COMMAND_ANYWHERE = re.compile(r"#(?=#[a-z]{0,20}\[)")


def plain(text: str) -> str:
    """The text as lines of visible characters: no terminal sequences, no controls, nothing that reorders or hides.

    Every kind of line end becomes a newline; tabs stay.
    """
    if text.isascii() and text.isprintable():
        return text
    # NEL and the line separators are line ends; a C1 control that opens a sequence must be gone before they are read.
    return _CONTROLS.sub("", _LINE_ENDS.sub("\n", _ESCAPES.sub("", text)))


def without_commands(text: str) -> str:
    """Plain text in which no line is a command to a CI system, whatever shows it.

    GitHub's runner takes a line that begins with `::` after blanks, and `##[` anywhere; others know `##vso[` and
    `##teamcity[`. A blank in between breaks them up, so that people still read what was there.

    Source: actions/runner, src/Runner.Common/ActionCommand.cs, TryParse and TryParseV2.
    """
    text = plain(text)
    if "::" in text:
        text = _COMMAND_AT_START.sub(r"\1: ", text)
    return _COMMAND_ANYWHERE.sub("# ", text) if "##" in text else text


def one_line(text: str, *, limit: int | None = None) -> str:
    """Plain text on one line, every run of blanks a single one; cut to `limit` characters, the last then a `…`."""
    flat = " ".join(without_commands(text).split())
    return flat if limit is None or len(flat) <= limit else flat[: limit - 1] + "…"


def json_text(value: Any, *, indent: int | None = 2) -> str:
    r"""A JSON document that reads the same and shows nothing harmful: such characters stand as `\u009b`.

    Letters of every script stay as they are.
    """
    text = json.dumps(value, indent=indent, ensure_ascii=False)
    if text.isascii() and "##" not in text and "\x7f" not in text:
        return text
    # Within a document a newline is layout; those of a string are escaped already.
    return _COMMAND_ANYWHERE.sub(r"\\u0023", _CONTROLS.sub(_escaped, text))


def _escaped(match: re.Match[str]) -> str:
    return json.dumps(match[0])[1:-1] if match[0] != "\x7f" else "\\u007f"
