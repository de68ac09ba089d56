"""The local stack's channel: a file in its folder, so that messages are seen where nobody has Slack."""

from __future__ import annotations

import os
from datetime import datetime, timezone
from pathlib import Path

from janitor.domain.news.forms import plain
from janitor.services.news.senders.sending import Outgoing, SendError
from janitor.settings import Settings


def messages_file(settings: Settings) -> Path:
    """Where the messages are."""
    return settings.state_dir / "messages.txt"


def send_to_file(outgoing: Outgoing) -> None:
    """Add the message to the end of the file."""
    at = datetime.now(timezone.utc)
    text = f"-- {at:%Y-%m-%d %H:%M:%S} UTC, {outgoing.key}\n{plain(outgoing.message)}\n\n"
    path = messages_file(outgoing.settings)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            # One write, so that two senders don't mix.
            os.write(descriptor, text.encode())
        finally:
            os.close(descriptor)
    except OSError as exc:
        raise SendError(f"{path} can't be written: {exc.strerror}") from exc
