"""Bucket policies: a statement about unencrypted connections doesn't meet the loopback.

moto takes every statement with a condition that it can't judge for a refusal. The local cloud speaks plain HTTP to this
machine alone, where nobody listens: it counts as encrypted, so that a policy is the same here and on AWS.
"""

from __future__ import annotations

import json
from typing import Any

from moto.s3.models import FakeBucket

from localcloud.moto_pin import replace_attribute

UNENCRYPTED = {"Bool": {"aws:SecureTransport": "false"}}


def install() -> None:
    """Patch what moto asks a bucket's policy."""
    moto_permission = vars(FakeBucket)["get_permission"]

    def get_permission(self: FakeBucket, action: str, resource: str) -> Any:
        whole = self.policy
        if whole is None:
            return moto_permission(self, action, resource)
        document = json.loads(whole.decode())
        statements = document["Statement"]
        listed = statements if isinstance(statements, list) else [statements]
        document["Statement"] = [one for one in listed if one.get("Condition") != UNENCRYPTED]
        judged = FakeBucket.__new__(FakeBucket)
        judged.policy = json.dumps(document).encode()
        return moto_permission(judged, action, resource)

    replace_attribute(FakeBucket, "get_permission", get_permission)
