"""Who is told: the channels of a configuration with their addresses, as they are kept with a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from janitor.domain.config.notifications import NotificationEvent, NotificationsConfig
from janitor.domain.news.message import Channel


@dataclass(frozen=True, kw_only=True)
class Route:
    """One channel."""

    channel: Channel
    address: Mapping[str, Any]
    """Where it leads, with the names of its secrets; never a secret itself."""


@dataclass(frozen=True, kw_only=True)
class Routes:
    """All that somebody wanted to be told, and where."""

    events: Sequence[NotificationEvent]
    channels: Sequence[Route]

    def wanted(self, event: NotificationEvent) -> Sequence[Route]:
        """Where this is told."""
        return self.channels if event in self.events else ()

    def to_dict(self) -> dict[str, Any]:
        """As it is kept."""
        return {
            "events": [event.value for event in self.events],
            "channels": [{"channel": each.channel.value, "address": dict(each.address)} for each in self.channels],
        }

    @classmethod
    def from_dict(cls, document: Mapping[str, Any] | None) -> Routes:
        """As it was kept; None: nobody is told."""
        if document is None:
            return cls(events=(), channels=())
        return cls(
            events=tuple(NotificationEvent(each) for each in document["events"]),
            channels=tuple(
                Route(channel=Channel(each["channel"]), address=each["address"]) for each in document["channels"]
            ),
        )


def routes_of(config: NotificationsConfig, *, with_file: bool) -> Routes | None:
    """The channels of a configuration; None where there are none.

    Args:
        config: The configuration's section.
        with_file: Whether messages are kept in a file of the local stack as well.
    """
    channels = [Route(channel=Channel.FILE, address={})] if with_file else []
    if config.slack_webhook_secret is not None:
        channels.append(Route(channel=Channel.SLACK_WEBHOOK, address={"secret": config.slack_webhook_secret}))
    if config.slack_bot_token_secret is not None:
        address = {
            "secret": config.slack_bot_token_secret,
            "channel": config.slack_channel,
            "api_url": config.slack_api_url,
        }
        channels.append(Route(channel=Channel.SLACK_BOT, address=address))
    if config.sns_topic_arn is not None:
        channels.append(Route(channel=Channel.SNS, address={"topic_arn": config.sns_topic_arn}))
    if config.email:
        channels.append(
            Route(
                channel=Channel.EMAIL,
                address={
                    "to": list(config.email),
                    "from": config.email_from,
                    "server": config.email_server,
                    "secret": config.email_login_secret,
                },
            )
        )
    if config.github_issues is not None:
        github = {
            "repository": config.github_issues,
            "secret": config.github_token_secret,
            "api_url": config.github_api_url,
        }
        channels.append(Route(channel=Channel.GITHUB_ISSUES, address=github))
    return Routes(events=config.events, channels=tuple(channels)) if channels else None
