"""Writes infra/lambda/dist/reaper.zip, the same bytes for the same source, and prints its path and SHA-256."""

from __future__ import annotations

import hashlib
import os
import sys
from pathlib import Path

from janitor.stack.provision.function_package import REAPER_SOURCE, build_package

ROOT = Path(__file__).resolve().parents[2]
DESTINATION = ROOT / "infra" / "lambda" / "dist" / "reaper.zip"


def main() -> None:
    content = build_package(ROOT / REAPER_SOURCE)
    DESTINATION.parent.mkdir(parents=True, exist_ok=True)
    written = DESTINATION.with_suffix(".new")
    written.write_bytes(content)
    os.replace(written, DESTINATION)
    sys.stdout.write(f"{DESTINATION.relative_to(ROOT)} {hashlib.sha256(content).hexdigest()}\n")


if __name__ == "__main__":
    main()
