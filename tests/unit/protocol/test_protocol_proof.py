"""The proof of a report: it is there for who has the key, and no byte may change."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from janitor.protocol.public_url import public_url
from janitor.protocol.report import Report
from janitor.protocol.terms.proof import KEY_BYTES, is_proven, new_key, sealed

GOLDEN = Path(__file__).parent / "report_v2.golden.json"
SEALED = Path(__file__).parent / "report_v2_sealed.golden.json"
V1 = Path(__file__).parent / "report_v1.golden.json"
V1_SEALED = Path(__file__).parent / "report_v1_sealed.golden.json"
KEY = bytes(range(KEY_BYTES))


def test_the_golden_report_is_sealed_to_the_golden_bytes() -> None:
    content = sealed(GOLDEN.read_bytes(), KEY)
    assert content == SEALED.read_bytes()
    report = Report.from_json(content)
    assert report.to_json() == content
    assert report.proof == json.loads(content)["proof"]


def test_the_golden_report_of_version_1_is_proven_as_it_came() -> None:
    content = V1_SEALED.read_bytes()
    assert content == sealed(V1.read_bytes(), KEY)
    assert is_proven(content, KEY)
    assert Report.from_json(content).proof == json.loads(content)["proof"]


def test_the_proof_holds_for_its_key_alone() -> None:
    content = sealed(GOLDEN.read_bytes(), KEY)
    assert is_proven(content, KEY)
    assert not is_proven(content, new_key())
    assert not is_proven(GOLDEN.read_bytes(), KEY)


@pytest.mark.parametrize("change", range(0, 6_000, 37))
def test_a_changed_byte_is_seen(change: int) -> None:
    content = bytearray(sealed(GOLDEN.read_bytes(), KEY))
    place = change % len(content)
    content[place] ^= 1
    assert not is_proven(bytes(content), KEY)


@pytest.mark.parametrize(
    "forge",
    [
        lambda content: content + b" ",
        lambda content: content.replace(b'"proof"', b'"proof "'),
        lambda content: content.replace(b'"status": "failed"', b'"status": "success"'),
        # A second proof after the first: what is proven ends before the last one.
        lambda content: content.removesuffix(b"\n}\n") + b',\n "proof": "' + b"0" * 64 + b'"\n}\n',
        lambda _content: b"",
    ],
)
def test_a_forged_document_is_not_proven(forge) -> None:
    assert not is_proven(forge(sealed(GOLDEN.read_bytes(), KEY)), KEY)


def test_a_proof_is_given_once_and_to_reports_alone() -> None:
    for content in (sealed(GOLDEN.read_bytes(), KEY), b"{}", b""):
        with pytest.raises(ValueError, match="can be sealed"):
            sealed(content, KEY)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://user:pass@example.org/a", "https://example.org/a"),
        ("https://token@example.org/a@b", "https://example.org/a@b"),
        ("https://example.org/a@b", "https://example.org/a@b"),
        ("git@example.org:a/b", "git@example.org:a/b"),
        ("file:///a@b", "file:///a@b"),
    ],
)
def test_a_reports_url_names_nobody(url: str, shown: str) -> None:
    assert public_url(url) == shown
