"""What people have defined in a service (schedules, functions, rules, alarms, topics), kept on disk.

    <home>/definitions/<service>/<region>.json

A file is written whole after each request that may have changed something, before the request is answered, and read
when the local cloud starts. A request that the disk has no room for is refused before it has an effect.
"""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from localcloud import atomic_files

log = logging.getLogger(__name__)

REQUEST_BYTES = 1 << 20
"""More than one request adds, but for a function's code."""
EXPORT_TRIES = 5
"""moto's dictionaries may change while they are read."""


@dataclass(frozen=True)
class Definitions:
    """How one service's definitions are read from moto, and put back.

    `backends` are moto's, by region; `export` returns JSON data, `restore` takes it.
    """

    backends: Callable[[], Mapping[str, Any]]
    backend: Callable[[str], Any]
    export: Callable[[Any], dict[str, Any]]
    restore: Callable[[Any, dict[str, Any]], None]


class DefinitionsDisk:
    """The definitions of all services on disk."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._lock = threading.Lock()
        self._written: dict[Path, bytes] = {}

    def has(self, service: str) -> bool:
        """Whether something of a service is on disk."""
        return any((self._root / service).glob("*.json"))

    def load(self, service: str, definitions: Definitions) -> None:
        """Put back what is on disk. What can't be read is left out, and said in the log."""
        folder = self._root / service
        if folder.is_dir():
            atomic_files.remove_leftovers(folder)
        for path in sorted(folder.glob("*.json")):
            try:
                data = path.read_bytes()
                definitions.restore(definitions.backend(path.stem), json.loads(data))
                self._written[path] = data
            except Exception:
                log.exception("the definitions in %s can't be read and are left out", path)

    def check_room(self, service: str) -> None:
        """Raise OSError unless what a request adds to a service's definitions can be written now."""
        folder = self._root / service
        written = [len(data) for path, data in list(self._written.items()) if path.parent == folder]
        folder.mkdir(parents=True, exist_ok=True)
        atomic_files.check_room(folder, max(written, default=0) + REQUEST_BYTES)

    def save(self, service: str, definitions: Definitions) -> None:
        """Write what has changed."""
        with self._lock:
            for region, backend in list(definitions.backends().items()):
                path = self._root / service / f"{region}.json"
                data = json.dumps(_exported(definitions, backend)).encode()
                if self._written.get(path) != data:
                    path.parent.mkdir(parents=True, exist_ok=True)
                    atomic_files.write_bytes(path, data)
                    self._written[path] = data


def _exported(definitions: Definitions, backend: Any) -> dict[str, Any]:
    for _ in range(EXPORT_TRIES - 1):
        try:
            return definitions.export(backend)
        except RuntimeError:  # a dictionary has changed its size
            continue
    return definitions.export(backend)
