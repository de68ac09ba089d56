"""Whether the role of the external timers can be taken on by them, and may end this deployment's instances.

Its own policy is read, not simulated: that would need rights over all of IAM.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Iterator, Mapping
from typing import Any

from janitor.cloud.examine import watching
from janitor.cloud.session import CloudAccess
from janitor.domain.findings import Finding, note, ok, problem
from janitor.domain.identity import TAG_DEPLOYMENT
from janitor.settings import Settings

_SUBJECT = "external timer's role"
_POLICY = "janitor"
"""As Terraform and the local stack call it."""
_SERVICE = "scheduler.amazonaws.com"
_ASSUME, _END = "sts:AssumeRole", "ec2:TerminateInstances"
_SOURCE, _TAG = "aws:SourceArn", f"aws:ResourceTag/{TAG_DEPLOYMENT}"
_APPLY = "apply Terraform for this deployment again"


def timer_role(settings: Settings) -> Iterator[Finding]:
    """The role is there, is for the timers of this deployment's group, and may end its instances."""
    arn = settings.scheduler_role_arn
    if arn is None:
        return
    access, name = CloudAccess.of(settings), arn.rpartition("/")[2]
    trust = watching.trust_of(access, name)
    if trust is None:
        said = f"{arn} isn't there: schedules would fire and end nothing"
        yield problem(_SUBJECT, said, "make it (Terraform), or correct JANITOR_SCHEDULER_ROLE_ARN")
        return
    if not trusts_group(trust, f":{settings.region}:{arn.split(':')[4]}:schedule-group/{settings.schedule_group}"):
        said = f"{name} can't be taken on by the group {settings.schedule_group}: schedules would fire and end nothing"
        yield problem(_SUBJECT, said, _APPLY)
        return
    policy = watching.policy_of(access, name, _POLICY)
    if policy is None:
        step = f"see in IAM that it may {_END} what has the tag {TAG_DEPLOYMENT}={settings.deployment}"
        yield note(_SUBJECT, f"{name} has no policy {_POLICY} of its own: what it may do isn't told", step)
    elif not may_end(policy, settings.deployment):
        said = f"{name} may not {_END} of {settings.deployment}: schedules would fire and end nothing"
        yield problem(_SUBJECT, said, _APPLY)
    else:
        yield ok(_SUBJECT, f"{name} may end the instances of {settings.deployment}")


def trusts_group(trust: Mapping[str, Any], group: str) -> bool:
    """Whether a role is for EventBridge Scheduler, and not for another group's schedules alone.

    Args:
        trust: The role's.
        group: The end of the group's ARN, from its region on.
    """
    for one in _allowing(trust, _ASSUME):
        sources = _wanted(one, _SOURCE)
        if _SERVICE in _listed(one.get("Principal", {}).get("Service", ())) and (
            not sources or any(fnmatch.fnmatchcase(f"arn:aws:scheduler{group}", source) for source in sources)
        ):
            return True
    return False


def may_end(policy: Mapping[str, Any], deployment: str) -> bool:
    """Whether a statement allows to end instances, and not another deployment's alone."""
    wanted = [_wanted(one, _TAG) for one in _allowing(policy, _END)]
    return any(not tags or any(fnmatch.fnmatchcase(deployment, tag) for tag in tags) for tags in wanted)


def _allowing(policy: Mapping[str, Any], action: str) -> list[Mapping[str, Any]]:
    return [
        one
        for one in _listed(policy.get("Statement", ()))
        if one.get("Effect") == "Allow"
        and any(fnmatch.fnmatchcase(action.lower(), each.lower()) for each in _listed(one.get("Action", ())))
    ]


def _wanted(statement: Mapping[str, Any], key: str) -> list[str]:
    """The values that a statement's conditions allow a key to have; none: any."""
    return [
        value
        for keys in statement.get("Condition", {}).values()
        for name, values in keys.items()
        if name.lower() == key.lower()
        for value in _listed(values)
    ]


def _listed(value: Any) -> list[Any]:
    """A policy's element that may be one or many."""
    return list(value) if isinstance(value, (list, tuple)) else [value]
