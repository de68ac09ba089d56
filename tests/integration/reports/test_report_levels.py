"""How far verdicts are proved, their notes and what they leave unproven: kept, read back and compared."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from uuid import UUID

import psycopg

from janitor.domain.result.outcome import Conclusion
from janitor.domain.result.report_diff import Change
from janitor.domain.states import ValidationStatus
from janitor.protocol.report import Check
from janitor.protocol.terms.proven import Note, ProofLevel, Unproven, UnprovenKind
from janitor.protocol.terms.statuses import CheckStatus, Engine
from janitor.stores import validations as store
from janitor.stores.database import transaction
from tests.support.reports import History, check_of, conclusion_of, report_of

IMAGE, ENVIRONMENT = ProofLevel.IMAGE, ProofLevel.ENVIRONMENT
ACROSS = "proved by environment this time, by image before"


def ending(engine: Engine, *checks: Check, unproven: tuple[Unproven, ...] = ()) -> Callable[[UUID, UUID], Conclusion]:
    """An end with a report of an engine."""

    def end(validation_id: UUID, run_id: UUID) -> Conclusion:
        report = report_of(validation_id, run_id, *checks)
        return conclusion_of(replace(report, engine=engine, unproven=unproven))

    return end


def works(engine: Engine) -> Callable[[UUID, UUID], Conclusion]:
    return ending(engine, check_of("build"), check_of("handler_local"))


def starts_not(engine: Engine) -> Callable[[UUID, UUID], Conclusion]:
    return ending(engine, check_of("build"), check_of("container_start", CheckStatus.FAIL))


def test_level_notes_and_what_is_unproven_are_read_back(history: History, janitor: Any) -> None:
    noted = replace(
        check_of("handler_local"),
        notes=(Note(code="error_logged", text="ERROR cache lost", file="handler.py", line=3),),
    )
    unproven = (Unproven(kind=UnprovenKind.NOT_RUN, text="RUN make test", file="Dockerfile", line=7),)
    history.run(ending(Engine.VENV, check_of("build"), noted, unproven=unproven))
    view = history.latest()
    assert (view.proof_level, view.note_count, view.notes, view.unproven) == (ENVIRONMENT, 1, noted.notes, unproven)

    _, out, _ = janitor("query-db", "worker-a")
    assert "\nStatus: success (environment), 1 note\n" in out
    assert "\nNotes:\n  error_logged: handler.py:3: ERROR cache lost\n" in out
    assert "\nNot proven:\n  not run: Dockerfile:7: RUN make test\n" in out
    _, out, _ = janitor("query-parallel-run", str(history.runs[0]), "--json")
    told = json.loads(out)["validations"][0]
    assert (told["proof_level"], told["note_count"]) == ("environment", 1)
    assert told["notes"] == [{"code": "error_logged", "text": "ERROR cache lost", "file": "handler.py", "line": 3}]
    assert told["unproven"][0]["line"] == 7

    with transaction(history.settings.writer_url) as connection:
        kept = store.kept_conclusion(connection, view.validation_id)
    assert kept is not None
    assert (kept.proof_level, kept.note_count) == (ENVIRONMENT, 1)


def test_a_report_that_is_not_believed_has_neither_level_nor_notes(history: History) -> None:
    noted = replace(check_of("handler_local"), notes=(Note(code="error_logged", text="ERROR"),))

    def doubted(validation_id: UUID, run_id: UUID) -> Conclusion:
        return Conclusion(
            status=ValidationStatus.ERROR,
            reason_code="report_unconfirmed",
            summary="the report says success, but its validator ended with exit code 1 (Failed)",
            failing_check=None,
            timeout_enforced=False,
            report=report_of(validation_id, run_id, noted),
        )

    history.run(doubted)
    view = history.latest()
    assert (view.proof_level, view.note_count, view.notes, view.unproven) == (None, 0, (), ())


def test_a_fix_by_less_proof_is_said_to_be_one(history: History, janitor: Any) -> None:
    history.run(starts_not(Engine.DOCKER))
    history.run(works(Engine.VENV))
    difference = history.latest().difference
    assert difference is not None
    assert (difference.change, difference.previous_level, difference.level) == (Change.FIXED, IMAGE, ENVIRONMENT)
    _, out, _ = janitor("query-db", "worker-a")
    assert "\nChange: fixed as far as less proof shows; it had failed since " in out
    assert f"; {ACROSS}\n" in out
    _, out, _ = janitor("query-parallel-run", str(history.runs[1]))
    assert "\nChanges: 1 fixed by another level of proof\n" in out
    _, out, _ = janitor("failures")
    assert "worker-a (fixed since, proved by environment; it failed by image)" in out

    # The image is as broken as it was, and that isn't news.
    history.run(starts_not(Engine.DOCKER))
    history.run(works(Engine.VENV))
    assert not any(view.difference.flaky for view in [history.latest()] if view.difference)
    history.run(works(Engine.DOCKER))
    mended = history.latest().difference
    assert mended is not None
    assert (mended.change, mended.previous_level, mended.level) == (Change.SAME, ENVIRONMENT, IMAGE)


def test_a_check_that_needs_no_engine_is_fixed_at_any_level(history: History, janitor: Any) -> None:
    history.run(ending(Engine.DOCKER, check_of("dockerfile_parse", CheckStatus.FAIL)))
    history.run(ending(Engine.VENV, check_of("dockerfile_parse"), check_of("build"), check_of("handler_local")))
    _, out, _ = janitor("query-db", "worker-a")
    assert "\nChecks: dockerfile_parse fixed\n" in out
    assert "proved by" not in out


def test_a_standing_of_before_levels_takes_that_of_its_report(history: History) -> None:
    history.run(works(Engine.DOCKER))
    with psycopg.connect(history.settings.writer_url) as connection:
        connection.execute(
            "update janitor.repository_standings set standing = jsonb_set(standing #- '{verdict,level}',"
            " '{verdict,recent}', '[[\"passed\", null]]') where deployment = %s",
            (history.settings.deployment,),
        )
    history.run(works(Engine.VENV))
    difference = history.latest().difference
    assert difference is not None
    assert (difference.change, difference.previous_level, difference.level) == (Change.SAME, IMAGE, ENVIRONMENT)


def test_the_history_of_before_has_the_levels_of_its_engines(history: History) -> None:
    history.run(works(Engine.DOCKER), keep=False)
    history.run(works(Engine.VENV))
    difference = history.latest().difference
    assert difference is not None
    assert (difference.change, difference.previous_level, difference.level) == (Change.SAME, IMAGE, ENVIRONMENT)
