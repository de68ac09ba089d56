"""SNS: publishing a message to a topic."""

from __future__ import annotations

from dataclasses import replace

from janitor.cloud.asking import asking
from janitor.cloud.session import CloudAccess

_LONGEST_SUBJECT = 99
_LONGEST_TEXT = 200_000
"""Source: SNS API, Publish: a subject of less than 100 ASCII characters, a message of at most 256 KiB."""


def publish(access: CloudAccess, topic_arn: str, *, subject: str, text: str, deduplication_id: str) -> str:
    """Publish a message; returns SNS's id of it.

    Args:
        access: Whose topic it is; the topic's own region counts.
        topic_arn: Which.
        subject: What a mail of it is called.
        text: The message.
        deduplication_id: Equal for the same message; a FIFO topic passes it on once.

    Raises:
        NotAllowedError, NoLoginError, CloudError: SNS refused or can't be asked.
    """
    plain_subject = subject.encode("ascii", "replace").decode()[:_LONGEST_SUBJECT] or "Janitor"
    options = {"MessageGroupId": "janitor", "MessageDeduplicationId": deduplication_id}
    with asking(f"Publish {topic_arn}"):
        answer = (
            replace(access, region=topic_arn.split(":")[3])
            .client("sns")
            .publish(
                TopicArn=topic_arn,
                Subject=plain_subject,
                Message=text[:_LONGEST_TEXT],
                **(options if topic_arn.endswith(".fifo") else {}),
            )
        )
    message_id: str = answer["MessageId"]
    return message_id
