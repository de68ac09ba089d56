"""What of a process's output is streamed: no secret, however it is cut into pieces and lines."""

from __future__ import annotations

import io

import pytest

from janitor.guest.journal import Journal
from janitor.guest.redaction import MASK, Redactor

SECRET = "kJ7xQvR2mN9pLwTz-second-half-of-it-Zq81"
KEY = "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1r\nQyNTUxOQAA\n-----END OPENSSH PRIVATE KEY-----"


def streamed(*pieces: str) -> str:
    out = io.StringIO()
    sink = Journal(Redactor([SECRET]), out).streamer()
    for piece in pieces:
        sink(piece.encode())
    return out.getvalue()


@pytest.mark.parametrize("size", [1, 7, 1_000])
def test_a_private_key_shows_none_of_its_lines(size: int) -> None:
    text = f"before\n{KEY} after\nthe end\n"
    said = streamed(*(text[at : at + size] for at in range(0, len(text), size)))
    assert "b3BlbnNz" not in said
    assert "QyNTUxOQ" not in said
    assert all(word in said for word in ("before", MASK, "after", "the end"))


def test_what_only_begins_like_a_key_does_not_hide_the_rest_for_ever() -> None:
    out = io.StringIO()
    sink = Journal(Redactor(), out).streamer(most_lines=1_000)
    sink(b"-----BEGIN PRIVATE KEY-----\n" + b"x\n" * 500 + b"it goes on\n")
    assert "it goes on" in out.getvalue()


@pytest.mark.parametrize("padding", [0, 1_150, 1_180, 20_000])
def test_a_known_secret_in_pieces_of_a_long_line_shows_no_half(padding: int) -> None:
    for cut in range(1, len(SECRET)):
        said = streamed(f'{{"e":"{SECRET[:cut]}', f'{SECRET[cut:]}","pad":"{"p" * padding}', '"}\n')
        assert SECRET[:8] not in said
        assert SECRET[-8:] not in said


def test_a_long_line_of_controls_shows_nothing_of_what_was_cut() -> None:
    line = "\x1b[1A" * 4_000 + SECRET
    for start in range(16_000, 16_400, 20):
        said = streamed(("\x1b[1A" * 5_000)[: start - len(SECRET)] + SECRET + "\n")
        assert SECRET[:8] not in said
    assert SECRET[:8] not in streamed(line + "\n")


def test_the_beginning_of_a_long_line_is_shown() -> None:
    assert "| the beginning" in streamed("the beginning " + "x" * 100_000, "\n")
