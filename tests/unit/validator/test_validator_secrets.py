"""Secrets on the instance: read by its role, signed as AWS wants it, and told by name where they can't be had."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as BotoCredentials

from janitor.guest.redaction import Redactor
from janitor.protocol.order.spec import ValidationSpec
from janitor.protocol.text.signature import FailureSignature, failure_signature
from janitor.validator.secrets.delivered import DeliveredSecrets
from janitor.validator.secrets.delivery import deliver_secrets
from janitor.validator.secrets.instance_role import Credentials, signed_headers
from janitor.validator.settings import METADATA_URL, Settings

VALUE = "hf_abcdefghijklmnop"
AT = datetime(2026, 3, 1, 12, tzinfo=timezone.utc)


def test_a_request_is_signed_as_botocore_signs_it(monkeypatch):
    import botocore.auth

    monkeypatch.setattr(botocore.auth, "get_current_datetime", lambda: AT.replace(tzinfo=None))
    credentials = Credentials(access_key_id="ASIAX", secret_access_key="secret/+", session_token="token==")
    host, target, body = (
        "secretsmanager.eu-west-1.amazonaws.com",
        "secretsmanager.GetSecretValue",
        b'{"SecretId": "a/b"}',
    )
    ours = signed_headers(
        credentials, service="secretsmanager", region="eu-west-1", host=host, target=target, body=body, now=AT
    )
    request = AWSRequest(
        "POST",
        f"https://{host}/",
        headers={"Content-Type": ours["content-type"], "X-Amz-Target": target},
        data=body,
    )
    SigV4Auth(BotoCredentials("ASIAX", "secret/+", "token=="), "secretsmanager", "eu-west-1").add_auth(request)
    assert request.headers["X-Amz-Date"] == ours["x-amz-date"]
    assert request.headers["Authorization"] == ours["authorization"]
    assert "secret/+" not in repr(credentials) + json.dumps(ours)


@contextmanager
def aws(*answers: tuple[int, Any], roles: tuple[int, str] = (200, "role")) -> Iterator[tuple[Settings, list[str]]]:
    """A metadata service and a Secrets Manager that answers with these, one after the other, the last for ever."""
    left, seen = list(answers), []

    class Handler(BaseHTTPRequestHandler):
        def do_PUT(self) -> None:
            self.answer(200 if self.headers["X-aws-ec2-metadata-token-ttl-seconds"] else 400, "session")

        def do_GET(self) -> None:
            if self.headers["X-aws-ec2-metadata-token"] != "session":
                self.answer(401, "")
            elif self.path.endswith("/role"):
                held = {"AccessKeyId": "ASIAX", "SecretAccessKey": "key-of-the-role", "Token": "token-of-the-role"}
                self.answer(200, held)
            else:
                self.answer(*roles)

        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            seen.append(asked["SecretId"])
            assert self.headers["X-Amz-Target"] == "secretsmanager.GetSecretValue"
            self.answer(*(left.pop(0) if len(left) > 1 else left[0]))

        def answer(self, status: int, content: Any) -> None:
            body = (content if isinstance(content, str) else json.dumps(content)).encode()
            self.send_response(status)
            if status == 302:
                self.send_header("Location", "/elsewhere")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    url = f"http://127.0.0.1:{server.server_port}"
    variables = {"AWS_EC2_METADATA_SERVICE_ENDPOINT": url, "AWS_ENDPOINT_URL_SECRETS_MANAGER": url}
    try:
        yield Settings.from_environment({"HOME": "/", **variables}), seen
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def spec(secrets: dict[str, str]) -> ValidationSpec:
    return ValidationSpec.from_dict(
        {
            "format": "janitor-spec/1",
            "validation_id": "11111111-1111-4111-8111-111111111111",
            "run_id": "22222222-2222-4222-8222-222222222222",
            "repository": {
                **{"name": "w", "organization": "o", "url": "https://example.org/w", "ref": None},
                **{"dockerfile": None, "build_args": {}, "env": {}, "secrets": secrets},
            },
            "prompt": "look",
            "gpu_required": False,
            "engine": "docker",
            "deadline": "2026-01-01T00:30:00+00:00",
            "grace_seconds": 120,
            "report_url": None,
            "report_path": None,
            "secret_store": {"prefix": "janitor/prod/", "region": "eu-west-1"},
        }
    )


def delivered(settings: Settings, *, within: float = 5, **secrets: str) -> DeliveredSecrets:
    within_limit = timedelta(seconds=within)
    return deliver_secrets(spec(secrets), settings, within=within_limit, pause=timedelta(milliseconds=20))


def test_names_are_looked_up_under_the_prefix_and_values_go_to_their_variables():
    with aws((200, {"SecretString": VALUE + "\n"})) as (settings, seen):
        found = delivered(settings, HF_TOKEN="models/hf", OTHER="other")
    assert (found.values, found.problem) == ({"HF_TOKEN": VALUE, "OTHER": VALUE}, None)
    assert seen == ["janitor/prod/models/hf", "janitor/prod/other"]
    assert VALUE not in repr(found)


def test_where_there_are_no_secrets_nothing_is_asked():
    assert delivered(Settings.from_environment({"HOME": "/"})) == DeliveredSecrets()


def test_aws_in_trouble_is_asked_again():
    throttled = (400, {"__type": "com.amazonaws#ThrottlingException", "Message": "slow down"})
    with aws((500, "oops"), throttled, (200, {"SecretString": VALUE})) as (settings, seen):
        assert delivered(settings, HF_TOKEN="hf").values == {"HF_TOKEN": VALUE}
    assert len(seen) == 3


NOT_THERE = {"__type": "ResourceNotFoundException", "message": "Secrets Manager can't find the specified secret."}
DENIED = {"__type": "AccessDeniedException", "Message": "User: x is not authorized"}


@pytest.mark.parametrize(
    ("answer", "said", "todo"),
    [
        ((400, NOT_THERE), "isn't in AWS Secrets Manager in eu-west-1 (ResourceNotFoundException", "create it there"),
        ((400, DENIED), "may not be read by this instance's role", "infra/policies/instance.json"),
        ((500, "oops"), "could not be read from AWS Secrets Manager in eu-west-1 (HTTP 500)", "again later"),
        ((302, ""), "could not be read", "HTTP 302"),
        ((200, "[]"), "could not be read", "again later"),
        ((200, {"SecretBinary": "AAAA"}), "is binary", "store it as text"),
        ((200, {"SecretString": "abc"}), "has fewer than 6 characters", "masked"),
        ((200, {"SecretString": "abc"}), "has fewer than 6 characters", "use a value of at least 6 characters"),
        ((200, {"SecretString": "abcdef\x00"}), "is no text", "without NUL"),
    ],
)
def test_a_secret_that_cannot_be_had_is_told_by_its_name_its_place_and_what_to_do(answer, said, todo):
    with aws(answer) as (settings, _):
        found = delivered(settings, HF_TOKEN="models/hf", within=0.1)
    assert found.values == {}
    assert found.problem is not None
    assert found.problem.startswith("the secret janitor/prod/models/hf (for HF_TOKEN) ")
    assert Redactor().clean(found.problem) == found.problem, "it would not be readable where it is shown"
    assert said in found.problem
    assert todo in found.problem
    assert "key-of-the-role" not in found.problem


BAD_FILE = f"run: chmod 600 {'/a-long-folder' * 40}/secrets.env; others may read or write it (mode 0644)"
NO_LINE = f"add a line for models/hf (NAME=VALUE) to {'/a-long-folder' * 40}: can't find the specified secret"
DELETED = "You can't perform this operation on the secret because it was marked for deletion."


@pytest.mark.parametrize(
    ("code", "message", "first"),
    [
        ("InvalidRequestException", BAD_FILE, "run: chmod 600 /a-long-folder"),
        ("InvalidRequestException", DELETED, "marked for deletion.; put this right, then run"),
        ("ResourceNotFoundException", NO_LINE, "add a line for models/hf (NAME=VALUE) to"),
        ("ResourceNotFoundException", NO_LINE, "create it there, or correct its name"),
        ("AccessDeniedException", "x" * 400, "let the role read it, as infra/policies/instance.json does"),
        ("DecryptionFailure", "x" * 400, "run the validation again later"),
    ],
)
def test_the_next_step_is_seen_where_a_summary_is_cut(code, message, first):
    with aws((400, {"__type": code, "message": message})) as (settings, _):
        problem = delivered(settings, HF_TOKEN="models/hf").problem
    assert problem is not None
    assert first in f"runpod-workers/worker-basic could not be validated: host: {problem}"[:300]
    assert ("infra/policies" in problem) == (code == "AccessDeniedException")
    assert Redactor().clean(problem) == problem


def test_one_cause_is_one_signature_whatever_the_secrets_are_called_and_however_many():
    def signature(code: int, answer: dict[str, str], *, known: int = 0, **secrets: str) -> FailureSignature:
        answers = [(200, {"SecretString": VALUE})] * known
        with aws(*answers, (code, answer)) as (settings, _):
            problem = delivered(settings, **secrets).problem
        assert problem is not None
        return failure_signature(check="host", reason_code="secret_unresolved", reason=problem[:2_000])

    many = {f"V{number}": f"models/secret-{number}" for number in range(40)}
    found = {signature(400, NOT_THERE, HF_TOKEN="models/hf"), signature(400, NOT_THERE, OTHER="o", NAME="n/m", X="x")}
    found.add(signature(400, NOT_THERE, known=1, A="a", B="b"))
    found.add(signature(400, NOT_THERE | {"message": "add a line for o (NAME=VALUE) to /x"}, OTHER="o"))
    found.add(signature(400, NOT_THERE, **many))
    assert len(found) == 1
    (one,) = found
    assert one.line == "isn't in AWS Secrets Manager in <id>: ResourceNotFoundException"
    others = [
        signature(400, DENIED, HF_TOKEN="hf"),
        signature(400, {"__type": "InvalidRequestException", "message": BAD_FILE}, HF_TOKEN="hf"),
        signature(400, {"__type": "DecryptionFailure", "message": "KMS"}, HF_TOKEN="hf"),
        signature(200, {"SecretBinary": "AAAA"}, HF_TOKEN="hf"),
        signature(200, {"SecretString": "abc"}, HF_TOKEN="hf"),
    ]
    assert len({one.id, *(each.id for each in others)}) == 6


def test_an_instance_without_a_role_is_one_signature():
    found = set()
    for secrets in ({"HF_TOKEN": "hf"}, {"A": "a", "B": "b"}):
        with aws(roles=(404, "")) as (settings, _):
            problem = delivered(settings, **secrets).problem
        assert problem is not None
        found.add(failure_signature(check="host", reason_code="secret_unresolved", reason=problem).line)
    assert found == {"can't be asked for by this instance: the instance metadata service answered with HTTP 404"}


def test_every_secret_that_is_missing_is_told_and_none_is_given():
    with aws((200, {"SecretString": VALUE}), (400, NOT_THERE)) as (settings, _):
        found = delivered(settings, A="a", B="b", C="c")
    assert found.values == {}
    assert found.problem is not None
    assert [name in found.problem for name in ("prod/a", "prod/b", "prod/c")] == [False, True, True]
    assert VALUE not in found.problem


def test_an_instance_without_a_role_is_told():
    with aws(roles=(404, "")) as (settings, _):
        found = delivered(settings, HF_TOKEN="hf")
    assert found.problem is not None
    assert "HF_TOKEN can't be asked for" in found.problem
    assert "HTTP 404" in found.problem
    assert "instance profile" in found.problem


def test_no_secret_is_asked_for_over_a_plain_connection():
    settings = Settings.from_environment({"HOME": "/", "AWS_ENDPOINT_URL_SECRETS_MANAGER": "http://example.org"})
    found = delivered(settings, HF_TOKEN="hf")
    assert found.problem is not None
    assert "it must be https" in found.problem


def test_a_machine_that_is_told_nothing_asks_aws_itself():
    settings = Settings.from_environment({"HOME": "/"})
    assert (settings.metadata_url, settings.secrets_url) == (METADATA_URL, None)
