"""Whether there is something to launch from and into: template, image, subnets in zones that have the type."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta, timezone

from janitor.cloud.examine import launching
from janitor.cloud.examine.launching import SubnetSeen, TemplateSeen
from janitor.cloud.session import CloudAccess
from janitor.domain.findings import Finding, note, ok, problem
from janitor.services.examination.wanted import Wanted, sources_with, types_of
from janitor.settings import Settings

_OLD_IMAGE = timedelta(days=90)
"""Drivers, Docker and the agent of an image get no updates while it lies there."""
_ARCHITECTURE = "x86_64"
_TEMPLATE, _IMAGE, _SUBNETS, _ZONES = "launch template", "image", "subnets", "zones"


def template_and_image(settings: Settings) -> Iterator[Finding]:
    """The launch template and the image that instances get from it, with their ages."""
    access, image_id = CloudAccess.of(settings), settings.image_id
    if settings.launch_template is not None:
        seen = launching.template(access, settings.launch_template)
        if seen is None:
            said = f"{settings.launch_template} isn't there in {settings.region}"
            yield problem(_TEMPLATE, said, "make it (Terraform), or correct JANITOR_LAUNCH_TEMPLATE")
            return
        yield from _judge_template(settings, settings.launch_template, seen)
        image_id = image_id or seen.image_id
    if image_id is None:
        if settings.launch_template is not None:
            yield problem(_IMAGE, f"{settings.launch_template} names none", "set one in it, or JANITOR_IMAGE_ID")
        return
    yield from _judge_image(access, image_id)


def _judge_template(settings: Settings, name: str, seen: TemplateSeen) -> Iterator[Finding]:
    said = f"{name}, version {seen.version}, made {_ago(seen.made_at)}"
    if seen.has_network_interfaces:
        step = "put the security groups into the template itself, and the public address into the subnets"
        yield problem(_TEMPLATE, f"{said}; EC2 refuses its network interfaces beside a subnet", step)
    elif not seen.requires_imds_tokens:
        yield note(_TEMPLATE, f"{said}; it allows IMDSv1, which each launch switches off")
    else:
        yield ok(_TEMPLATE, said)
    if seen.root_volume_gib is not None and seen.root_volume_gib != settings.volume_gib:
        yield note(
            "root volume",
            f"{seen.root_volume_gib} GiB in the template, {settings.volume_gib} GiB in the costs",
            f"set JANITOR_VOLUME_GIB={seen.root_volume_gib}",
        )


def _judge_image(access: CloudAccess, image_id: str) -> Iterator[Finding]:
    seen = launching.image(access, image_id)
    if seen is None:
        yield problem(_IMAGE, f"{image_id} isn't there, or not shared with this account", "build one (`infra/packer`)")
        return
    said = image_id if seen.made_at is None else f"{image_id}, made {_ago(seen.made_at)}"
    if seen.state != "available":
        yield problem(_IMAGE, f"{said}; it is {seen.state}", "wait until it is available, or name another one")
    elif seen.architecture not in ("", _ARCHITECTURE):
        yield problem(_IMAGE, f"{said}; it is for {seen.architecture}", f"name one for {_ARCHITECTURE}")
    elif seen.made_at is not None and _now() - seen.made_at > _OLD_IMAGE:
        yield note(_IMAGE, f"{said}: its driver, engine and agents are as old", "build a new one")
    else:
        yield ok(_IMAGE, said)


def places(settings: Settings, wanted: Sequence[Wanted]) -> Iterator[Finding]:
    """Whether each type that the config asks for is offered in the zone of one of the subnets."""
    access = CloudAccess.of(settings)
    if not settings.subnet_ids:
        if settings.is_applied:
            step = "put the subnets of this deployment into JANITOR_SUBNET_IDS"
            yield note(_SUBNETS, "none are named: EC2 takes one of the default VPC, if the account has it", step)
        yield from _offers(settings, access, wanted)
        return
    there = launching.subnets(access, settings.subnet_ids)
    missing = [each for each in settings.subnet_ids if each not in there]
    if missing:
        said = f"{', '.join(missing)} {'is' if len(missing) == 1 else 'are'} not there in {settings.region}"
        yield problem(_SUBNETS, said, "correct JANITOR_SUBNET_IDS")
    if not there:
        return
    yield _judge_subnets(list(there.values()))
    zones = {seen.zone for seen in there.values()}
    for instance_type in types_of(wanted):
        offered = launching.zones_with(access, instance_type)
        if shared := sorted(zones & offered):
            yield ok(_ZONES, f"{instance_type} in {', '.join(shared)}")
        else:
            where = f"in {', '.join(sorted(offered))}" if offered else f"nowhere in {settings.region}"
            said = f"no subnet is in a zone that offers {instance_type}, which is offered {where}"
            step = f"add a subnet in such a zone, or name another type in {sources_with(wanted, instance_type)}"
            yield problem(_ZONES, said, step)


def _offers(settings: Settings, access: CloudAccess, wanted: Sequence[Wanted]) -> Iterator[Finding]:
    """Where the region offers each type, while no subnets say where it is to be had."""
    for instance_type in types_of(wanted):
        offered = launching.zones_with(access, instance_type)
        if offered:
            yield ok(_ZONES, f"{instance_type} is offered in {', '.join(sorted(offered))}")
        else:
            other = f"name another type in {sources_with(wanted, instance_type)}"
            step = f"choose another region (JANITOR_REGION), or {other}"
            yield problem(_ZONES, f"{instance_type} is offered nowhere in {settings.region}", step)


def _judge_subnets(seen: list[SubnetSeen]) -> Finding:
    private = [each.subnet_id for each in seen if not each.gives_public_addresses]
    full = [each.subnet_id for each in seen if each.free_addresses < 1]
    said = f"{len(seen)} in {', '.join(sorted({each.zone for each in seen}))}"
    if full:
        return problem(_SUBNETS, f"{said}; no free address in {', '.join(full)}", "free some, or add a subnet")
    if private:
        step = "let them give public addresses, or make sure of a NAT gateway"
        return note(_SUBNETS, f"{said}; no public address in {', '.join(private)}: SSM and git need a way out", step)
    return ok(_SUBNETS, said)


def _now() -> datetime:
    return datetime.now(timezone.utc)


def _ago(instant: datetime) -> str:
    days = (_now() - instant).days
    return "today" if days < 1 else f"{days} {'day' if days == 1 else 'days'} ago"
