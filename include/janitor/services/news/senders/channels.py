"""Which sender serves which channel. To add one: a member of `Channel`, a migration, a sender, a line here."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from janitor.domain.news.message import Channel
from janitor.services.news.senders.email import send_mail
from janitor.services.news.senders.file import send_to_file
from janitor.services.news.senders.github import send_to_issues
from janitor.services.news.senders.sending import Sender
from janitor.services.news.senders.slack import send_by_bot, send_to_webhook
from janitor.services.news.senders.sns import send_to_topic

SENDERS: Mapping[Channel, Sender] = MappingProxyType(
    {
        Channel.FILE: send_to_file,
        Channel.SLACK_WEBHOOK: send_to_webhook,
        Channel.SLACK_BOT: send_by_bot,
        Channel.SNS: send_to_topic,
        Channel.EMAIL: send_mail,
        Channel.GITHUB_ISSUES: send_to_issues,
    }
)
