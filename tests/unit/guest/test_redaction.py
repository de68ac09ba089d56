"""What must not leave the instance, and what must stay legible."""

from __future__ import annotations

import base64
import html
import json
import shlex
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from janitor.guest.redaction import MASK, Redactor, looks_secret, secrets_of
from janitor.guest.token_shapes import SHAPES
from janitor.protocol.text.plain_text import plain
from tests.support.cpu_time import cpu_time_below

REDACTOR = Redactor(["s3cret-literal-value"])

SECRETS = [
    ("AKIAIOSFODNN7EXAMPLE in a line", "AKIAIOSFODNN7EXAMPLE"),
    ("HF_TOKEN=hf_abcdefghijklmnopqrstuvwx", "hf_abcdefghijklmnopqrstuvwx"),
    ("using hf_abcdefghijklmnopqrstuvwx", "hf_abcdefghijklmnopqrstuvwx"),
    ("key sk-proj-abcdefghijklmnop1234", "sk-proj-abcdefghijklmnop1234"),
    ("ghp_abcdefghijklmnopqrstuvwxyz0123456789", "ghp_abcdefghijklmnop"),
    ("github_pat_11ABCDEFG0abcdefghijkl_mnop", "11ABCDEFG0abcdefghijkl"),
    ("Authorization: Bearer abcdef0123456789", "abcdef0123456789"),
    ("https://user:hunter2@example.com/x.git", "hunter2"),
    ("https://x-access-token@example.com/x.git", "x-access-token"),
    ("https://b.s3.amazonaws.com/k?X-Amz-Credential=AB%2FC&X-Amz-Signature=deadbeef", "deadbeef"),
    ("https://b.s3.amazonaws.com/k?X-Amz-Security-Token=IQoJb3JpZ2lu&x=1", "IQoJb3JpZ2lu"),
    ("https://x.blob.core.windows.net/k?sv=1&sig=abc%2Bdef", "abc%2Bdef"),
    ('{"password": "correct horse battery"}', "correct horse battery"),
    ("password='with \\' quote'", "quote"),
    ("AWS_SECRET_ACCESS_KEY=wJalrXUtnFEMI/K7MDENG", "wJalrXUtnFEMI"),
    ("RUNPOD_API_KEY: abcdefg", "abcdefg"),
    ("tool --api-key abcdefg --fast", "abcdefg"),
    ("tool --token=abcdefg", "abcdefg"),
    ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.abc-def", "eyJzdWIiOiIxMjM0In0"),
    ("xoxb-1234567890-abcdef", "xoxb-1234567890"),
    ("-----BEGIN RSA PRIVATE KEY-----\nMIIE\nabc\n-----END RSA PRIVATE KEY-----", "MIIE"),
    ("-----BEGIN PRIVATE KEY-----\nMIIE cut", "MIIE"),
    ("it is s3cret-literal-value here", "s3cret-literal-value"),
]


@pytest.mark.parametrize(("text", "secret"), SECRETS, ids=[secret[:24] for _, secret in SECRETS])
def test_secret_is_taken_out(text, secret):
    cleaned = REDACTOR.clean(text)
    assert secret not in cleaned
    assert MASK in cleaned


@pytest.mark.parametrize("shape", SHAPES, ids=[shape.name for shape in SHAPES])
def test_each_shape_masks_its_example_and_leaves_the_other(shape):
    text, secret = shape.masks
    assert secret in text
    cleaned = Redactor().clean(text)
    assert secret not in cleaned
    assert MASK in cleaned
    assert Redactor().clean(shape.leaves) == shape.leaves


@pytest.mark.parametrize("shape", SHAPES, ids=[shape.name for shape in SHAPES])
def test_each_shape_is_needed(shape, monkeypatch):
    """Without the row something of its example is left, so none is there for nothing."""
    import janitor.guest.redaction as redaction

    kept = [rule for rule, each in zip(redaction._SHAPES, SHAPES, strict=True) if each is not shape]
    monkeypatch.setattr(redaction, "_SHAPES", tuple(kept))
    assert shape.masks[1] in Redactor().clean(shape.masks[0])


