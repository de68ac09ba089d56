"""Which place the calls of this process reach, by STS's word: no setting is believed."""

from __future__ import annotations

from functools import cache

from janitor.cloud.session import CLIENT_ERRORS, CloudAccess
from janitor.domain.errors import CloudError
from janitor.domain.place import Place


@cache
def place_of(access: CloudAccess) -> Place:
    """Where the instances are that this access sees; asked once per process, with the credentials that it uses.

    Raises:
        CloudError: STS can't be asked, or refuses; the next call asks again.
    """
    try:
        answer = access.client("sts").get_caller_identity()
        endpoint_url = access.client("ec2").meta.endpoint_url
    except CLIENT_ERRORS as exc:
        raise CloudError(
            f"GetCallerIdentity in {access.region}: {exc}; without it it isn't known whose instances EC2 shows"
        ) from exc
    return Place.found(
        endpoint_url=endpoint_url, caller_arn=answer["Arn"], account=answer["Account"], region=access.region
    )
