"""The one thing that the pages write: what somebody knows of a cause, and that it is taken back.

Invariants: no route answers without `may_edit`, which says who asks; what another site's page sends is refused.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Response
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from janitor.domain.evidence.acknowledgement import LONGEST_REASON, AcknowledgedUntil
from janitor.services.evidence.acknowledge import Wanted, acknowledge, take_back
from janitor.settings import Settings
from janitor.web.origin import require_own_page
from janitor.web.words import Words

_Key = Annotated[Words, Field(min_length=1, max_length=1_000)]


class _Acknowledgement(BaseModel):
    model_config = ConfigDict(extra="forbid")

    cause_key: _Key
    repository: Annotated[Words, Field(min_length=3, max_length=500)] | None = None
    reason: Annotated[Words, Field(min_length=1, max_length=LONGEST_REASON)]
    until: AcknowledgedUntil
    until_at: AwareDatetime | None = None


class _TakenBack(BaseModel):
    model_config = ConfigDict(extra="forbid")

    cause_key: _Key


def writing_routes(may_edit: Callable[..., str], settings_of: Callable[[], Settings]) -> APIRouter:
    """The routes.

    Args:
        may_edit: A dependency of FastAPI's: it raises for whoever may not edit the DAG, and names whoever may.
        settings_of: As for `janitor.web.app.pages`.
    """
    router = APIRouter(dependencies=[Depends(require_own_page)])
    editor: Any = Depends(may_edit)

    @router.post("/api/acknowledgements", status_code=204)
    def acknowledge_cause(said: _Acknowledgement, by: str = editor) -> Response:
        at: datetime | None = said.until_at
        wanted = Wanted(
            cause_key=said.cause_key, repository=said.repository, reason=said.reason, until=said.until, until_at=at
        )
        acknowledge(settings_of(), wanted, by)
        return Response(status_code=204)

    @router.post("/api/acknowledgements/end", status_code=204)
    def take_acknowledgement_back(said: _TakenBack, by: str = editor) -> Response:
        take_back(settings_of(), said.cause_key, by)
        return Response(status_code=204)

    return router
