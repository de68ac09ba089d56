"""Who is told, as a configuration says it and as it is kept with a run: addresses and names, never a secret."""

from __future__ import annotations

import json

import pytest

from janitor.domain.config.notifications import NotificationEvent, NotificationsConfig
from janitor.domain.news.message import Channel
from janitor.domain.news.routes import Routes, routes_of

EVERYTHING = NotificationsConfig(
    slack_webhook_secret="hook",
    slack_bot_token_secret="bot",
    slack_channel="#fleet",
    sns_topic_arn="arn:aws:sns:us-east-1:123456789012:janitor-news-x",
    email=("a@acme.example",),
    email_from="janitor@acme.example",
    email_server="smtp.acme.example",
    github_issues="acme/news",
    github_token_secret="github",
    events=(NotificationEvent.NEWLY_BROKEN,),
)


def test_every_channel_has_a_route_and_comes_back_as_it_was_kept() -> None:
    routes = routes_of(EVERYTHING, with_file=True)
    assert routes is not None
    assert {each.channel for each in routes.channels} == set(Channel)
    assert Routes.from_dict(json.loads(json.dumps(routes.to_dict()))) == routes
    assert len(routes.wanted(NotificationEvent.NEWLY_BROKEN)) == len(Channel)
    assert not routes.wanted(NotificationEvent.STALE)


def test_nobody_is_told_by_nothing() -> None:
    assert routes_of(NotificationsConfig(), with_file=False) is None
    assert not Routes.from_dict(None).wanted(NotificationEvent.LEAK_FOUND)


@pytest.mark.parametrize("missing", ["slack_channel", "email_from", "email_server", "github_token_secret"])
def test_a_channel_that_lacks_something_is_refused(missing: str) -> None:
    with pytest.raises(ValueError, match=f"says nothing without {missing}"):
        NotificationsConfig(**(EVERYTHING.model_dump(exclude_defaults=True) | {missing: None}))
