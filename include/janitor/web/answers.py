"""The form of every answer: JSON that no cache keeps and no browser takes for anything else."""

from __future__ import annotations

from typing import Any

from fastapi import Response
from fastapi.responses import JSONResponse

HEADERS = {"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store"}


def json_answer(document: dict[str, Any]) -> Response:
    """A document."""
    return JSONResponse(document, headers=HEADERS)
