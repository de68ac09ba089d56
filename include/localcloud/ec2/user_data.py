"""What cloud-init makes of user data, as far as boxes go: scripts, boothooks, and several of them in one. Pure.

A script (`#!`) runs on the first boot only, a boothook (`#cloud-boothook`, then `#!`) on every boot, before scripts.

Source: cloud-init documentation, "User data formats".
"""

from __future__ import annotations

import email
from dataclasses import dataclass, field

BOOTHOOK = b"#cloud-boothook"
SCRIPT = b"#!"
MULTIPART = (b"content-type: multipart/", b"mime-version:")
KINDS = {"text/x-shellscript": "script", "text/cloud-boothook": "boothook"}


@dataclass
class UserData:
    """The parts of user data, each a whole program."""

    boothooks: list[bytes] = field(default_factory=list)
    scripts: list[bytes] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    """What is not executed, and why."""

    def programs(self, *, first_boot: bool) -> list[tuple[str, bytes]]:
        """What a boot runs, in its order: kind and text of each."""
        scripts = self.scripts if first_boot else []
        return [*(("boothook", text) for text in self.boothooks), *(("script", text) for text in scripts)]

    def add(self, text: bytes) -> None:
        """Add one part."""
        if text.startswith(BOOTHOOK):
            program = text[len(BOOTHOOK) :].lstrip()
            if program.startswith(SCRIPT):
                self.boothooks.append(program)
            else:
                self.complaints.append("a boothook that doesn't go on with '#!' is not executed")
        elif text.startswith(SCRIPT):
            self.scripts.append(text)
        else:
            self.complaints.append("user data that doesn't start with '#!' or '#cloud-boothook' is not executed")


def read(text: bytes) -> UserData:
    """Take user data apart."""
    found = UserData()
    if not text.strip():
        return found
    if not text.lower().startswith(MULTIPART):
        found.add(text)
        return found
    for part in email.message_from_bytes(text).walk():
        if part.is_multipart():
            continue
        payload = part.get_payload(decode=True)
        kind = KINDS.get(part.get_content_type())
        if kind is None or not isinstance(payload, bytes):
            found.complaints.append(f"a part of type {part.get_content_type()} is not executed")
        elif kind == "boothook" and not payload.startswith(BOOTHOOK):
            found.add(BOOTHOOK + b"\n" + payload)
        else:
            found.add(payload)
    return found
