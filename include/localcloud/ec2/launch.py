"""RunInstances as EC2 does it: idempotent client tokens, whole launch templates, checked arguments.

Any image id of the form `ami-…` is accepted without being registered: a box runs no image. Instance types are
checked against moto's list of what the region offers.
"""

from __future__ import annotations

import base64
import json
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from moto.core.responses import ActionResult
from moto.ec2.exceptions import EC2ClientError, InvalidLaunchTemplateIdNotFound, InvalidLaunchTemplateVersionNotFound
from moto.ec2.models.instances import Instance, InstanceBackend, Reservation
from moto.ec2.responses._base_response import EC2BaseResponse
from moto.ec2.responses.instances import InstanceResponse
from moto.ec2.utils import convert_tag_spec, filter_iam_instance_profiles
from moto.iam.exceptions import NotFoundException as ProfileNotFound

from localcloud.ec2.dry_run import check_names
from localcloud.ec2.instances import MOTO_LOCK, SPOT, InstanceFleet
from localcloud.ec2.spot import check_market, mark_spot
from localcloud.moto_pin import MotoMismatchError, replace_attribute

USER_DATA_LIMIT_BYTES = 16384
"""Source: EC2 user guide, "user data is limited to 16 KB, in raw form, before it is base64-encoded"."""
IMAGE_ID = re.compile(r"ami-[0-9A-Za-z-]+|resolve:ssm:.+")
MOTO_DEFAULT_TOKEN = "ABCDE"  # noqa: S105  (what moto fills in where no client token was given)
STATE_TRANSFORMER = "RunInstances.Reservation.Instances.Instance.State"


@dataclass
class Launch:
    """What a client token stands for."""

    fingerprint: str
    lock: threading.Lock = field(default_factory=threading.Lock)
    reservation: Reservation | None = None


class ClientTokens:
    """Client tokens seen by this local cloud, by account, region and token."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._launches: dict[tuple[str, str, str], Launch] = {}

    def claim(self, key: tuple[str, str, str], fingerprint: str) -> Launch:
        """The launch of a token. Raises IdempotentParameterMismatch for a token that was used for something else."""
        with self._lock:
            launch = self._launches.setdefault(key, Launch(fingerprint))
        if launch.fingerprint != fingerprint:
            raise EC2ClientError(
                "IdempotentParameterMismatch",
                f"The client token '{key[2]}' was already used with different parameters",
            )
        return launch

    def holds(self, key: tuple[str, str, str], launch: Launch) -> bool:
        """Whether the token still stands for this launch."""
        return self._launches.get(key) is launch

    def drop(self, key: tuple[str, str, str]) -> None:
        """A launch that failed leaves its token unused."""
        with self._lock:
            self._launches.pop(key, None)


def install(fleet: InstanceFleet) -> None:
    """Patch moto's RunInstances."""
    tokens = ClientTokens()
    moto_response = vars(InstanceResponse)["run_instances"]
    moto_launch = vars(InstanceBackend)["run_instances"]

    launch_once = partial(_launch_once, moto_response)

    def run_instances(self: InstanceResponse) -> ActionResult:
        _check_request(self)
        token = self._get_param("ClientToken")
        if not token:
            return launch_once(self)
        key = (self.current_account, self.region, token)
        while True:
            launch = tokens.claim(key, _fingerprint(self))
            with launch.lock:  # two requests with one token at once make one instance
                if not tokens.holds(key, launch):
                    continue  # the other one failed meanwhile
                if launch.reservation is not None:
                    return ActionResult(_current(launch.reservation, token))
                try:
                    result = launch_once(self)
                except BaseException:
                    tokens.drop(key)
                    raise
                launch.reservation = result.result
                return result

    def launch_instances(
        self: Any, image_id: str | None, count: int, user_data: Any, security_group_names: list[str], **kwargs: Any
    ) -> Reservation:
        template = _template(self, kwargs.get("launch_template"))
        image_id = image_id or template.get("ImageId")
        _check_image(image_id)
        _check_user_data(user_data or template.get("UserData"))
        own_profile = {"name": kwargs.get("iam_instance_profile_name"), "arn": kwargs.get("iam_instance_profile_arn")}
        profile = {f"iam_instance_profile_{key}": value for key, value in _profile(own_profile, template).items()}
        if any(profile.values()):
            filter_iam_instance_profiles(self.account_id, partition=self.partition, **profile)  # raises if unknown
        _merge_template(kwargs, template)
        with MOTO_LOCK:
            reservation = moto_launch(self, image_id, count, user_data, security_group_names, **kwargs)
        # moto's response class associates a profile of the request's own with the first instance afterwards.
        for instance in reservation.instances[1 if any(own_profile.values()) else 0 :]:
            if any(profile.values()):
                self.associate_iam_instance_profile(instance_id=instance.id, **profile)
        _power_on(fleet, list(reservation.instances))
        return reservation

    replace_attribute(InstanceResponse, "run_instances", run_instances)
    replace_attribute(InstanceBackend, "run_instances", launch_instances)
    # moto reports every launch as pending; the record's own state is right, for a repeated token too.
    if EC2BaseResponse.RESPONSE_KEY_PATH_TO_TRANSFORMER.pop(STATE_TRANSFORMER, None) is None:
        raise MotoMismatchError(f"moto no longer has the response transformer {STATE_TRANSFORMER}")


