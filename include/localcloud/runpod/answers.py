"""Answers of the API, and the errors that it words as problem documents."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

StartResponse = Callable[..., Any]
PROBLEM = "application/problem+json"


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What a call is answered with."""

    status: int
    document: Any = None
    """None: no body."""
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)
    text: str | None = None
    """In the place of a document."""

    def send(self, start_response: StartResponse, headers: Mapping[str, str]) -> list[bytes]:
        """Give it to the server."""
        body = self.text if self.text is not None else "" if self.document is None else json.dumps(self.document)
        content = body.encode()
        every = {**headers, **self.headers, "Content-Length": str(len(content))}
        if content:
            every["Content-Type"] = self.content_type
        start_response(f"{self.status} {HTTPStatus(self.status).phrase}", list(every.items()))
        return [content]


class ProblemError(Exception):
    """A call is refused."""

    def __init__(
        self, status: int, detail: str, *, errors: Sequence[str] = (), headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(detail)
        document: dict[str, Any] = {"title": HTTPStatus(status).phrase, "status": status, "detail": detail}
        if errors:
            document["errors"] = list(errors)
        self.answer = Answer(status=status, document=document, content_type=PROBLEM, headers=headers or {})


class DroppedError(Exception):
    """The connection is closed without an answer."""
