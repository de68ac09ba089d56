"""SNS: moto's topics and queues, with subscriptions of functions that invoke them.

Nothing leaves this machine: a web address is posted to only where it is on the loopback interface, and mail and text
messages are kept by moto alone.
"""

from __future__ import annotations

import base64
import json
import logging
import threading
from datetime import datetime, timezone
from typing import Any
from urllib.parse import urlsplit

import requests
from moto.sns.models import SNSBackend, Subscription, Topic

from localcloud.events.delivery import Sender, Target, deliver_later
from localcloud.events.internal_api import InternalApi
from localcloud.moto_pin import replace_attribute

log = logging.getLogger(__name__)

PRINCIPAL = "sns.amazonaws.com"
LOOPBACK = {"127.0.0.1", "localhost", "::1"}
POST_TIMEOUT_SECONDS = 15
"""Source: SNS developer guide, "Message delivery retries"."""
KEPT_NOTIFICATIONS = 100
"""moto remembers what a topic sent, for tests inside its own process."""
TOPIC_FIELDS = (
    *("display_name", "delivery_policy", "kms_master_key_id", "policy", "fifo_topic"),
    *("content_based_deduplication", "_tags"),
)


def install(api: InternalApi) -> None:
    """Patch moto's SNS."""
    moto_publish = vars(Subscription)["publish"]
    moto_topic_publish = vars(Topic)["publish"]

    def publish(self: Subscription, message: str, message_id: str, **options: Any) -> None:
        if self.protocol == "lambda":
            _invoke(api, self, message, message_id, options)
        elif self.protocol in ("http", "https"):
            _post(self, message, message_id, options)
        else:
            moto_publish(self, message, message_id, **options)

    def publish_to_all(self: Topic, *args: Any, **kwargs: Any) -> str:
        message_id: str = moto_topic_publish(self, *args, **kwargs)
        del self.sent_notifications[:-KEPT_NOTIFICATIONS]
        return message_id

    replace_attribute(Subscription, "publish", publish)
    replace_attribute(Topic, "publish", publish_to_all)


def _wanted(subscription: Subscription, message: str, options: dict[str, Any]) -> bool:
    matcher = subscription._filter_policy_matcher
    return matcher is None or bool(matcher.matches(options.get("message_attributes"), message))


def _text(subscription: Subscription, message: str, options: dict[str, Any]) -> str:
    if options.get("message_structure") == "json":
        return str(subscription._parse_message_structure(message, subscription.protocol))
    return message


def _invoke(
    api: InternalApi, subscription: Subscription, message: str, message_id: str, options: dict[str, Any]
) -> None:
    """Source: Lambda developer guide, "Invoking Lambda functions with Amazon SNS notifications"."""
    if not _wanted(subscription, message, options):
        return
    topic = subscription.topic
    record = {
        "EventVersion": "1.0",
        "EventSubscriptionArn": subscription.arn,
        "EventSource": "aws:sns",
        "Sns": {
            "Type": "Notification",
            "MessageId": message_id,
            "TopicArn": topic.arn,
            "Subject": options.get("subject"),
            "Message": _text(subscription, message, options),
            "Timestamp": datetime.now(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "MessageAttributes": {
                name: {"Type": value["Type"], "Value": _readable(value["Value"])}
                for name, value in (options.get("message_attributes") or {}).items()
            },
        },
    }
    target = Target.parse(subscription.endpoint, topic.sns_backend.region_name, universal=False)
    sender = Sender(f"topic {topic.arn}", topic.arn, PRINCIPAL)
    deliver_later(api, target, json.dumps({"Records": [record]}), sender)


def _readable(value: Any) -> str:
    return base64.b64encode(value).decode() if isinstance(value, bytes) else str(value)


def _post(subscription: Subscription, message: str, message_id: str, options: dict[str, Any]) -> None:
    if not _wanted(subscription, message, options):
        return
    if urlsplit(subscription.endpoint).hostname not in LOOPBACK:
        log.warning("topic %s: %s is not on this machine; not posted", subscription.topic_arn, subscription.endpoint)
        return
    data = subscription.get_post_data(_text(subscription, message, options), message_id, options.get("subject"))

    def post() -> None:
        headers = {"Content-Type": "text/plain; charset=UTF-8", "x-amz-sns-message-type": "Notification"}
        try:
            requests.post(subscription.endpoint, json=data, headers=headers, timeout=POST_TIMEOUT_SECONDS)
        except requests.RequestException as exc:
            log.warning("topic %s: %s could not be posted to: %s", subscription.topic_arn, subscription.endpoint, exc)

    threading.Thread(target=post, name="sns-post", daemon=True).start()


def export(backend: SNSBackend) -> dict[str, Any]:
    """Every topic of a region with its subscriptions, as JSON data."""
    return {
        "topics": [
            {"name": topic.name, **{name: getattr(topic, name) for name in TOPIC_FIELDS}}
            for topic in backend.topics.values()
        ],
        "subscriptions": [
            {
                "arn": subscription.arn,
                "topic": subscription.topic.arn,
                "endpoint": subscription.endpoint,
                "protocol": subscription.protocol,
                "attributes": subscription.attributes,
            }
            for subscription in backend.subscriptions.values()
        ],
    }


def restore(backend: SNSBackend, data: dict[str, Any]) -> None:
    """Put back what `export` told."""
    for entry in data["topics"]:
        topic = Topic(entry["name"], backend)
        for name in TOPIC_FIELDS:
            setattr(topic, name, entry[name])
        backend.topics[topic.arn] = topic
    for entry in data["subscriptions"]:
        topic = backend.topics[entry["topic"]]
        subscription = Subscription(backend.account_id, topic, entry["endpoint"], entry["protocol"])
        subscription.arn = entry["arn"]
        subscription.attributes = entry["attributes"]
        backend.subscriptions[subscription.arn] = subscription
        if policy := entry["attributes"].get("FilterPolicy"):
            backend.set_subscription_attributes(subscription.arn, "FilterPolicy", policy)