MORE_SECRETS = [
    ("amqps://u:p%40ss@h/", "p%40ss"),
    ("mysql://root:a/b@c@db:3306/x", "a/b@c"),
    ("https://oauth2:tok3n/with/slash@git.example.com/a.git", "with/slash"),
    ("aws_secret_access_key = wJalrXUtnFEMI/K7MDENG", "wJalrXUtnFEMI"),
    ('{"SessionToken":"IQoJb3JpZ2luX2VjEJr', "IQoJb3JpZ2luX2VjEJr"),
    ('"SecretAccessKey": "abc/def+ghi", "SessionToken": "IQoJb3JpZ2lu"', "IQoJb3JpZ2lu"),
    ("AccountName=a;AccountKey=abcDEF123==;EndpointSuffix=x", "abcDEF123"),
    ("password=a,b", "a,b"),
    ("password=a;bcd", "bcd"),
    ("passphrase: open sesame", "open"),
    ('passphrase: "open sesame"', "open sesame"),
    ("SIGNING_KEY=abcdef", "abcdef"),
    ("ENCRYPTION_KEY=abcdef", "abcdef"),
    ("WANDB_KEY=0123abcd", "0123abcd"),
    ("S3_KEY=abc-def", "abc-def"),
    ("PGPASS=abcdef", "abcdef"),
    ("DB_PASS=abcdef", "abcdef"),
    ("MYSQL_PWD=abcdef", "abcdef"),
    ("GITHUB_PAT=abcdef", "abcdef"),
    ("Cookie: a=b; csrf=0123", "0123"),
    ('"Set-Cookie": "sid=0123abcd; Secure"', "0123abcd"),
    ("curl --user admin:hunter2 http://x", "hunter2"),
    ("curl -uadmin:hunter2 http://x", "hunter2"),
    ("https://discord.com/api/webhooks/123456/abc-DEF_ghi", "abc-DEF_ghi"),
    ('{"auth":"dXNlcjpwdw=="}', "dXNlcjpwdw"),
    ('{\\"auth\\":\\"dXNlcjpwdw==\\"}', "dXNlcjpwdw"),
    ('{\\"password\\":\\"hunter2\\"}', "hunter2"),
    ("Authorization: 0123456789abcdef0123456789", "0123456789abcdef"),
    ("-H 'Authorization: Token 0123456789abcdef'", "0123456789abcdef"),
    ("ghp_abcdefgh\u200bijklmnopqrstuvwxyz012345", "ijklmnop"),
    ("hf_abcd\u2060efghijklmno\u00adpqrstuvwx", "pqrstuvwx"),
    ("npm_abc\x1b[0mdefghijklmnopqrstuvwxyz0123456789", "defghijk"),
    ("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY then AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI"),
]


@pytest.mark.parametrize(("text", "secret"), MORE_SECRETS, ids=[text[:30] for text, _ in MORE_SECRETS])
def test_secret_in_another_form_is_taken_out_too(text, secret):
    assert secret not in Redactor().clean(text)


@pytest.mark.parametrize(
    "text",
    [
        "INFO   | Job local_test completed successfully.",
        '"max_tokens": 512, "prompt_tokens": 12, "use_token": true, "token": null',
        "the tokenizer was loaded in 3.2 s; https://example.com/a?b=c#d",
        "error: No solution found when resolving dependencies",
        "mail someone@example.com",
        "FROM python:3.11-slim@sha256:" + "a" * 64,
        "at 0123456789abcdef0123456789abcdef01234567 of https://github.com/acme/worker.git",
        "git+https://github.com/acme/worker@v1.2.3 and https://registry.npmjs.org/@scope/pkg",
        "http://127.0.0.1:8080/v1/models/a@b",
        "PWD=/workspace OLDPWD=/root PATH=/usr/bin HOME=/root",
        "KeyError: 'PRIMARY_KEY'; PRIMARY_KEY=id CACHE_KEY=abc",
        "3 passed, 1 failed; pass: yes; bypass=1; author: someone; authority=x",
        "docker run --user 1000:1000 --gpus all image; https is fine - u:x",
        "TypeError: run() got an unexpected keyword argument 'use_auth'",
        "basic_auth is off, the keyboard interrupt: ok, monkey=1, keys: a, b",
    ],
)
def test_ordinary_text_stays(text):
    assert REDACTOR.clean(text) == text


def test_presigned_url_of_the_spec_is_gone_whatever_it_looks_like():
    url = "http://127.0.0.1:9000/bucket/report.json?opaque=1"
    assert url not in Redactor([url]).clean(f"PUT {url} failed")


def test_secret_is_known_however_it_is_written():
    secret = 'pä"ss\\word + x/y'
    key = "first line 1\nsecond line 2\n"
    redactor = Redactor([secret, key])
    for text in (
        secret,
        json.dumps({"value": secret}),
        json.dumps([secret], ensure_ascii=False),
        repr([secret]),
        f"https://example.org/?q={quote(secret, safe='')}&r={quote_plus(secret)}",
        f"https://example.org/{quote(secret)}",
        "  second line 2",
        repr(key),
        json.dumps(key),
    ):
        cleaned = redactor.clean(text)
        assert MASK in cleaned, text
        assert not any(part in cleaned for part in ("ss", "word", "line")), cleaned


