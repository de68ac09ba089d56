"""The start command of a pod: the guard as text, so that any image with Python 3 is its image."""

from __future__ import annotations

import base64
import zlib
from functools import cache
from importlib.resources import files

from janitor.guest import pod_guard

_INTERPRETER = "python3"


@cache
def guard_args() -> str:
    """What follows a container's entrypoint. One word of it is quoted, and has no character of a shell's own."""
    text = files("janitor.guest").joinpath(f"{pod_guard.__name__.rpartition('.')[2]}.py").read_bytes()
    packed = base64.b64encode(zlib.compress(text, 9)).decode()
    return f"{_INTERPRETER} -I -c \"import base64,zlib;exec(zlib.decompress(base64.b64decode('{packed}')))\""
