"""DescribeInstances: all of EC2's filters that make sense here, wildcards in each, and pages that stay stable."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import Any

from moto.core.responses import ActionResult
from moto.ec2 import utils as ec2_utils
from moto.ec2.exceptions import EC2ClientError, InvalidInstanceIdError
from moto.ec2.models import instances as moto_instances
from moto.ec2.models.instances import Instance, Reservation
from moto.ec2.responses.instances import InstanceResponse

from localcloud.ec2.earlier_instances import EarlierInstances
from localcloud.ec2.instances import as_it_was
from localcloud.faults.in_force import FaultBook
from localcloud.faults.rules import Lagging
from localcloud.moto_pin import replace_attribute

MAX_RESULTS = range(5, 1001)
"""Source: API reference, DescribeInstances."""

ADDED_FILTERS: dict[str, Callable[[Instance], Any]] = {
    "client-token": lambda instance: instance.client_token,
    "instance-lifecycle": lambda instance: instance.lifecycle,
    "launch-time": lambda instance: instance.launch_time.strftime("%Y-%m-%dT%H:%M:%S.000Z"),
    "iam-instance-profile.arn": lambda instance: (instance.iam_instance_profile or {}).get("Arn"),
    "iam-instance-profile.id": lambda instance: (instance.iam_instance_profile or {}).get("Id"),
    "instance-state-code": lambda instance: instance.state_code,
    "reason": lambda instance: instance._reason,
    "tag-key": ec2_utils.get_obj_tag_names,
    "tag-value": ec2_utils.get_obj_tag_values,
    "tenancy": lambda instance: instance.placement.tenancy,
    "metadata-options.http-tokens": lambda instance: instance.metadata_options.http_tokens,
    "metadata-options.http-endpoint": lambda instance: instance.metadata_options.http_endpoint,
    "block-device-mapping.volume-id": lambda instance: [
        device.volume_id for _, device in instance.get_block_device_mapping
    ],
}
"""What moto's own table of filters lacks."""


def filter_reservations(reservations: Iterable[Reservation], filters: dict[str, list[str]]) -> list[Reservation]:
    """Keep what matches every filter. Raises EC2ClientError for a filter that EC2 doesn't know."""
    tests = [_test(name, values) for name, values in filters.items()]
    kept = []
    for reservation in reservations:
        reservation.instances = [i for i in reservation.instances if all(test(i) for test in tests)]
        if reservation.instances:
            kept.append(reservation)
    return kept


def _test(name: str, values: list[str]) -> Callable[[Instance], bool]:
    patterns = [_pattern(value) for value in values]

    def matches(found: Any) -> bool:
        candidates = found if isinstance(found, (list, set)) else [found]
        return any(
            pattern.fullmatch(_text(candidate))
            for candidate in candidates
            if candidate is not None
            for pattern in patterns
        )

    value_of = _value_of(name)
    return lambda instance: matches(value_of(instance))


def _value_of(name: str) -> Callable[[Instance], Any]:
    if name in ADDED_FILTERS:
        return ADDED_FILTERS[name]
    if attribute := ec2_utils.filter_dict_attribute_mapping.get(name):
        return lambda instance: ec2_utils.get_object_value(instance, attribute)
    if name.startswith("tag:"):
        return lambda instance: ec2_utils.get_obj_tag_values(instance, key=name[len("tag:") :])
    raise EC2ClientError("InvalidParameterValue", f"The filter '{name}' is invalid")


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _pattern(value: str) -> re.Pattern[str]:
    """EC2's wildcards: * any text, ? one character, a backslash before either takes it literally."""
    parts = re.findall(r"\\[*?\\]|\*|\?|[^*?\\]+|\\", value)
    translated = {"*": ".*", "?": "."}
    return re.compile(
        "".join(translated.get(p) or re.escape(p[1:] if len(p) == 2 and p[0] == "\\" else p) for p in parts), re.S
    )


def page(
    reservations: list[Reservation], order: list[str], token: str | None, size: int
) -> tuple[list[Any], str | None]:
    """One page, and the token of the next.

    A token names the last reservation of its page and is found in `order`, all reservations by launch, so that pages
    stay right while instances come and go.
    """
    position = {reservation_id: index for index, reservation_id in enumerate(order)}
    if token:
        if token not in position:
            raise EC2ClientError("InvalidNextToken", "The token is invalid or has expired; start from the first page")
        reservations = [r for r in reservations if position.get(r.id, len(order)) > position[token]]
    more = len(reservations) > size
    return reservations[:size], reservations[size - 1].id if more else None


def known(backend: Any, ids: list[str], lag: timedelta) -> list[Reservation]:
    """The reservations of these instances, or of all, as they were `lag` ago.

    Raises InvalidInstanceID.NotFound for an id that was not known then.
    """
    if ids:
        reservations = backend.get_reservations_by_instance_ids(list(dict.fromkeys(ids)))
    else:
        reservations = backend.describe_instances()
    if not lag:
        return list(reservations)
    seen = []
    for reservation in reservations:
        past = [(instance.id, as_it_was(instance, lag)) for instance in reservation.instances]
        if ids and (young := [instance_id for instance_id, was in past if was is None]):
            raise InvalidInstanceIdError(young[0])
        reservation.instances = [was for _, was in past if was is not None]
        if reservation.instances:
            seen.append(reservation)
    return seen


def install(faults: FaultBook, earlier: EarlierInstances) -> None:
    """Patch moto's DescribeInstances."""
    replace_attribute(moto_instances, "filter_reservations", filter_reservations)

    def describe_instances(self: InstanceResponse) -> ActionResult:
        self.error_on_dryrun()
        ids, size = self._get_param("InstanceIds", []), self._get_param("MaxResults")
        if ids and size:
            raise EC2ClientError(
                "InvalidParameterCombination",
                "The parameter instancesSet cannot be used with the parameter maxResults",
            )
        if size and int(size) not in MAX_RESULTS:
            raise EC2ClientError(
                "InvalidParameterValue", f"Value ({size}) for parameter maxResults is invalid: 5 to 1000 are possible"
            )
        backend, filters = self.ec2_backend, self._filters_from_querystring()
        order = list(backend.reservations)
        ended = earlier.known_of(ids)
        others = [instance_id for instance_id in ids if instance_id not in ended]
        found = known(backend, others, faults.lag(Lagging.INSTANCES)) if others or not ids else []
        if filters is not None:
            found = filter_reservations(found, filters)
        found, next_token = page(found, order, self._get_param("NextToken"), int(size) if size else len(found) or 1)
        return ActionResult({"Reservations": [*found, *earlier.reservations(ended)], "NextToken": next_token})

    replace_attribute(InstanceResponse, "describe_instances", describe_instances)
