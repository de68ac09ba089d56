#!/usr/bin/env python3
"""Packs what a machine image is made of into one archive: the same bytes from the same checkout.

    python3 infra/packer/pack.py infra/packer/dist/machine.tar.gz

It holds the provisioning scripts, the files that they install, the bootstrap, and the agent: its code and the locked
packages that it needs. Needs the standard library alone.
"""

from __future__ import annotations

import gzip
import io
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("agent", "diagnosis", "guest", "inspection", "protocol", "validator")
"""The rooms of the product that run on an instance."""
_AGENT_PACKAGE = "pydantic-ai-slim"
_SCRIPT = 0o755
_FILE = 0o644


def contents() -> Iterator[tuple[str, bytes, int]]:
    """Name, bytes and mode of each file, in the order of their names within each part."""
    packer = ROOT / "infra" / "packer"
    for folder, mode in (("files", _FILE), ("provision", _SCRIPT)):
        for path in sorted((packer / folder).iterdir()):
            yield f"{folder}/{path.name}", path.read_bytes(), mode
    yield "bootstrap.sh", (ROOT / "infra" / "scripts" / "bootstrap.sh").read_bytes(), _SCRIPT
    yield "machine.md", (ROOT / "docs" / "machine.md").read_bytes(), _FILE
    yield "agent-requirements.txt", _requirements(), _FILE
    product = ROOT / "include" / "janitor"
    yield "app/janitor/__init__.py", (product / "__init__.py").read_bytes(), _FILE
    for room in ROOMS:
        for path in sorted((product / room).rglob("*")):
            if path.is_file() and path.suffix in (".py", ".json"):
                yield f"app/janitor/{path.relative_to(product).as_posix()}", path.read_bytes(), _FILE


def _requirements() -> bytes:
    script = ROOT / "infra" / "scripts" / "packages.py"
    words = [sys.executable, "-I", str(script), str(ROOT / "requirements.lock"), _AGENT_PACKAGE]
    return subprocess.run(words, check=True, capture_output=True, timeout=60).stdout


def pack(target: Path) -> int:
    """Write the archive; the number of files in it."""
    buffer, count = io.BytesIO(), 0
    with (
        gzip.GzipFile(filename="", fileobj=buffer, mode="wb", mtime=0) as compressed,
        tarfile.open(fileobj=compressed, mode="w", format=tarfile.PAX_FORMAT) as archive,
    ):
        for name, content, mode in contents():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(content), mode
            archive.addfile(entry, io.BytesIO(content))
            count += 1
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(target.name + ".partial")
    partial.write_bytes(buffer.getvalue())
    partial.replace(target)
    return count


def main(arguments: list[str]) -> int:
    """Pack; 2 for bad usage."""
    if len(arguments) != 1:
        print("usage: pack.py infra/packer/dist/machine.tar.gz", file=sys.stderr)  # noqa: T201  # what the program tells
        return 2
    count = pack(Path(arguments[0]))
    print(f"{arguments[0]}: {count} files")  # noqa: T201  # what the program tells
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
