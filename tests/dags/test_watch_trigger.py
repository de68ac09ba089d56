"""The trigger of a deferred validation: what it carries over a deferral, and that no event comes right after it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from typing import Any
from uuid import UUID

import pytest
from airflow.triggers.base import TriggerEvent

from janitor.domain.errors import SettingsError, WrongEnvironmentError
from janitor.domain.watch.watching import AwaitedSign, Watched
from janitor.orchestration.place_trigger import EARLIEST_EVENT, PlaceTrigger
from janitor.orchestration.trigger import WatchTrigger
from janitor.orchestration.wiring import current_settings

VALIDATION = UUID(int=7)


@pytest.fixture(autouse=True)
def of_the_local_stack(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """As a triggerer of the local stack has it."""
    monkeypatch.setenv("JANITOR_ENV", "local")
    current_settings.cache_clear()
    yield
    current_settings.cache_clear()


def _watched(*, sign: bool) -> Watched:
    """One whose limit has long passed, so that its trigger has an event at once, whatever AWS says."""
    long_ago = datetime.now(timezone.utc) - timedelta(hours=2)
    awaited = AwaitedSign(
        key="janitor-reports/r/v/1.sign",
        report_key="janitor-reports/r/v/1.json",
        log_streams=("c/i/stdout", "c/i/stderr"),
        due_at=long_ago,
    )
    return Watched(
        instance_id="i-1",
        launched_at=long_ago,
        deadline_at=long_ago + timedelta(minutes=1),
        grace=timedelta(seconds=1),
        online_timeout=timedelta(minutes=1),
        is_spot=True,
        consistency=timedelta(seconds=1),
        command_id="c",
        sign=awaited if sign else None,
    )


async def _first_event(trigger: WatchTrigger | PlaceTrigger) -> tuple[TriggerEvent, datetime]:
    async for event in trigger.run():
        return event, datetime.now(timezone.utc)
    raise AssertionError("no event")


def _made_again(trigger: WatchTrigger, **changed: Any) -> WatchTrigger:
    """As another triggerer makes it."""
    _, arguments = trigger.serialize()
    return WatchTrigger(**{**arguments, **changed})


@pytest.mark.parametrize("sign", [True, False])
def test_what_it_watches_survives_its_triggerer(sign: bool) -> None:
    trigger = WatchTrigger.of(VALIDATION, _watched(sign=sign))
    path, arguments = trigger.serialize()
    assert path == "janitor.orchestration.trigger.WatchTrigger"
    assert _made_again(trigger).serialize() == (path, arguments)
    assert (arguments["watched"]["sign"] is not None) is sign


def test_no_event_comes_right_after_the_deferral() -> None:
    deferred_at = datetime.now(timezone.utc)
    trigger = WatchTrigger.of(VALIDATION, _watched(sign=False))
    assert trigger.not_before is not None
    assert datetime.fromisoformat(trigger.not_before) >= deferred_at + EARLIEST_EVENT
    soon = datetime.now(timezone.utc) + timedelta(seconds=1.5)
    event, at = asyncio.run(_first_event(_made_again(trigger, not_before=soon.isoformat())))
    assert event.payload == {"validation_id": str(VALIDATION), "reason": "limit"}
    assert at >= soon


def test_a_trigger_of_before_still_fires() -> None:
    _, arguments = WatchTrigger.of(VALIDATION, _watched(sign=False)).serialize()
    del arguments["not_before"], arguments["watched"]["sign"]
    event, _ = asyncio.run(_first_event(WatchTrigger(**arguments)))
    assert event.payload["reason"] == "limit"


TRIGGERS = {
    "watch": lambda: WatchTrigger.of(VALIDATION, _watched(sign=False), environment="local"),
    "place": lambda: PlaceTrigger.at(datetime.now(timezone.utc) - timedelta(hours=1), environment="local"),
}


def _at_once(kind: str) -> WatchTrigger | PlaceTrigger:
    """A trigger of a task of ENV=local, as another triggerer makes it, whose instant is over."""
    trigger = TRIGGERS[kind]()
    _, arguments = trigger.serialize()
    over = datetime.now(timezone.utc).isoformat()
    return type(trigger)(**{**arguments, "not_before": over})


@pytest.mark.parametrize("kind", TRIGGERS)
def test_a_triggerer_of_another_environment_refuses(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    event, _ = asyncio.run(_first_event(_at_once(kind)))
    assert event.payload["reason"]
    monkeypatch.setenv("JANITOR_ENV", "dev")
    monkeypatch.setenv("JANITOR_BUCKET", "some-bucket")
    current_settings.cache_clear()
    with pytest.raises(WrongEnvironmentError, match=r"planned for ENV=local, .*has JANITOR_ENV=dev"):
        asyncio.run(_first_event(_at_once(kind)))


@pytest.mark.parametrize("kind", TRIGGERS)
def test_a_triggerer_without_an_environment_refuses(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("JANITOR_ENV")
    with pytest.raises(SettingsError, match="JANITOR_ENV is not set in this component of Airflow"):
        asyncio.run(_first_event(_at_once(kind)))
