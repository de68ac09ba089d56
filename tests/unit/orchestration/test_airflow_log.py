"""What a repository's words become in the log that Airflow keeps of a task: one record a line, and nothing that steers.

Airflow's own writer is used, in a process of its own, as it settles logging for a whole process. It stores JSON, so
that no newline and no ESC gets through it; C1, bidi, invisible characters and line separators it stores as they are.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.hostile_texts import HOSTILE, assert_harmless

INCLUDE = Path(__file__).resolve().parents[3] / "include"
PROGRAM = """
import json, sys
from pathlib import Path
from airflow.sdk.log import configure_logging
import structlog

texts = json.loads(sys.stdin.read())
with open(sys.argv[1], "ab", buffering=0) as file:
    configure_logging(json_output=True, output=file)
    runner = structlog.get_logger("task")
    from janitor.domain.errors import JanitorError
    from janitor.domain.log_lines import LineLogger
    from janitor.orchestration.failures import TaskFailed, failed_task
    import logging
    log = LineLogger("janitor.orchestration.tasks")
    for text in texts:
        log.warning("worker-basic: %s", text)
        try:
            raise failed_task("1/2 repositories successful", text)
        except TaskFailed as exc:
            # As Airflow's task runner does it.
            runner.error("Task exited", exit_code=exc.code)
    if len(sys.argv) > 2:
        logging.getLogger("someone.else").warning("%s", texts[0])
"""


def stored(tmp_path: Path, texts: list[str], *more: str) -> str:
    """The log file as Airflow wrote it."""
    file = tmp_path / "attempt=1.log"
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(file), *more],
        input=json.dumps(texts),
        env={
            **{"PATH": os.environ["PATH"], "PYTHONPATH": str(INCLUDE)},
            **{"HOME": str(tmp_path), "AIRFLOW_HOME": str(tmp_path / "airflow")},
        },
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return file.read_bytes().decode("utf-8")


def _texts(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    if isinstance(value, (list, dict)):
        return [text for each in (value.values() if isinstance(value, dict) else value) for text in _texts(each)]
    return []


@pytest.mark.timeout(400)
def test_no_record_of_the_log_is_forged_or_steers(tmp_path: Path) -> None:
    texts = [*HOSTILE.values(), '\n{"event": "forged", "level": "info"}\n', "x" * 1_000_000]
    text = stored(tmp_path, texts)
    lines = text.split("\n")
    assert lines.pop() == ""
    assert len(lines) == 4 * len(texts)
    assert "Traceback" not in text
    assert '"error_detail"' not in text
    assert_harmless(text)
    records = [json.loads(line) for line in lines]
    assert not any(record["event"] == "forged" for record in records)
    for record in records:
        assert_harmless("\n".join(_texts(record)))
        assert "::group::" not in record["event"]
    assert max(map(len, lines)) < 30_000


@pytest.mark.timeout(400)
def test_the_log_itself_would_not_have_held(tmp_path: Path) -> None:
    """Airflow's writer alone is no edge: what is written past ours stays as it is."""
    *_, last = stored(tmp_path, ["a\x9b31m\u202eb"], "raw").splitlines()
    with pytest.raises(AssertionError):
        assert_harmless(json.loads(last)["event"])
