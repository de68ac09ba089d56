"""By what a pod is known: its exact name, which follows from the intent, and variables of its environment.

RunPod has neither tokens nor tags, and names needn't be unique. A pod's environment can be read by everybody with
access to the account, so it holds no secret; and it is fixed from the pod's first moment, as tags of EC2 are.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from janitor.domain.identity import (
    TAG_DEADLINE,
    TAG_DEPLOYMENT,
    TAG_EXPIRES,
    TAG_KEEP_UNTIL,
    TAG_REPOSITORY,
    TAG_RUN,
    TAG_VALIDATION,
    TAG_WORKER,
)
from janitor.domain.launch.owner import owner_of

LEDGER = "JANITOR_LEDGER"
"""The token of the intent that a pod came of."""
DEPLOYMENT = "JANITOR_DEPLOYMENT"
EXPIRES_AT = "JANITOR_EXPIRES_AT"
_TAGS: Mapping[str, str] = MappingProxyType(
    {
        DEPLOYMENT: TAG_DEPLOYMENT,
        EXPIRES_AT: TAG_EXPIRES,
        "JANITOR_DEADLINE_AT": TAG_DEADLINE,
        "JANITOR_KEEP_UNTIL": TAG_KEEP_UNTIL,
        "JANITOR_NAME": "Name",
        "JANITOR_REPOSITORY": TAG_REPOSITORY,
        "JANITOR_RUN": TAG_RUN,
        "JANITOR_VALIDATION": TAG_VALIDATION,
        "JANITOR_WORKER": TAG_WORKER,
    }
)
FIRST_WORD = "janitor-"
"""Of every pod's name, whichever deployment it is of."""
_OWNER_DIGITS = 8


def prefix_of(deployment: str) -> str:
    """What the names of a deployment's pods begin with; another one's may begin with it, too."""
    return f"{FIRST_WORD}{deployment}-"


def pod_name_for(tags: Mapping[str, str], generation: int) -> str:
    """The exact name of the pod of one intent.

    Args:
        tags: The intent's; they name deployment and owner.
        generation: The how manieth intent of its owner.
    """
    owner = owner_of(tags)
    if owner is None:
        raise ValueError(f"the tags {sorted(tags)} name no owner")
    return f"{prefix_of(tags[TAG_DEPLOYMENT])}{owner.id.hex[:_OWNER_DIGITS]}-{generation}"


def variables_of(tags: Mapping[str, str], client_token: str) -> dict[str, str]:
    """The variables that stand for an intent's tags, and its token.

    Raises:
        ValueError: A tag has no variable.
    """
    by_tag = {tag: name for name, tag in _TAGS.items()}
    if unknown := sorted(set(tags) - set(by_tag)):
        raise ValueError(f"no variable stands for the tags {unknown}")
    return {**{by_tag[tag]: value for tag, value in tags.items()}, LEDGER: client_token}


def tags_of(variables: Mapping[str, str]) -> dict[str, str]:
    """The tags that a pod's variables stand for."""
    return {tag: variables[name] for name, tag in _TAGS.items() if name in variables}


def is_ours(name: str, variables: Mapping[str, str]) -> bool:
    """Whether a pod is a deployment's by both, its name and its environment."""
    deployment = variables.get(DEPLOYMENT)
    return bool(deployment) and LEDGER in variables and name.startswith(prefix_of(str(deployment)))
