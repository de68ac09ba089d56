"""RunPod as a second provider of instances: where its API is, whose key is used, and what pods are made of."""

from __future__ import annotations

import re
from enum import Enum
from typing import Annotated

from pydantic import AfterValidator, Field, SecretStr

from janitor.domain.config.fields import NewsSecretName
from janitor.domain.pool.pool import Provider
from janitor.settings.parts.deployment import DeploymentSettings
from janitor.settings.variables import Variable, Words

RUNPOD_API_URL = "https://api.runpod.io/v2"


class RunPodCloud(str, Enum):
    """Whose machines pods may be on."""

    SECURE = "SECURE"  # RunPod's own data centers
    COMMUNITY = "COMMUNITY"  # other people's machines


def _bearer_url(value: str) -> str:
    """A key goes there in each request: by TLS alone, or not off this machine."""
    if not re.fullmatch(
        r"https://[^\s@/?#]+(?:/[^\s?#]*)?|http://(?:127\.0\.0\.1|localhost)(?::\d+)?(?:/[^\s?#]*)?", value
    ):
        raise ValueError("is no https:// address without a login (http:// is taken for 127.0.0.1 alone)")
    return value.rstrip("/")


BearerUrl = Annotated[str, AfterValidator(_bearer_url)]


class RunPodSettings(DeploymentSettings):
    """Address, key, and what pods are made of; and at which of a deployment's providers a service is to look."""

    instances_from: Provider = Provider.EC2
    """Whom services ask that are handed these settings; no variable sets it (see `janitor.services.provider`)."""
    runpod_api_url: Annotated[BearerUrl, Variable("JANITOR_RUNPOD_API_URL")] = RUNPOD_API_URL
    """Of REST v2; the local cloud's stand-in has another."""
    runpod_api_key: Annotated[SecretStr | None, Variable("JANITOR_RUNPOD_API_KEY")] = None
    """Of an account of its own with a low spend limit: what a pod's own key reaches is documented nowhere."""
    runpod_key_secret: Annotated[NewsSecretName | None, Variable("JANITOR_RUNPOD_KEY_SECRET")] = None
    """NAME of the secret that holds that key, under janitor-news/<deployment>/ in Secrets Manager, which no instance
    may read; JANITOR_RUNPOD_API_KEY goes before it."""
    runpod_image: Annotated[str | None, Variable("JANITOR_RUNPOD_IMAGE")] = None
    """Of pods that validate many repositories: it needs Python 3 and no entrypoint of its own."""
    runpod_cloud: Annotated[RunPodCloud, Variable("JANITOR_RUNPOD_CLOUD")] = RunPodCloud.SECURE
    runpod_data_centers: Annotated[Words, Variable("JANITOR_RUNPOD_DATA_CENTERS")] = ()
    """Where pods may be, such as EU-RO-1; empty: anywhere."""
    runpod_disk_gib: Annotated[int, Field(ge=5, le=2_000), Variable("JANITOR_RUNPOD_DISK_GIB")] = 60
    """Of a pod's container; it goes with the pod."""