def _launch_once(moto_response: Callable[[InstanceResponse], ActionResult], response: InstanceResponse) -> ActionResult:
    try:
        if response._get_param("DryRun", False):
            _check_dry_run(response)
        return moto_response(response)
    except ProfileNotFound as exc:
        raise EC2ClientError("InvalidParameterValue", f"Invalid IAM Instance Profile: {exc.message}") from exc


def _power_on(fleet: InstanceFleet, instances: list[Instance]) -> None:
    """Put machines behind new instances: behind all of them, or there are none."""
    try:
        for instance in instances:
            if instance.client_token == MOTO_DEFAULT_TOKEN:
                instance.client_token = ""
            if instance.lifecycle == SPOT:
                mark_spot(instance)
            fleet.launch(instance)
    except BaseException:
        fleet.withdraw(instances)
        raise


def _fingerprint(response: InstanceResponse) -> str:
    parameters = {key: value for key, value in response.params.items() if key not in ("ClientToken", "DryRun")}
    return json.dumps(parameters, sort_keys=True, default=str)


def _current(reservation: Reservation, token: str) -> Reservation:
    """The launch's reservation as it is now. Raises once its instances are no longer described."""
    if not reservation.instances:
        raise EC2ClientError(
            "IdempotentInstanceTerminated",
            f"The instances launched with the client token '{token}' have been terminated; use another token",
        )
    return reservation


def _check_request(response: InstanceResponse) -> None:
    least, most = int(response._get_param("MinCount", "1")), int(response._get_param("MaxCount", "1"))
    if not 1 <= least <= most:
        raise EC2ClientError("InvalidParameterValue", f"Invalid MinCount {least} and MaxCount {most}")
    # moto launches MinCount; EC2 launches as many as it can up to MaxCount.
    response.params["MinCount"] = most
    template = _template(response.ec2_backend, response._get_param("LaunchTemplate"))
    placement = response._get_param("Placement") or template.get("Placement") or {}
    check_market(
        response._get_param("InstanceMarketOptions") or template.get("InstanceMarketOptions") or {},
        response._get_param("InstanceType") or template.get("InstanceType") or "",
        placement.get("AvailabilityZone") or f"{response.region}a",
    )


def _check_dry_run(response: InstanceResponse) -> None:
    """What a launch checks on its way: moto ends a dry run before it."""
    template = _template(response.ec2_backend, response._get_param("LaunchTemplate"))
    _check_image(response._get_param("ImageId") or template.get("ImageId"))
    _check_user_data(response._get_param("UserData") or template.get("UserData"))
    profile = {f"iam_instance_profile_{key}": value for key, value in _profile({}, template).items()}
    if any(profile.values()):
        filter_iam_instance_profiles(response.current_account, partition=response.partition, **profile)
    check_names(response, template)


def _check_image(image_id: str | None) -> None:
    if not image_id:
        raise EC2ClientError("MissingParameter", "The request must contain the parameter ImageId")
    if not IMAGE_ID.fullmatch(image_id):
        raise EC2ClientError("InvalidAMIID.Malformed", f'Invalid id: "{image_id}" (expecting "ami-...")')


def _check_user_data(user_data: Any) -> None:
    if user_data and len(base64.b64decode(str(user_data))) > USER_DATA_LIMIT_BYTES:
        raise EC2ClientError("InvalidParameterValue", f"User data is limited to {USER_DATA_LIMIT_BYTES} bytes")


def _template(backend: Any, argument: dict[str, Any] | None) -> dict[str, Any]:
    if not argument:
        return {}
    try:
        data: dict[str, Any] = backend._get_template_from_args(argument).data
    except IndexError as exc:
        raise InvalidLaunchTemplateIdNotFound(argument.get("LaunchTemplateId", "")) from exc
    except ValueError as exc:
        raise InvalidLaunchTemplateVersionNotFound(version=argument["Version"]) from exc
    return data


def _profile(own: dict[str, Any], template: dict[str, Any]) -> dict[str, Any]:
    if any(own.values()):
        return own
    from_template = template.get("IamInstanceProfile") or {}
    return {"name": from_template.get("Name"), "arn": from_template.get("Arn")}


def _merge_template(kwargs: dict[str, Any], template: dict[str, Any]) -> None:
    """Fill in what the request left open and moto doesn't take from a template itself. The request's own wins.

    moto itself merges image, type, key, user data, security groups, block devices and instance tags.
    """
    defaults = {
        "instance_initiated_shutdown_behavior": template.get("InstanceInitiatedShutdownBehavior"),
        "instance_market_options": (template.get("InstanceMarketOptions") or {}).get("MarketType"),
        "placement": (template.get("Placement") or {}).get("AvailabilityZone"),
        "ebs_optimized": template.get("EbsOptimized"),
        "disable_api_termination": template.get("DisableApiTermination"),
        "disable_api_stop": template.get("DisableApiStop"),
    }
    for key, value in defaults.items():
        if value is not None and not kwargs.get(key):
            kwargs[key] = value
    if (template.get("Monitoring") or {}).get("Enabled") and kwargs.get("monitoring_state") == "disabled":
        kwargs["monitoring_state"] = "enabled"
    if not kwargs.get("nics") and not kwargs.get("subnet_id"):
        kwargs["nics"] = template.get("NetworkInterfaces") or []
    kwargs["metadata_options"] = {**(template.get("MetadataOptions") or {}), **(kwargs.get("metadata_options") or {})}
    tags = convert_tag_spec(template.get("TagSpecifications") or [])
    for resource, own in (kwargs.get("tags") or {}).items():
        tags[resource] = {**tags.get(resource, {}), **own}
    kwargs["tags"] = tags
