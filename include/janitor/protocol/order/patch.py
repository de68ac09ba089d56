"""A change that is made to a commit before it is validated: a unified diff as git writes it, with its digest."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Annotated

from janitor.protocol.codec import Part
from janitor.protocol.values import Text

LONGEST_PATCH = 200_000
"""Characters. A repair is small; what is larger is nobody's to review."""


@dataclass(frozen=True, kw_only=True)
class Patch(Part):
    """One change."""

    text: Annotated[str, Text(LONGEST_PATCH)]
    """As `git diff` writes it, with `a/` and `b/` before the paths."""
    sha256: Annotated[str, Text(64, r"[0-9a-f]{64}")]
    """Of the text in UTF-8."""

    @classmethod
    def of(cls, text: str) -> Patch:
        """The patch with its digest."""
        return cls(text=text, sha256=hashlib.sha256(text.encode()).hexdigest())

    def contradiction(self) -> tuple[str, str] | None:
        """The digest is the text's."""
        if hashlib.sha256(self.text.encode()).hexdigest() != self.sha256:
            return "sha256", "is not that of the text"
        return None
