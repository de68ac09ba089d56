"""The bounded keeping of unbounded output."""

from __future__ import annotations

import hashlib
import tracemalloc

from hypothesis import given, settings
from hypothesis import strategies as st

from janitor.diagnosis.handler.log_judge import judge_local_run
from janitor.diagnosis.handler.verdict import Outcome
from janitor.guest.processes.capture import HEAD_BYTES, KEPT_BYTES, TAIL_BYTES, Capture

LIMIT = HEAD_BYTES + KEPT_BYTES + 2 * TAIL_BYTES


@given(st.lists(st.binary(max_size=2_000), max_size=20))
def test_small_output_is_kept_whole(pieces):
    capture = Capture()
    for piece in pieces:
        capture.add(piece)
    whole = b"".join(pieces)
    captured = capture.finish()
    assert captured.content == whole
    assert captured.sha256 == hashlib.sha256(whole).hexdigest()
    assert captured.size_bytes == len(whole)


@settings(max_examples=10, deadline=None)
@given(st.integers(min_value=1, max_value=200_000))
def test_large_output_keeps_its_beginning_and_its_end(piece_size):
    whole = b"".join(b"line %d\n" % number for number in range(400_000))
    capture = Capture()
    for start in range(0, len(whole), piece_size):
        capture.add(whole[start : start + piece_size])
    captured = capture.finish()
    assert captured.content.startswith(whole[:HEAD_BYTES])
    assert captured.content.endswith(whole[-TAIL_BYTES:])
    assert len(captured.content) < LIMIT
    assert captured.sha256 == hashlib.sha256(whole).hexdigest()
    assert "bytes left out" in captured.text


def test_hundred_megabytes_cost_little_memory_and_keep_what_matters():
    flood = b"x" * 99 + b"\n"
    begin = b"--- Starting Serverless Worker |  Version 1.12.0 ---\nINFO   | local_test | Started.\n"
    done = b"INFO   | Job local_test completed successfully.\nINFO   | Job result: {'output': {'ok': 1}}\n"
    tracemalloc.start()
    capture = Capture()
    capture.add(begin)
    for _ in range(800):
        capture.add(flood * 655)
    capture.add(done)
    for _ in range(800):
        capture.add(flood * 655)
    captured = capture.finish()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert captured.size_bytes > 100_000_000
    assert peak < 20 * 1024 * 1024
    # The SDK's lines lay in the middle, which was dropped but for them.
    assert judge_local_run(captured.text, 0).outcome is Outcome.PASS


def test_line_that_was_cut_in_two_is_found():
    line = b"INFO   | Job local_test completed successfully.\n"
    for cut in range(1, len(line)):
        capture = Capture()
        capture.add(b"h" * HEAD_BYTES + b"\n")
        capture.add(b"x" * (2 * TAIL_BYTES - cut - 1) + b"\n" + line[:cut])
        capture.add(line[cut:])
        capture.add(b"y\n" * (2 * TAIL_BYTES))
        assert line in capture.finish().content, cut


def test_capture_can_be_looked_at_while_it_goes_on():
    capture = Capture()
    capture.add(b"one\n")
    assert capture.finish().text == "one\n"
    capture.add(b"two\n")
    assert capture.finish().text == "one\ntwo\n"
