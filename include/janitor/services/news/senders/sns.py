"""An SNS topic, to which anything may be subscribed."""

from __future__ import annotations

from janitor.cloud.session import CloudAccess
from janitor.cloud.topics import publish
from janitor.domain.errors import CloudError
from janitor.domain.news.forms import plain, title
from janitor.services.news.senders.sending import Outgoing, SendError


def send_to_topic(outgoing: Outgoing) -> str:
    """Publish the message; returns SNS's id."""
    message = outgoing.message
    try:
        return publish(
            CloudAccess.of(outgoing.settings),
            outgoing.address["topic_arn"],
            subject=title(message),
            text=plain(message),
            deduplication_id=outgoing.key.replace("/", "-")[:128],
        )
    except CloudError as exc:
        raise SendError(f"SNS: {exc}") from exc
