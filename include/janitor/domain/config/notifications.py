"""Who is told what is new: channels by address and by the names of their secrets, never a secret itself."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, model_validator
from pydantic_core import PydanticCustomError
from typing_extensions import Self

from janitor.domain.config.document import Finding
from janitor.domain.config.fields import (
    EmailAddress,
    EmailAddresses,
    GithubRepository,
    NewsSecretName,
    NotificationEvent,
    NotificationEvents,
    SnsTopicArn,
)
from janitor.domain.config.findings import FLEET_ERROR

NEEDS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "slack_bot_token_secret": ("slack_channel",),
        "slack_channel": ("slack_bot_token_secret",),
        "email": ("email_from", "email_server"),
        "email_from": ("email",),
        "email_server": ("email",),
        "email_login_secret": ("email",),
        "github_issues": ("github_token_secret",),
        "github_token_secret": ("github_issues",),
    }
)
"""Keys that say nothing without others."""

_LOOPBACK = r"(?:127\.0\.0\.1|localhost|\[::1\])"


def _check_slack_channel(value: str) -> str:
    if not re.fullmatch(r"[CGD][A-Z0-9]{7,20}|#[a-z0-9._-]{1,80}", value):
        raise ValueError(f"{value[:60]!r} is no channel of Slack: its id, such as C024BE91L, or #name")
    return value


def _check_api_url(value: str) -> str:
    if len(value) > 300 or not re.fullmatch(
        rf"https://[A-Za-z0-9.-]+(?::\d{{1,5}})?(?:/[\w./-]*)?|http://{_LOOPBACK}(?::\d{{1,5}})?(?:/[\w./-]*)?", value
    ):
        raise ValueError("must be an https:// address without user name, password, '?' and '#'")
    return value.rstrip("/")


def _check_mail_server(value: str) -> str:
    found = re.fullmatch(r"([A-Za-z0-9](?:[A-Za-z0-9.-]{0,252}[A-Za-z0-9])?)(?::(\d{1,5}))?", value)
    if found is None or not 0 < int(found[2] or 587) < 65_536:
        raise ValueError(f"{value[:60]!r} is no mail server: host or host:port")
    return value


SlackChannel = Annotated[str, AfterValidator(_check_slack_channel)]
ApiUrl = Annotated[str, AfterValidator(_check_api_url)]
MailServer = Annotated[str, AfterValidator(_check_mail_server)]


class NotificationsConfig(BaseModel):
    """Who is told what is new."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid", use_attribute_docstrings=True)

    slack_webhook_secret: NewsSecretName | None = None
    """NAME of the secret that holds the Slack webhook's URL, under janitor-news/<deployment>/ in Secrets Manager."""
    slack_bot_token_secret: NewsSecretName | None = None
    """NAME of the secret that holds a bot's token with chat:write: what is fixed is answered in the thread."""
    slack_channel: SlackChannel | None = None
    """Channel in which the bot writes: its id, or #name."""
    slack_api_url: ApiUrl = "https://slack.com/api"
    """Where Slack's API is; another one for GovSlack."""
    sns_topic_arn: SnsTopicArn | None = None
    """ARN of the SNS topic that is published to. Terraform's role publishes to topics named janitor-news-*."""
    email: EmailAddresses = ()
    """Addresses that are written to."""
    email_from: EmailAddress | None = None
    """Address that the mails come from."""
    email_server: MailServer | None = None
    """Mail server, host or host:port. Default port: 587, with STARTTLS; 465 is TLS from the first byte."""
    email_login_secret: NewsSecretName | None = None
    """NAME of the secret that holds `user:password` for the mail server. Default: no login."""
    github_issues: GithubRepository | None = None
    """Repository (organization/name) in which issues are opened and closed."""
    github_token_secret: NewsSecretName | None = None
    """NAME of the secret that holds a token with write access to that repository's issues."""
    github_api_url: ApiUrl = "https://api.github.com"
    """Where GitHub's API is; another one for GitHub Enterprise."""
    events: NotificationEvents = tuple(NotificationEvent)
    """What is worth a message. Default: everything."""

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        for finding in needed_findings(self.model_dump(exclude_defaults=True)):
            said = f"{'.'.join(map(str, finding.path))}: {finding.message}"
            raise PydanticCustomError(FLEET_ERROR, "{said}", {"said": said})
        return self


def needed_findings(given: Any) -> Iterator[Finding]:
    """Keys of the section that miss another one.

    Args:
        given: The section as it was written.
    """
    if not isinstance(given, Mapping):
        return
    for key, others in NEEDS.items():
        if not given.get(key):
            continue
        for other in others:
            if not given.get(other):
                yield Finding(("notifications", key), f"says nothing without {other}", f"add notifications.{other}")


__all__ = ["NotificationEvent", "NotificationsConfig", "needed_findings"]
