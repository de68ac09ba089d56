"""Whether a function's own policy lets a service invoke it, as EventBridge rules, SNS and alarms need."""

from __future__ import annotations

import fnmatch
from typing import Any

from moto.awslambda.exceptions import UnknownFunctionException
from moto.awslambda.models import lambda_backends

from localcloud.settings import ACCOUNT_ID

ACTIONS = {"lambda:InvokeFunction", "lambda:*", "*"}


def permits(region: str, function: str, principal: str, source_arn: str) -> bool:
    """Whether a statement allows it. True for an unknown function: its invocation says so itself."""
    try:
        statements = lambda_backends[ACCOUNT_ID][region].get_function(function).policy.statements
    except UnknownFunctionException:
        return True
    return any(_allows(statement, principal, source_arn) for statement in statements)


def _allows(statement: dict[str, Any], principal: str, source_arn: str) -> bool:
    allowed = statement.get("Principal")
    who = allowed.get("Service") if isinstance(allowed, dict) else allowed
    if statement.get("Effect") != "Allow" or statement.get("Action") not in ACTIONS or who not in ("*", principal):
        return False
    conditions = statement.get("Condition") or {}
    pattern = (conditions.get("ArnLike") or {}).get("AWS:SourceArn", "*")
    account = (conditions.get("StringEquals") or {}).get("AWS:SourceAccount", ACCOUNT_ID)
    return fnmatch.fnmatchcase(source_arn, pattern) and account == ACCOUNT_ID
