"""What failed for good is said in the log and not tried again; everything else is."""

from __future__ import annotations

import logging

import pytest
from airflow.sdk import RetryAction

from janitor.domain.errors import CloudError, ConfigError, ConflictError, JanitorError, NotFoundError
from janitor.orchestration.failures import FailedForGood, TaskFailed, as_airflow_failure, failed_task


def test_the_log_says_each_line_and_the_end_is_one_word(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR):
        failure = failed_task("worker-basic: failed", "Cause: handler.py:3:\nKeyError", code="timed_out")
    assert [record.getMessage() for record in caplog.records] == [
        "worker-basic: failed",
        "Cause: handler.py:3: KeyError",
    ]
    assert all(record.exc_info is None for record in caplog.records)
    assert failure.code == "timed_out"
    assert str(failure) == "worker-basic: failed\nCause: handler.py:3: KeyError"


def test_it_is_no_exception_that_airflow_would_log_with_its_frames() -> None:
    assert not isinstance(failed_task("x"), Exception)


@pytest.mark.parametrize("error", [ConflictError("x"), NotFoundError("x"), ConfigError([])])
def test_what_another_try_cannot_mend_is_not_tried_again(error: JanitorError) -> None:
    failure = as_airflow_failure(error)
    assert isinstance(failure, TaskFailed)
    assert FailedForGood().evaluate(failure, 1, 5).action is RetryAction.FAIL


@pytest.mark.parametrize("error", [CloudError("x"), RuntimeError("x"), SystemExit(1), KeyboardInterrupt()])
def test_everything_else_is_tried_again(error: BaseException) -> None:
    if isinstance(error, Exception):
        assert as_airflow_failure(error) is error
    assert FailedForGood().evaluate(error, 1, 5).action is RetryAction.DEFAULT
