"""Budgets: subscribers of a notification, and tags. Without them Terraform asks again for ten minutes and gives up."""

from __future__ import annotations

import json
from typing import Any

from moto.budgets.models import Budget
from moto.budgets.responses import BudgetsResponse

from localcloud.moto_pin import add_attribute, replace_attribute

TAGS = "localcloud_tags"
"""Attribute of a moto budget: its tags by key."""
_STATE = "NotificationState"
"""AWS fills it in; a request need not name it."""


def install() -> None:
    """Patch moto's Budgets."""

    moto_create = vars(BudgetsResponse)["create_budget"]

    def create_budget(self: BudgetsResponse) -> str:
        answer: str = moto_create(self)
        budget = self.backend.budgets[self._get_param("AccountId")][self._get_param("Budget")["BudgetName"]]
        _tags(budget).update(_by_key(self))
        return answer

    def describe_subscribers_for_notification(self: BudgetsResponse) -> str:
        budget = self.backend.budgets[self._get_param("AccountId")][self._get_param("BudgetName")]
        wanted = self._get_param("Notification")
        found = next((one for one in budget.notifications if _same(one.details, wanted)), None)
        return json.dumps({"Subscribers": found.subscribers if found else []})

    def list_tags_for_resource(self: BudgetsResponse) -> str:
        tags = _tags(_budget(self))
        return json.dumps({"ResourceTags": [{"Key": key, "Value": value} for key, value in tags.items()]})

    def tag_resource(self: BudgetsResponse) -> str:
        _tags(_budget(self)).update(_by_key(self))
        return "{}"

    def untag_resource(self: BudgetsResponse) -> str:
        for key in self._get_param("ResourceTagKeys", []):
            _tags(_budget(self)).pop(key, None)
        return "{}"

    replace_attribute(BudgetsResponse, "create_budget", create_budget)
    for action in (describe_subscribers_for_notification, list_tags_for_resource, tag_resource, untag_resource):
        add_attribute(BudgetsResponse, action.__name__, action)


def _by_key(request: BudgetsResponse) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in request._get_param("ResourceTags", []) or []}


def _budget(request: BudgetsResponse) -> Budget:
    """The one that an ARN names: `arn:aws:budgets::<account>:budget/<name>`."""
    arn = str(request._get_param("ResourceARN"))
    return request.backend.budgets[arn.split(":")[4]][arn.partition("/")[2]]


def _tags(budget: Budget) -> dict[str, str]:
    tags: dict[str, str] = vars(budget).setdefault(TAGS, {})
    return tags


def _same(details: dict[str, Any], wanted: dict[str, Any]) -> bool:
    return all(details.get(key) == value for key, value in wanted.items() if key != _STATE)