def test_terminal_control_is_gone_and_line_ends_stay():
    assert plain("\x1b[31mred\x1b[0m\ttab\r\nnext\x07\x00 \x1b]0;title\x07end \u202eevil") == "red\ttab\nnext end evil"


@given(st.text())
def test_cleaned_text_can_always_be_stored(text):
    cleaned = REDACTOR.clean(text)
    cleaned.encode()
    assert "\x00" not in cleaned


@pytest.mark.parametrize(
    "text", ["a" * 200_000, "token" * 40_000, "x://" * 50_000, "eyJ-" * 50_000, "--password " * 20_000]
)
def test_no_text_takes_long(text):
    with cpu_time_below(2):
        REDACTOR.clean(text)


SECRET_VALUES = [
    ("SENTRY", "https://abcdef0123456789abcdef@o1.ingest.sentry.io/2"),
    ("GREETING", "s3cret-literal"),
    ("ANYTHING", "hunter2"),
    ("ANYTHING", "correct-horse-battery-staple"),
    ("ANYTHING", "correct horse"),
    ("SOME_ID", "550e8400-e29b-41d4-a716-446655440000"),
    ("HOOK", "https://hooks.example.com/T0AbCdEfGh1234567890"),
    ("WHERE", "https://example.com/?key=abc"),
    ("LONG_NUMBER", "1234567890123"),
    ("DB_PASSWORD", "production"),
    ("PIN_PASSPHRASE", "123456"),
    ("OPENAI_KEY", "abcdefgh"),
    ("SSH_KEY", "abcdefgh"),
    ("GITHUB_PAT", "abcdefgh"),
    ("DB_PASS", "abcdefgh"),
    ("DB_PWD", "abcdefgh"),
    ("SENTRY_DSN", "abcdefgh"),
    ("WEBHOOK_URL", "https://example.com/hook"),
    ("NPM_AUTH", "abcdefgh"),
    ("COOKIE", "abcdefgh"),
    ("DATABASE_URL", "sqlite:///tmp/abc"),
    ("MODEL", "/models/abcdef0123456789abcd"),
    ("PATH_OF", "/a/b c/d"),
]
PLAIN_VALUES = [
    ("FLAG", "true"),
    ("LEVEL", "1"),
    ("STAGE", "production"),
    ("STAGE", "Debug"),
    ("SHORT", "abc12"),
    ("PORT", "8000000"),
    ("CUDA_VERSION", "12.4.1"),
    ("TORCH", "2.4.0+cu124"),
    ("RELEASE", "v10.2.3-rc1"),
    ("MODEL_DIR", "/runpod-volume/models/base"),
    ("CONFIG", "./configs/worker.yaml"),
    ("MODEL_NAME", "meta-llama/Llama-3.1-8B-Instruct"),
    ("BASE_IMAGE", "nvidia/cuda:12.4.1-runtime-ubuntu22.04"),
    ("BASE", "python:3.11-slim"),
    ("HF_ENDPOINT", "https://huggingface.co/"),
    ("MAX_NUM_BATCHED_TOKENS", "1048576"),
]


@pytest.mark.parametrize(("name", "value"), SECRET_VALUES, ids=[f"{name}={value}" for name, value in SECRET_VALUES])
def test_value_of_a_variable_is_taken_out_whatever_its_name(name, value):
    text = f"line of a log: {value}; end"
    assert value not in Redactor(secrets_of({name: value})).clean(text)


@pytest.mark.parametrize(("name", "value"), PLAIN_VALUES, ids=[f"{name}={value}" for name, value in PLAIN_VALUES])
def test_value_that_tells_nothing_stays_legible(name, value):
    text = f"line of a log: {value}; end"
    assert Redactor(secrets_of({name: value})).clean(text) == text


def test_value_is_known_in_every_form_that_a_log_writes():
    value = "pä$s'w\"o/r d+%"
    redactor = Redactor(secrets_of({"ANYTHING": value}))
    for text in (
        value,
        shlex.quote(value),
        'echo "pä\\$s\'w\\"o/r d+%"',
        json.dumps({"a": value}),
        json.dumps(json.dumps({"a": value})),
        repr(value),
        quote(value),
        quote(value, safe=""),
        quote_plus(value),
        base64.b64encode(value.encode()).decode(),
        base64.urlsafe_b64encode(value.encode()).decode(),
        base64.b64encode(f"u:{value}".encode()).decode(),
        base64.b64encode(f"us:{value}@b".encode()).decode(),
        base64.urlsafe_b64encode(f"usr:{value}".encode()).decode(),
        value.encode().hex(),
        ascii(value)[1:-1],
        repr(value.encode())[2:-1],
        html.escape(value),
        quote(value, safe="").lower(),
        "p\u200bä$s'w\"o/r d+%",
    ):
        assert MASK in redactor.clean(text), text
        assert "o/r" not in redactor.clean(text), text


