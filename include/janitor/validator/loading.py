"""Loads all of the validator before it starts the first process of a repository.

The archive that it runs from is sealed where the kernel can (see the instance's script). Elsewhere a process of the
same user may write to it, so nothing is read from it any more once such a process exists; nor from any other folder
but the interpreter's own.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import pkgutil
import sys
import sysconfig
from pathlib import Path

_PACKAGES = ("janitor.protocol", "janitor.guest", "janitor.inspection", "janitor.diagnosis", "janitor.validator")
_PROGRAMS = frozenset({"__main__", "report_schema"})
"""Modules that are run, and whose import would run them or is of no use here."""
# What the standard library imports when it is first used: codecs of host names and of texts, TLS, the resolver.
_LATE = (
    "encodings.idna",
    "encodings.utf_8_sig",
    "encodings.latin_1",
    "encodings.ascii",
    "ssl",
    "http.client",
    "tomllib",
)


def load_everything() -> None:
    """Import every module of the artefact, and what the standard library would import late."""
    for name in _PACKAGES:
        package = importlib.import_module(name)
        for module in pkgutil.walk_packages(package.__path__, f"{name}."):
            if module.name.rpartition(".")[2] not in _PROGRAMS:
                importlib.import_module(module.name)
    for name in _LATE:
        if importlib.util.find_spec(name) is not None:
            importlib.import_module(name)


def close_search_path() -> None:
    """Let no import look anywhere but in the interpreter's own folders: not in the working directory, a home or here.

    For a program that has called `load_everything`; a process that merely uses this package goes on importing.
    """
    own = {os.path.realpath(sysconfig.get_path(name)) for name in ("stdlib", "platstdlib")}

    def is_own(entry: str) -> bool:
        path = os.path.realpath(entry)
        is_site = bool({"site-packages", "dist-packages"} & set(Path(path).parts))
        return bool(entry) and not is_site and any(path == folder or path.startswith(folder + os.sep) for folder in own)

    sys.path[:] = [entry for entry in sys.path if is_own(entry)]
    sys.dont_write_bytecode = True
