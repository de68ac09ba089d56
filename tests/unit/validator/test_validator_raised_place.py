"""Where an exception was raised: in the repository's own line, or nowhere that is told."""

from __future__ import annotations

import json

import pytest

from janitor.diagnosis.handler.raised_place import raised_place

FILES = frozenset({"handler.py", "src/model.py", "src/json/decoder.py"})
PLAIN = """\
something before
Traceback (most recent call last):
  File "/usr/lib/python3.11/site-packages/runpod/serverless/modules/rp_job.py", line 164, in run_job
    handler_return = handler(job)
  File "/tmp/box/image/app/handler.py", line 12, in handler
    return model.run(job["input"])
           ^^^^^^^^^^^^^^^^^^^^^^^
  File "/tmp/box/image/app/src/model.py", line 7, in run
    return SIZES[size]
  File "/usr/lib/python3.11/json/decoder.py", line 337, in decode
    obj, end = self.raw_decode(s)
KeyError: 'large'
"""
CAUGHT = """\
Traceback (most recent call last):
  File "/app/handler.py", line 3, in <module>
    import flash_attn
ModuleNotFoundError: No module named 'flash_attn'
"""
SYNTAX = """\
Traceback (most recent call last):
  File "/app/handler.py", line 2, in <module>
    import src.model
  File "/app/src/model.py", line 9
    def run(:
            ^
SyntaxError: invalid syntax
"""


def quoted(text: str) -> str:
    """As the SDK logs it."""
    return json.dumps({"error_type": "<class 'KeyError'>", "error_message": "'large'", "error_traceback": text})


@pytest.mark.parametrize(
    ("log", "reason", "place"),
    [
        (PLAIN, "the handler raised KeyError: 'large'", ("src/model.py", 7)),
        (quoted(PLAIN), "the handler raised KeyError: 'large'", ("src/model.py", 7)),
        # What was caught on the way is not the cause.
        (CAUGHT + PLAIN, "the handler raised KeyError: 'large'", ("src/model.py", 7)),
        (PLAIN + CAUGHT, "the handler raised KeyError: 'large'", ("src/model.py", 7)),
        (CAUGHT, "the program ended with 1: ModuleNotFoundError: No module named 'flash_attn'", ("handler.py", 3)),
        (SYNTAX, "the program ended with exit code 1: SyntaxError: invalid syntax", ("src/model.py", 9)),
        (
            PLAIN.replace("KeyError: 'large'", "app.errors.Gone: x"),
            "the handler raised Gone: x",
            ("src/model.py", 7),
        ),
    ],
)
def test_the_repository_s_own_line_is_told(log: str, reason: str, place: tuple[str, int]) -> None:
    assert raised_place(log, reason, FILES) == place


@pytest.mark.parametrize(
    ("log", "reason"),
    [
        ("", "the handler raised KeyError: 'large'"),
        (PLAIN, "the result holds an error"),  # another reason
        (PLAIN, "the handler raised MyKeyError"),
        (PLAIN, "the handler raised KeyErrors"),
        (PLAIN.replace("/app/handler.py", "/app/other.py").replace("src/model.py", "gone.py"), "raised KeyError"),
        ('Traceback (most recent call last):\n  File "/app/handler.py", line 3, in f', "raised KeyError"),  # cut
        ('  File "/app/handler.py", line 3, in f\nKeyError: 1', "raised KeyError"),  # no traceback
    ],
)
def test_what_the_log_does_not_tell_is_left_open(log: str, reason: str) -> None:
    assert raised_place(log, reason, FILES) is None


def test_a_library_s_file_of_the_same_name_is_not_the_repository_s() -> None:
    log = PLAIN.replace("/tmp/box/image/app/handler.py", "/x/a.py").replace(
        "/tmp/box/image/app/src/model.py", "/x/b.py"
    )
    assert raised_place(log, "raised KeyError", {"decoder.py", "rp_job.py"}) is None
