"""Repositories to fetch from, made by real git without the settings of whoever runs the tests."""

from __future__ import annotations

import hashlib
import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

_IDENTITY = ("-c", "user.name=somebody", "-c", "user.email=somebody@example.com")


@dataclass(frozen=True)
class Origin:
    """A repository with a working tree, which is somebody else's."""

    path: Path

    @property
    def url(self) -> str:
        """Its address."""
        return f"file://{self.path}"

    def git(self, *arguments: str, content: bytes | None = None) -> str:
        """Run git in it."""
        self.path.mkdir(parents=True, exist_ok=True)
        env = {"PATH": os.environ["PATH"], "HOME": str(self.path), "GIT_CONFIG_NOSYSTEM": "1"}
        argv = ["git", *_IDENTITY, *arguments]
        done = subprocess.run(argv, cwd=self.path, env=env, input=content, capture_output=True, check=True, timeout=120)
        return done.stdout.decode().strip()

    def commit(self, files: Mapping[str, str]) -> str:
        """Write files and commit everything; returns the commit."""
        if not (self.path / ".git").exists():
            self.git("init", "--quiet", "--initial-branch=main", ".")
        for name, text in files.items():
            (self.path / name).parent.mkdir(parents=True, exist_ok=True)
            (self.path / name).write_text(text)
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", "a change")
        return self.git("rev-parse", "HEAD")


def fingerprint(folder: Path) -> dict[str, str]:
    """Every file, link and folder below a folder, with what is in it."""
    found = {}
    for at, folders, files in os.walk(folder):
        for name in (*folders, *files):
            path = Path(at) / name
            shown = str(path.relative_to(folder))
            if path.is_symlink():
                found[shown] = f"link {os.readlink(path)}"
            elif path.is_dir():
                found[shown] = "folder"
            else:
                found[shown] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found
