"""Whether EC2 would launch: a dry run of what a launch sends, so that a missing right is known before the first run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta, timezone
from typing import Any
from uuid import uuid4

from janitor.cloud.examine import launching
from janitor.cloud.session import CloudAccess
from janitor.domain.deadlines import guest_timer_at
from janitor.domain.findings import Finding, ok, problem, unknown
from janitor.domain.launch.launch_codes import known_code
from janitor.domain.launch.launching import LaunchFailure
from janitor.domain.launch.order import LaunchIdentity
from janitor.domain.launch.owner import Owner
from janitor.domain.launch.placement import Candidate, candidates_of
from janitor.domain.launch.provider import LaunchRequest, LaunchSource
from janitor.domain.states import PlacementResult
from janitor.services.ending.guest_timer import guest_user_data
from janitor.services.examination.wanted import Wanted, types_of
from janitor.services.provider import provider_of
from janitor.settings import Settings

_SUBJECT = "launch"
_NAME = "doctor"
_LIFETIME = timedelta(minutes=5)
"""Of an instance that there never is: should EC2 launch all the same, every killer ends it then."""
_NOT_SAID = (PlacementResult.UNKNOWN, PlacementResult.THROTTLED)
_REFUSED = "UnauthorizedOperation"
_ENCODED = "Encoded authorization failure message"
"""What follows these words of AWS is for `aws sts decode-authorization-message` alone."""


def trial(settings: Settings, wanted: Sequence[Wanted]) -> Iterator[Finding]:
    """One dry run for each market that a config buys in. What can't be launched from or into is told elsewhere."""
    if not wanted or settings.launch_template is None or not settings.subnet_ids:
        return
    access = CloudAccess.of(settings)
    source = _source(settings, access, settings.launch_template)
    if source is None:
        return
    for place in _places(settings, access, wanted):
        found = launching.objection(access, _parameters(settings, source, place))
        yield _judged(settings, place, found)


def _source(settings: Settings, access: CloudAccess, template: str) -> LaunchSource | None:
    seen = launching.template(access, template)
    if seen is None or seen.has_network_interfaces:
        return None
    image = settings.image_id or seen.image_id
    if image is None or launching.image(access, image) is None:
        return None
    return LaunchSource(image=image, template_version=str(seen.version))


def _places(settings: Settings, access: CloudAccess, wanted: Sequence[Wanted]) -> list[Candidate]:
    """The first of each market whose zone offers the type; what two configurations share, once."""
    there = launching.subnets(access, settings.subnet_ids)
    offered = {each: launching.zones_with(access, each) for each in types_of(wanted)}
    places: dict[tuple[str, str], Candidate] = {}
    for asked in wanted:
        for market in sorted(asked.markets):
            first: dict[str, Candidate] = {}
            for one in candidates_of(asked.instance_types, market, tuple(there), spread=0):
                if one.subnet_id is not None and there[one.subnet_id].zone in offered[one.instance_type]:
                    first.setdefault(one.market.value, one)
            for kind, one in first.items():
                places.setdefault((one.instance_type, kind), one)
    return list(places.values())


def _parameters(settings: Settings, source: LaunchSource, place: Candidate) -> dict[str, Any]:
    now = datetime.now(timezone.utc)
    expiry = now + _LIFETIME
    identity = LaunchIdentity(
        deployment=settings.deployment,
        owner=Owner.validation(uuid4()),
        run_id=None,
        generation=1,
        name=_NAME,
        repository_name=None,
        deadline_at=expiry,
        expires_at=expiry,
        intent_at=now,
    )
    ends_itself_at = guest_timer_at(expiry, settings.reap_interval)
    return provider_of(settings).launch_parameters(
        LaunchRequest(
            client_token=identity.client_token,
            generation=identity.generation,
            source=source,
            tags=identity.tags,
            instance_type=place.instance_type,
            market=place.market,
            subnet_id=place.subnet_id,
            user_data=guest_user_data(ends_itself_at),
            ends_itself_at=ends_itself_at,
        )
    )


def _judged(settings: Settings, place: Candidate, found: LaunchFailure | None) -> Finding:
    what = f"{place.instance_type}, {place.market.value}, in {place.subnet_id}"
    if found is None:
        return ok(_SUBJECT, f"{what}: EC2 would launch it for whoever asks")
    said = f"{what}: EC2 says {found.aws_code}: {found.aws_message.partition(_ENCODED)[0].strip()}"
    if found.result in _NOT_SAID:
        return unknown(_SUBJECT, said, "run this again")
    if found.aws_code == _REFUSED:
        policy = f"janitor-{settings.deployment}-controller (Terraform's output controller_policy_arn)"
        return problem(_SUBJECT, said, f"give whoever launches the policy {policy}, and ask as that role")
    return problem(_SUBJECT, said, known_code(found.aws_code).step)
