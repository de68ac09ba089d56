"""The scripts as a browser gets them: it may keep them, and asks each time whether they are still the same.

A script's imports have no version in their addresses; an old one beside a new one would be neither.
"""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from typing import Any

from fastapi import Response
from fastapi.staticfiles import StaticFiles

from janitor.web.scripts import SCRIPTS


class Scripts(StaticFiles):
    """The scripts' folder."""

    def __init__(self) -> None:
        super().__init__(directory=Path(str(resources.files("janitor.web") / SCRIPTS)))

    def file_response(self, *args: Any, **options: Any) -> Response:
        """A file, or that it hasn't changed."""
        response = super().file_response(*args, **options)
        response.headers["Cache-Control"] = "no-cache"
        response.headers["X-Content-Type-Options"] = "nosniff"
        return response
