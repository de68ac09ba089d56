"""A repair as a mail that `git am` takes, as `git format-patch` writes it.

Source: git, Documentation/git-format-patch.txt and builtin/mailinfo.c. A line end of its own kind in the patch would be
lost on the way through a mail (`git am` without `--keep-cr`), so such a mail is encoded.
"""

from __future__ import annotations

import base64
import textwrap
from datetime import datetime
from email.header import Header
from email.utils import format_datetime

AUTHOR_NAME = "Janitor"
AUTHOR_EMAIL = "janitor@janitor.invalid"
"""Nobody's: RFC 2606."""
_MAGIC = "Mon Sep 17 00:00:00 2001"
"""By which git knows a mail of `format-patch`; it is no date."""
_BASE64_WIDTH = 76


def mail_of(*, commit: str, message: str, patch: str, made_at: datetime) -> bytes:
    """The mail.

    Args:
        commit: The SHA that it is made of.
        message: The commit's, with its subject first.
        patch: As `git diff` writes it.
        made_at: The commit's date.
    """
    subject, _, body = message.partition("\n\n")
    content = f"{body.rstrip()}\n---\n\n{patch}-- \nJanitor\n\n"
    encoded = "\r" in patch
    head = [
        f"From {commit} {_MAGIC}",
        f"From: {AUTHOR_NAME} <{AUTHOR_EMAIL}>",
        f"Date: {format_datetime(made_at)}",
        f"Subject: {_header(f'[PATCH] {subject}')}",
        "MIME-Version: 1.0",
        "Content-Type: text/plain; charset=UTF-8",
        f"Content-Transfer-Encoding: {'base64' if encoded else '8bit'}",
    ]
    text = _base64(content) if encoded else content
    return ("\n".join(head) + "\n\n" + text).encode()


def _header(text: str) -> str:
    return text if text.isascii() else Header(text, "utf-8", maxlinelen=76, header_name="Subject").encode(linesep="\n")


def _base64(text: str) -> str:
    return "\n".join(textwrap.wrap(base64.b64encode(text.encode()).decode(), _BASE64_WIDTH)) + "\n"
