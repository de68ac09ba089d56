"""uv's installer has put its programs into `~/.local/bin` since 0.5.0, and not into `~/.cargo/bin` any more.

Source: https://github.com/astral-sh/uv/releases/tag/0.5.0, "Breaking changes".
"""

from __future__ import annotations

import re

from janitor.domain.repair.proposal import Abstained, Failure
from janitor.domain.repair.writing import Edit
from janitor.services.repair.facts import WorkerTree
from janitor.services.repair.recipes.recipe import Draft, reason_of, told
from janitor.services.repair.world import World

_INSTALLER = re.compile(r"astral\.sh/uv/(?:[\w.]+/)?install\.sh")
_OLD_INSTALLER = re.compile(r"astral\.sh/uv/0\.[0-4]\.")
_OTHER_CARGO = re.compile(r"rustup|sh\.rustup\.rs|\bcargo\s+(?:install|build)|\bapt(?:-get)?\b[^\n]{0,300}\bcargo\b")
_NOT_FOUND = re.compile(
    r"(?i)\buvx?\b[\"']?: (?:command )?not found|\.cargo/(?:bin|env)\b|\bno such file or directory: [\"']?uv\b"
    r"|exec: [\"']?(?:\S*/)?uvx?\b|\bfinds? no uv\b|\buvx?\b[^\n]{0,60}\bnot found|\bwithout uv\b"
)
_FOLDER = re.compile(r"(?P<home>/root|~root|~|\$HOME|\$\{HOME\}|/home/[\w-]+)/\.cargo/(?P<what>bin|env)\b")


class UvPath:
    """See the module."""

    name = "uv_path"
    repairs = "uv that is looked for in `~/.cargo/bin`"
    how = "`~/.local/bin`, where its installer puts it today"

    def draft(self, failure: Failure, worker: WorkerTree, world: World) -> Draft | Abstained | None:
        """See `Recipe`."""
        shown = next((line for line in told(failure) if _NOT_FOUND.search(line)), None)
        path = worker.layout.dockerfile
        text = None if path is None else worker.text(path)
        if shown is None or path is None or text is None or not _INSTALLER.search(text) or not _FOLDER.search(text):
            return None
        if _OLD_INSTALLER.search(text):
            return Abstained(reason="its installer of uv is pinned to a version that still uses ~/.cargo/bin")
        if _OTHER_CARGO.search(text):
            return Abstained(reason="the image has a cargo of its own, whose folder it may be")

        def put(match: re.Match[str]) -> str:
            return f"{match['home']}/.local/bin" + ("/env" if match["what"] == "env" else "")

        after = _FOLDER.sub(put, text)
        return Draft(
            edits={str(path): Edit(before=text, after=after)},
            summary="Look for uv where its installer puts it",
            root_cause="The installer of uv puts it into ~/.local/bin since 0.5.0; the image looks in ~/.cargo/bin.",
            evidence=(shown.strip() or reason_of(failure),),
        )