VALUE = "kJ7x/Qv<R2&m$N9p'L\"wT é\tz!"


@pytest.mark.parametrize(
    "text",
    [
        '{"a":"kJ7x/Qv\\u003cR2\\u0026m$N9p\'L\\"wT \u00e9\\tz!"}',  # Go
        '{"a":"kJ7x\\/Qv<R2&m$N9p\'L\\"wT \\u00e9\\tz!"}',  # PHP
        "kJ7x%2FQv%3CR2%26m%24N9p'L%22wT%20%C3%A9%09z!",  # encodeURIComponent
        "kJ7x/Qv%3CR2&m$N9p'L%22wT%20%C3%A9%09z!",  # encodeURI
        "kJ7x%252FQv%253CR2%2526m%2524N9p%2527L%2522wT%2520%25C3%25A9%2509z%2521",
        "$'kJ7x/Qv<R2&m$N9p\\'L\"wT \\303\\251\\tz!'",  # bash's declare -p
        "kJ7x/Qv&lt;R2&amp;m$N9p&#39;L&#34;wT é\tz!",  # Jinja, Go's templates
        "'kJ7x/Qv<R2&m$N9p''L\"wT é\tz!'",  # YAML, SQL
        "kJ7x/Qv<R2&m$$N9p'L\"wT é\tz!",  # compose
        json.dumps(json.dumps(json.dumps(VALUE))),
    ],
)
def test_value_is_known_as_other_languages_write_it(text):
    cleaned = Redactor(secrets_of({"ANYTHING": VALUE})).clean(text)
    assert MASK in cleaned
    assert "R2" not in cleaned


@pytest.mark.parametrize("width", [64, 76])
def test_long_value_is_known_in_wrapped_base64(width):
    value = json.dumps({"type": "service_account", "project": "acme", "private_key_id": "0123456789abcdef" * 4})
    whole = base64.b64encode(value.encode()).decode()
    cleaned = Redactor([value]).clean("\n".join(whole[at : at + width] for at in range(0, len(whole), width)))
    assert all(whole[at : at + 24] not in cleaned for at in range(0, len(whole) - 24))


@pytest.mark.parametrize(
    "line",
    [
        "it provides a basic structure for a worker",
        "RUNPOD_API_KEY: not set",
        "NoCredentialsError: Unable to locate credentials",
        "LocalTokenNotFoundError: Token is required",
        "SyntaxError: unexpected token: '}'",
        "credentials: not found",
        "bearer authentication required",
        'eos_token: "</s>"',
        "first_token: 120ms",
        "password: ${{ secrets.HUB_PASSWORD }}",
        "def login(token: str, retries: int)",
        "pip install sk-video-processing-tools",
        "git clone ssh://git@github.com/acme/worker.git",
        '"suppress_tokens": "-1"',
    ],
)
def test_ordinary_lines_stay_legible(line):
    assert Redactor().clean(line) == line


def test_user_and_password_of_an_address_are_known_apart():
    redactor = Redactor(secrets_of({"ANY": "postgres://worker-role:p%40ssw0rd@db.example.com:5432/x"}))
    for text in ("login as worker-role", "with p@ssw0rd failed", "with p%40ssw0rd failed"):
        assert MASK in redactor.clean(text)
    assert redactor.clean("db.example.com:5432 refused") == "db.example.com:5432 refused"


def test_nested_values_are_cleaned():
    cleaned = Redactor(["s3cret-literal-value"]).clean_all(
        {"s3cret-literal-value": ["a s3cret-literal-value", 3, None]}
    )
    assert cleaned == {MASK: [f"a {MASK}", 3, None]}


def test_names_of_secrets_are_known():
    assert all(
        looks_secret(name) for name in ("HF_TOKEN", "AWS_SECRET_ACCESS_KEY", "api_key", "DB_PASSWORD", "ADMIN_TOKEN")
    )
    assert not any(looks_secret(name) for name in ("MODEL_NAME", "PORT", "TOKENIZERS_PARALLELISM"))
    assert not any(looks_secret(name) for name in ("MAX_TOKENS", "MAX_NUM_BATCHED_TOKENS", "HF_MAX_TOTAL_TOKENS"))
