"""Slack, by an incoming webhook or by a bot's token.

A webhook gives its message no name: what is fixed can't be answered in the thread, and a message that was sent just
before a crash is sent once more. A bot's message has a `ts`, in whose thread everything that follows is answered.

Source: api.slack.com, "Sending messages using incoming webhooks", "chat.postMessage", "Rate limits".
"""

from __future__ import annotations

import re
from typing import Any

from janitor.domain.news.forms import slack
from janitor.protocol.text.plain_text import one_line
from janitor.services.news.senders.sending import Outgoing, SendError, ask_http

_WEBHOOK = re.compile(r"https://[^\s]{1,500}|http://(?:127\.0\.0\.1|localhost|\[::1\])(?::\d{1,5})?/[^\s]{0,500}")
_OK = 200
_LONGEST = 3_000
"""Of a text. Source: api.slack.com, "Truncating content": 4,000 characters."""


def send_to_webhook(outgoing: Outgoing) -> None:
    """Post the message."""
    url = outgoing.secret()
    if not _WEBHOOK.fullmatch(url):
        raise SendError("the secret of Slack's webhook is no https:// address")
    answer = ask_http("Slack's webhook", "POST", url, body=_body(outgoing), enough=_OK)
    if answer.status != _OK:
        raise SendError(f"Slack's webhook answered {answer.status}: {_word(answer.text)}")


def send_by_bot(outgoing: Outgoing) -> str:
    """Post the message, or answer in the thread of the first one; returns its `ts`."""
    body = {**_body(outgoing), "channel": outgoing.address["channel"]}
    if outgoing.thread_ref is not None:
        # What is over is seen in the channel as well, not in the thread alone.
        body |= {"thread_ts": outgoing.thread_ref, "reply_broadcast": outgoing.kind.value == "close"}
    answer = ask_http(
        "Slack",
        "POST",
        f"{outgoing.address['api_url']}/chat.postMessage",
        body=body,
        headers={"Authorization": f"Bearer {_token(outgoing)}"},
    )
    document = answer.document if isinstance(answer.document, dict) else {}
    if answer.status != _OK or document.get("ok") is not True:
        raise SendError(f"Slack answered {answer.status}: {_word(str(document.get('error', '')))}")
    return str(document.get("ts", ""))[:64]


def _body(outgoing: Outgoing) -> dict[str, Any]:
    text = slack(outgoing.message)
    if len(text) > _LONGEST:
        text = text[:_LONGEST].rsplit("\n", 1)[0] + "\n…"  # at a line's end, so that no span stays open
    return {"text": text, "unfurl_links": False, "unfurl_media": False}


def _token(outgoing: Outgoing) -> str:
    token = outgoing.secret()
    if not re.fullmatch(r"[\x21-\x7e]{1,500}", token):
        raise SendError("the secret of Slack's bot is no token")
    return token


def _word(text: str) -> str:
    """Slack's short word for what is wrong, such as `invalid_auth`; nothing else is repeated."""
    word = one_line(text, limit=60)
    return word if re.fullmatch(r"[a-z_]{1,60}", word) else "no reason given"
