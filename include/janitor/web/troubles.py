"""What went wrong, in one sentence under `detail`, whatever it was: a page shows it as it is."""

from __future__ import annotations

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse

from janitor.domain.errors import CloudError, ConflictError, DatabaseError, NotFoundError, SettingsError
from janitor.protocol.text.plain_text import one_line
from janitor.web.answers import HEADERS

_PLACES = ("query", "path", "body", "header")


def add_troubles(app: FastAPI) -> None:
    """Answer each kind of error."""

    @app.exception_handler(NotFoundError)
    def not_found(_: Request, exc: Exception) -> Response:
        return _told(404, str(exc))

    @app.exception_handler(ConflictError)
    def refused(_: Request, exc: Exception) -> Response:
        return _told(409, str(exc))

    @app.exception_handler(RequestValidationError)
    def misunderstood(_: Request, exc: RequestValidationError) -> Response:
        # Not what was sent: FastAPI's own answer repeats it, and half a character can't be written.
        return _told(422, "; ".join(_problem(each["loc"], each["msg"]) for each in exc.errors()[:5]))

    @app.exception_handler(CloudError)
    @app.exception_handler(DatabaseError)
    @app.exception_handler(SettingsError)
    def unavailable(_: Request, exc: Exception) -> Response:
        return _told(503, str(exc))


def _problem(place: tuple[int | str, ...], message: str) -> str:
    """`runs: Input should be a valid integer`."""
    name = ".".join(str(each) for each in place if each not in _PLACES)
    said = message.removeprefix("Value error, ")
    return f"{name}: {said}" if name else said


def _told(status: int, text: str) -> Response:
    return JSONResponse({"detail": one_line(text, limit=1_000)}, status, headers=HEADERS)
