"""An embedded stack's own file for tests that make the stack's services themselves: no other source may name them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from janitor.settings.own_stack import MADE


def as_own_stack(state_dir: Path, environment: Mapping[str, str], deployment: str, more: str = "") -> dict[str, str]:
    """Write what a stack makes into its `stack.env`, and give the rest of the environment.

    Args:
        state_dir: The stack's.
        environment: With the variables of the process, as an external deployment takes them.
        deployment: The stack's identity.
        more: Further lines of the file.
    """
    written = {as_written: environment[name] for name, as_written in MADE.items() if name in environment}
    lines = "".join(f"{name}={value}\n" for name, value in written.items())
    (state_dir / "stack.env").write_text(f"JANITOR_DEPLOYMENT={deployment}\n{lines}{more}")
    return {name: value for name, value in environment.items() if name not in MADE}
