"""What RunPod's catalog says of GPUs: prices, and how many there seem to be. No reservation: it only puts in order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum
from typing import Any

from janitor.cloud.runpod.client import RunPodError
from janitor.cloud.runpod.pods import dollars_of
from janitor.settings.parts.runpod import RunPodCloud

QUERY: Mapping[str, str] = {"include": "AVAILABILITY", "product": "POD"}
"""Without a product, availability is a 400."""


class Availability(str, Enum):
    """Source: openapi.json, AvailabilityLevel."""

    NONE = "NONE"
    LOW = "LOW"
    MEDIUM = "MEDIUM"
    HIGH = "HIGH"


_ORDER = {level: number for number, level in enumerate(reversed(Availability))}


@dataclass(frozen=True, kw_only=True)
class GpuOffer:
    """One type of GPU, as the catalog has it."""

    id: str
    usd_hour: Decimal | None
    """On the cloud that was asked about; None: it says none."""
    availability: Availability | None
    """None: it wasn't told."""


def offers_of(document: Any, cloud: RunPodCloud) -> dict[str, GpuOffer]:
    """The catalog by GPU; raises RunPodError where it can't be read."""
    listed = document.get("gpus") if isinstance(document, dict) else None
    if not isinstance(listed, list):
        raise RunPodError("GET /catalog/gpus", detail="the answer has no list of GPUs")
    offers = [_offer(one, cloud) for one in listed if isinstance(one, dict) and isinstance(one.get("id"), str)]
    return {offer.id: offer for offer in offers}


def ranks_of(offers: Mapping[str, GpuOffer]) -> dict[str, int]:
    """How scarce each GPU seems to be: 0 for those of which there are most."""
    return {gpu_id: _ORDER[offer.availability] for gpu_id, offer in offers.items() if offer.availability is not None}


def _offer(one: Mapping[str, Any], cloud: RunPodCloud) -> GpuOffer:
    price, said = one.get("price"), one.get("availability")
    return GpuOffer(
        id=str(one["id"]),
        usd_hour=dollars_of(price.get(cloud.value.lower())) if isinstance(price, dict) else None,
        availability=next((level for level in Availability if level.value == said), None),
    )
