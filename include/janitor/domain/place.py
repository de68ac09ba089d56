"""Where instances are: which cloud, whose account in it, which region.

A row of the ledger is bound to the place in which its instance is, and only who looks at that place may end it: what
isn't there is not gone. A place is found out by asking the cloud who calls, never by what a setting says.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

_AWS_HOST = re.compile(r"(?:^|\.)(?:amazonaws\.com|amazonaws\.com\.cn|api\.aws|api\.amazonwebservices\.com\.cn)$")
"""AWS's own endpoints, its VPC endpoints among them. Source: AWS General Reference, "AWS service endpoints"."""
_RUNPOD = "runpod"
"""What the clouds of RunPod's places begin with; AWS's, a local cloud's and an address never do."""
_LOCAL_CLOUD = re.compile(r"^arn:[^:]+:iam::\d+:user/localcloud/(?P<identity>[0-9a-f]{16})$")
"""By this caller's name a local cloud of ours says which one it is, whatever port it listens on."""


@dataclass(frozen=True, kw_only=True)
class Place:
    """One account's part of one region of one cloud."""

    cloud: str
    """A partition of AWS (`aws`, `aws-cn`, …), `localcloud-<identity>`, or another endpoint's address."""
    account: str
    region: str

    @classmethod
    def found(cls, *, endpoint_url: str, caller_arn: str, account: str, region: str) -> Place:
        """The place that an answer shows.

        Args:
            endpoint_url: Where EC2 is asked.
            caller_arn: Who calls, by GetCallerIdentity.
            account: Whose account, by GetCallerIdentity.
            region: In which region EC2 is asked.
        """
        local = _LOCAL_CLOUD.match(caller_arn)
        address = urlsplit(endpoint_url)
        if _AWS_HOST.search((address.hostname or "").lower()):
            cloud = caller_arn.split(":")[1] if caller_arn.count(":") > 1 else "aws"
        elif local is not None:
            cloud = f"localcloud-{local['identity']}"
        else:
            # Nothing of what it says is its own: emulators share one account number.
            cloud = f"{address.scheme}://{address.netloc}".lower()
        return cls(cloud=cloud, account=account, region=region)

    @classmethod
    def of_runpod(cls, *, stand_in: str | None, key_fingerprint: str) -> Place:
        """The place of a RunPod account's pods, which may be in any region.

        Args:
            stand_in: Whose address it is that is asked in RunPod's place; None: RunPod's own.
            key_fingerprint: Of the key: RunPod doesn't say whose it is.
        """
        cloud = _RUNPOD if stand_in is None else f"{_RUNPOD}+{stand_in}"
        return cls(cloud=cloud, account=f"key-{key_fingerprint}", region="any")

    @property
    def is_runpod(self) -> bool:
        """Whether what is there are pods of RunPod's; else they are EC2's instances."""
        return self.cloud == _RUNPOD or self.cloud.startswith(f"{_RUNPOD}+")

    @classmethod
    def parse(cls, key: str) -> Place:
        """The place that a `key` names.

        Raises:
            ValueError: It names none.
        """
        parts = key.rsplit("/", 2)
        if len(parts) != len(("cloud", "account", "region")) or not all(parts):
            raise ValueError(f"{key!r} is no place: `cloud/account/region` is expected")
        return cls(cloud=parts[0], account=parts[1], region=parts[2])

    @property
    def key(self) -> str:
        """As the ledger keeps it: `cloud/account/region`."""
        return f"{self.cloud}/{self.account}/{self.region}"

    def __str__(self) -> str:
        return self.key
