"""Pods as RunPod shows them, and as instances.

A list that can't be read shows nothing, and is no empty one. A pod whose name isn't ours is nobody's business here and
is left out, whatever it is made of; one whose status nobody knows counts as alive.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from decimal import Decimal, InvalidOperation
from enum import Enum
from typing import Any

from janitor.cloud.runpod.client import RunPodError
from janitor.cloud.runpod.names import FIRST_WORD, LEDGER, is_ours, tags_of
from janitor.domain.launch.provider import InstanceSeen
from janitor.domain.states import InstanceState


class PodStatus(str, Enum):
    """Source: openapi.json, PodStatus."""

    PROVISIONING = "PROVISIONING"
    STARTING = "STARTING"
    RUNNING = "RUNNING"  # "container is healthy", which says nothing of what runs in it
    EXITED = "EXITED"  # stopped; it costs nothing without a volume, and can be started by anybody
    ERROR = "ERROR"
    TERMINATED = "TERMINATED"


_STATES = {
    PodStatus.PROVISIONING: InstanceState.PENDING,
    PodStatus.STARTING: InstanceState.PENDING,
    PodStatus.RUNNING: InstanceState.RUNNING,
    # Nothing of ours is ever stopped, so that a stopped one is ended by whoever sees it.
    PodStatus.EXITED: InstanceState.STOPPED,
    PodStatus.ERROR: InstanceState.STOPPED,
    PodStatus.TERMINATED: InstanceState.TERMINATED,
}
_TOLD = (PodStatus.EXITED, PodStatus.ERROR)
"""What an instance's state doesn't tell apart."""
NO_RUNTIME = "NO_RUNTIME"
"""Of a pod that is said to run, and of which RunPod shows nothing: it costs, and may never be of use."""


@dataclass(frozen=True, kw_only=True)
class Pod:
    """One pod."""

    id: str
    name: str
    status: PodStatus | None
    """None: a word that the reference doesn't have."""
    gpu: str
    """RunPod's id of its GPU; empty for a pod without one."""
    data_center: str | None
    created_at: datetime
    variables: Mapping[str, str]
    cost_usd_hour: Decimal | None
    """What it costs now; 0 where it is stopped."""
    is_used: bool
    """Whether RunPod shows what runs in it."""

    @property
    def is_ours(self) -> bool:
        """Whether both its name and its environment say so."""
        return is_ours(self.name, self.variables)

    @property
    def ledger_token(self) -> str | None:
        """The token of the intent that it came of."""
        return self.variables.get(LEDGER)

    @property
    def seen(self) -> InstanceSeen:
        """It, as an instance."""
        return InstanceSeen(
            instance_id=self.id,
            state=InstanceState.RUNNING if self.status is None else _STATES[self.status],
            state_reason=self._state_reason,
            availability_zone=self.data_center,
            instance_type=self.gpu,
            is_spot=False,
            launched_at=self.created_at,
            tags=tags_of(self.variables),
        )

    @property
    def _state_reason(self) -> str | None:
        if self.status is PodStatus.RUNNING and not self.is_used:
            return NO_RUNTIME
        return self.status.value if self.status is not None and self.status in _TOLD else None


def pods_of(document: Any) -> list[Pod]:
    """The pods of a list that bear our name.

    Raises:
        RunPodError: Any of it can't be read: the rest would pass for all.
    """
    listed = document.get("pods") if isinstance(document, dict) else None
    if not isinstance(listed, list):
        raise RunPodError("GET /pods", detail="the answer has no list of pods")
    return [pod_of(one) for one in listed if _may_be_ours(one)]


def pod_of(document: Any) -> Pod:
    """One pod. Raises RunPodError where it can't be read."""
    try:
        gpu = document.get("gpu")
        return Pod(
            id=_text(document["id"]),
            name=_text(document["name"]),
            status=next((one for one in PodStatus if one.value == document["status"]), None),
            gpu=_text(gpu["id"]) if gpu is not None else "",
            data_center=_text(document["dataCenterId"]) if document.get("dataCenterId") is not None else None,
            created_at=_instant(document["createdAt"]),
            variables={_text(name): _text(value) for name, value in (document.get("env") or {}).items()},
            cost_usd_hour=dollars_of(document.get("cost")),
            is_used=document.get("runtime") is not None,
        )
    except (KeyError, TypeError, ValueError, AttributeError) as exc:
        raise RunPodError("a pod", detail=f"its document can't be read ({type(exc).__name__}: {exc})"[:200]) from exc


def dollars_of(value: Any) -> Decimal | None:
    """A price; None where it is none."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    try:
        price = Decimal(str(value))
    except InvalidOperation:
        return None
    return price if price.is_finite() and price >= 0 else None


def _may_be_ours(one: Any) -> bool:
    name = one.get("name") if isinstance(one, dict) else None
    return name is None or str(name).startswith(FIRST_WORD)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{type(value).__name__} where a text belongs")
    return value


def _instant(value: Any) -> datetime:
    """An instant by RFC 3339; Python 3.10 knows no Z."""
    at = datetime.fromisoformat(_text(value).replace("Z", "+00:00"))
    return at if at.tzinfo is not None else at.replace(tzinfo=timezone.utc)
