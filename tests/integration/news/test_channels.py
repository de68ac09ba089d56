"""Each channel against a server that behaves as the real one does: threads, issues, mails, and what goes wrong."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import pytest

from janitor.domain.news.message import Channel, DeliveryKind, Line, Link, Message, Quoted
from janitor.services.news.senders.channels import SENDERS
from janitor.services.news.senders.sending import Outgoing, SendError
from janitor.settings import Settings, load_settings
from tests.support.channels import TOKEN, GitHub, Slack, serving, serving_mail
from tests.support.deployment import ROOT
from tests.support.localcloud_server import LocalCloudServer

WEBHOOK_PATH = "/services/T0/B0/secret-in-an-address"
HOSTILE = "<!channel> @everyone\r\nBcc: all@acme.example\r\n# big `x` </pre><script>"
MESSAGE = Message(
    headline=("Newly broken: acme/worker-a",),
    lines=(
        Line(label="cause", pieces=(Quoted(HOSTILE),)),
        Line(label="see", pieces=(Link("page", "https://janitor.example/plugin/janitor?v=today"),)),
    ),
)


@pytest.fixture(scope="module")
def slack() -> Iterator[Slack]:
    service = Slack()
    with serving(service):
        yield service


@pytest.fixture(scope="module")
def github() -> Iterator[GitHub]:
    service = GitHub()
    with serving(service):
        yield service


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory, slack: Slack) -> Iterator[LocalCloudServer]:
    """A local cloud whose file has the secrets of the channels."""
    folder = tmp_path_factory.mktemp("channels")
    file = folder / "secrets.env"
    file.write_text(
        f"news/webhook = {slack.url}{WEBHOOK_PATH}\nnews/bot = {TOKEN}\nnews/token = {TOKEN}\nnews/wrong = nonsense\n"
    )
    file.chmod(0o600)
    options = {"secrets_file": file, "secrets_prefix": "janitor/x/", "channels_prefix": "janitor-news/x/"}
    with LocalCloudServer(folder / "home", **options) as running:
        yield running


@pytest.fixture
def settings(cloud: LocalCloudServer, tmp_path: Path) -> Settings:
    variables = {
        "JANITOR_STACK": "external",
        "JANITOR_ENGINE": "docker",
        "JANITOR_STATE_DIR": str(tmp_path / "state"),
        "JANITOR_DEPLOYMENT": "x",
        "JANITOR_BUCKET": "test",
        "JANITOR_REGION": "us-east-1",
        "JANITOR_AWS_ENDPOINT_URL": cloud.endpoint_url,
        "JANITOR_AWS_ACCESS_KEY_ID": cloud.access_key_id,
        "JANITOR_AWS_SECRET_ACCESS_KEY": cloud.secret_access_key,
    }
    return load_settings("local", environ=variables, project_root=ROOT)


def outgoing(settings: Settings, **changes: Any) -> Outgoing:
    first = Outgoing(
        settings=settings,
        key="x/1/1",
        news_key="x/newly_broken/cause/0123456789abcdef",
        kind=DeliveryKind.OPEN,
        message=MESSAGE,
        address={},
        thread_ref=None,
    )
    return replace(first, **changes)


def bot(slack: Slack, **changes: Any) -> dict[str, Any]:
    return {"secret": "bot", "channel": "C024BE91L", "api_url": slack.url, **changes}


def issues(github: GitHub, **changes: Any) -> dict[str, Any]:
    return {"secret": "token", "repository": "acme/news", "api_url": github.url, **changes}


def test_a_webhook_takes_the_message_and_nobody_is_called(settings: Settings, slack: Slack) -> None:
    SENDERS[Channel.SLACK_WEBHOOK](outgoing(settings, address={"secret": "webhook"}))
    text = slack.posted[-1]["text"]
    assert text.startswith("*Newly broken: acme/worker-a*\n")
    assert "<!channel>" not in text
    assert "&lt;!channel&gt;" in text
    assert "<https://janitor.example/plugin/janitor?v=today|page>" in text


def test_a_bot_answers_in_the_thread(settings: Settings, slack: Slack) -> None:
    ts = SENDERS[Channel.SLACK_BOT](outgoing(settings, address=bot(slack)))
    SENDERS[Channel.SLACK_BOT](
        outgoing(settings, address=bot(slack), kind=DeliveryKind.CLOSE, key="x/1/2", thread_ref=ts)
    )
    assert slack.posted[-1]["thread_ts"] == ts
    assert slack.posted[-1]["reply_broadcast"] is True


def test_slack_says_no_with_200(settings: Settings, slack: Slack) -> None:
    with pytest.raises(SendError, match="channel_not_found"):
        SENDERS[Channel.SLACK_BOT](outgoing(settings, address=bot(slack, channel="C0000000000")))


def test_nothing_that_failed_tells_a_secret(settings: Settings, slack: Slack) -> None:
    slack.faults = [(429, {"Retry-After": "30"}), (500, {}), (404, {}), (302, {"Location": "http://127.0.0.1:9/"})]
    said = []
    for _ in range(4):
        with pytest.raises(SendError) as info:
            SENDERS[Channel.SLACK_WEBHOOK](outgoing(settings, address={"secret": "webhook"}))
        said.append((str(info.value), info.value.retry_after))
    assert [retry for _, retry in said] == [timedelta(seconds=30), None, None, None]
    for name in ("wrong", "missing"):
        with pytest.raises(SendError) as info:
            SENDERS[Channel.SLACK_WEBHOOK](outgoing(settings, address={"secret": name}))
        said.append((str(info.value), None))
    assert not slack.faults
    assert all("secret-in" not in words and "nonsense" not in words for words, _ in said), said


def test_nobody_at_the_other_end(settings: Settings, github: GitHub) -> None:
    with pytest.raises(SendError, match=r"GitHub can't be reached \(ConnectError\)"):
        SENDERS[Channel.GITHUB_ISSUES](outgoing(settings, address=issues(github, api_url="http://127.0.0.1:9")))


def test_an_issue_is_opened_commented_closed_and_opened_again(settings: Settings, github: GitHub) -> None:
    send = SENDERS[Channel.GITHUB_ISSUES]
    number = send(outgoing(settings, address=issues(github)))
    assert number is not None
    issue = github.issues[int(number)]
    assert issue["title"] == "Newly broken: acme/worker-a"
    assert issue["labels"] == ["janitor"]
    # All of what a repository wrote is code: no mention, no heading, no tag, no line of its own.
    (cause,) = [line for line in issue["body"].splitlines() if "cause" in line]
    assert cause == "- **cause**: `` <!channel> @everyone Bcc: all@acme.example # big `x` </pre><script> ``"
    update = outgoing(settings, address=issues(github), kind=DeliveryKind.UPDATE, key="x/1/2", thread_ref=number)
    send(update)
    send(update)
    send(outgoing(settings, address=issues(github), kind=DeliveryKind.CLOSE, key="x/1/3", thread_ref=number))
    assert (issue["state"], len(github.comments[int(number)])) == ("closed", 2)
    # The same thing is broken again, as other news.
    assert send(outgoing(settings, address=issues(github), key="x/7/9")) == number
    assert (issue["state"], len(github.comments[int(number)])) == ("open", 3)


def test_an_issue_that_was_made_before_the_answer_was_lost_is_found(settings: Settings, github: GitHub) -> None:
    send, mine = SENDERS[Channel.GITHUB_ISSUES], {"key": "x/2/1", "news_key": "x/newly_broken/other"}
    before = len(github.issues)
    plain_answer = github.answer

    def losing(method: str, path: str, query: dict[str, str], body: Any) -> tuple[int, Any]:
        answered = plain_answer(method, path, query, body)
        return (502, None) if method == "POST" else answered

    github.answer = losing  # type: ignore[method-assign]
    with pytest.raises(SendError, match="502"):
        send(outgoing(settings, address=issues(github), **mine))
    github.answer = plain_answer  # type: ignore[method-assign]
    assert len(github.issues) == before + 1
    assert send(outgoing(settings, address=issues(github), **mine)) == str(before + 1)
    assert len(github.issues) == before + 1
    assert github.comments[before + 1] == []


def test_a_token_without_rights_is_said_so(settings: Settings, github: GitHub) -> None:
    with pytest.raises(SendError, match="write access to the issues"):
        SENDERS[Channel.GITHUB_ISSUES](outgoing(settings, address=issues(github, secret="wrong")))


def test_a_mail_has_one_line_for_each_header(settings: Settings) -> None:
    with serving_mail() as server:
        address = {
            "to": ["a@acme.example", "b@acme.example"],
            "from": "janitor@acme.example",
            "server": f"127.0.0.1:{server.port}",
            "secret": None,
        }
        hostile = replace(MESSAGE, headline=("Newly broken: ", Quoted("x\r\nBcc: all@acme.example\r\n\r\nhello")))
        first = SENDERS[Channel.EMAIL](outgoing(settings, address=address, message=hostile))
        again = SENDERS[Channel.EMAIL](outgoing(settings, address=address, message=hostile))
        SENDERS[Channel.EMAIL](outgoing(settings, address=address, key="x/1/2", thread_ref=first))
        mail = server.mails[0]
        assert mail["Subject"] == "[janitor x] Newly broken: x Bcc: all@acme.example hello"
        assert mail["Bcc"] is None
        assert mail["To"] == "a@acme.example, b@acme.example"
        assert first == again == mail["Message-ID"]
        assert len({first, *(one["Message-ID"] for one in server.mails)}) == 2, "one for each delivery"
        dates = [parsedate_to_datetime(one["Date"]) for one in server.mails]
        assert all(timedelta() <= datetime.now(timezone.utc) - each < timedelta(minutes=5) for each in dates)
        assert server.mails[2]["In-Reply-To"] == first
        server.refusal = b"550 secret-in-an-answer\r\n"
        with pytest.raises(SendError, match="answered 550") as info:
            SENDERS[Channel.EMAIL](outgoing(settings, address=address))
    assert "secret-in" not in str(info.value)
    with pytest.raises(SendError, match="can't be used"):
        SENDERS[Channel.EMAIL](outgoing(settings, address=address))


MAIL_ADDRESS = {"to": ["a@acme.example", "b@acme.example"], "from": "janitor@acme.example", "secret": None}


@pytest.mark.parametrize("goodbye", [b"421 closing\r\n", b"", None])
def test_a_mail_that_was_taken_is_delivered_however_the_server_says_goodbye(
    settings: Settings, goodbye: bytes | None
) -> None:
    with serving_mail() as server:
        server.goodbye = goodbye
        address = {**MAIL_ADDRESS, "server": f"127.0.0.1:{server.port}"}
        assert SENDERS[Channel.EMAIL](outgoing(settings, address=address)) == server.mails[0]["Message-ID"]
    assert len(server.mails) == 1


def test_a_topic_passes_the_message_on(settings: Settings, cloud: LocalCloudServer) -> None:
    sns, sqs = cloud.client("sns"), cloud.client("sqs")
    topic = sns.create_topic(Name="janitor-news-x")["TopicArn"]
    queue = sqs.create_queue(QueueName="told")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn, Attributes={"RawMessageDelivery": "true"})
    assert SENDERS[Channel.SNS](outgoing(settings, address={"topic_arn": topic}))
    (taken,) = sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=5)["Messages"]
    assert taken["Body"].startswith("Newly broken: acme/worker-a\ncause: <!channel> @everyone Bcc:")
    with pytest.raises(SendError, match="SNS"):
        SENDERS[Channel.SNS](outgoing(settings, address={"topic_arn": f"{topic}-not-there"}))


def test_the_local_stack_keeps_its_messages_in_a_file(settings: Settings) -> None:
    SENDERS[Channel.FILE](outgoing(settings))
    SENDERS[Channel.FILE](outgoing(settings, key="x/1/2"))
    file = settings.state_dir / "messages.txt"
    assert file.read_text().count("Newly broken: acme/worker-a\ncause: <!channel> @everyone Bcc:") == 2
    assert file.stat().st_mode & 0o777 == 0o600
