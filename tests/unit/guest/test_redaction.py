"""What must not leave the instance, and what must stay legible."""

from __future__ import annotations

import json
import time
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from janitor.validator.redaction import MASK, Redactor, looks_secret, plain

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


@pytest.mark.parametrize(
    "text",
    [
        "INFO   | Job local_test completed successfully.",
        '"max_tokens": 512, "prompt_tokens": 12, "use_token": true, "token": null',
        "the tokenizer was loaded in 3.2 s; https://example.com/a?b=c#d",
        "error: No solution found when resolving dependencies",
        "mail someone@example.com",
        "FROM python:3.11-slim@sha256:" + "a" * 64,
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
    started = time.perf_counter()
    REDACTOR.clean(text)
    assert time.perf_counter() - started < 2


def test_names_of_secrets_are_known():
    assert all(
        looks_secret(name) for name in ("HF_TOKEN", "AWS_SECRET_ACCESS_KEY", "api_key", "DB_PASSWORD", "ADMIN_TOKEN")
    )
    assert not any(looks_secret(name) for name in ("MODEL_NAME", "PORT", "TOKENIZERS_PARALLELISM"))
    assert not any(looks_secret(name) for name in ("MAX_TOKENS", "MAX_NUM_BATCHED_TOKENS", "HF_MAX_TOTAL_TOKENS"))
