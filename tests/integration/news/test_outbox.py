"""What is told, and what isn't: each piece of news once, in the transaction of what it tells of."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime, timedelta, timezone
from uuid import UUID

import psycopg
import pytest
from psycopg.types.json import Jsonb

from janitor.domain.config.notifications import NotificationEvent
from janitor.domain.evidence.acknowledgement import AcknowledgedUntil
from janitor.domain.evidence.verdict import VERDICT_WORDS
from janitor.domain.news.forms import plain
from janitor.domain.snapshot.alerts import Alert, AlertCode, alerts_of
from janitor.services.news.telling import MOST_CAUSES, write_messages
from janitor.services.outbox.writing import keep_leak, keep_refused
from janitor.services.snapshot.take import take_snapshot
from janitor.stores.database import transaction
from janitor.stores.standing import acknowledgements
from janitor.stores.standing import news as store
from tests.support.news import COMMITS, Fleet, failed, passed, routes, untold


def test_one_cause_is_one_message_however_many_repositories_it_hits(fleet: Fleet) -> None:
    fleet.run(a=passed(), b=passed(), c=passed())
    assert fleet.headlines() == []
    run_id = fleet.begin("a", "b", "c")
    fleet.end(run_id, 0, failed("libcuda.so is missing"))
    fleet.end(run_id, 1, failed("libcuda.so is missing"))
    fleet.end(run_id, 2, failed("no module named torch"))
    assert fleet.headlines() == [], "the run goes on"
    fleet.close(run_id)
    assert sorted(fleet.headlines()) == [
        ("open", "Newly broken: 2 repositories by one cause"),
        ("open", "Newly broken: acme/worker-c"),
    ]
    # The same again, and its end again, says nothing new.
    fleet.close(run_id)
    fleet.run(a=failed("libcuda.so is missing"), b=failed("libcuda.so is missing"), c=failed("no module named torch"))
    assert len(fleet.headlines()) == 2


def test_what_joins_and_what_is_fixed_follows_in_the_same_thread(fleet: Fleet) -> None:
    fleet.run(a=failed("x is missing"), b=passed())
    fleet.run(a=failed("x is missing"), b=failed("x is missing"))
    fleet.run(a=passed(commit=COMMITS[1]), b=failed("x is missing"))
    fleet.run(a=passed(commit=COMMITS[1]), b=passed(commit=COMMITS[1]))
    assert fleet.headlines() == [
        ("open", "Newly broken: acme/worker-a"),
        ("update", "Broken as well: acme/worker-b"),
        ("update", "Fixed: acme/worker-a"),
        ("close", "Fixed: acme/worker-b"),
    ]
    # It is over: the same cause is news again.
    fleet.run(a=failed("x is missing", commit=COMMITS[2]))
    assert fleet.headlines()[4:] == [("open", "Newly broken: acme/worker-a")]


def test_what_is_flaky_or_could_not_be_told_breaks_nothing(fleet: Fleet) -> None:
    for _ in range(2):
        fleet.run(a=passed())
        fleet.run(a=failed("now and then"))
    told = len(fleet.headlines())
    fleet.run(a=passed())
    fleet.run(a=failed("now and then"))
    fleet.run(a=passed())
    fleet.run(a=failed("now and then"))
    kinds = [kind for kind, _ in fleet.headlines()[told:]]
    assert "open" not in kinds, "its verdict turns over by itself"
    fleet.run(b=passed())
    fleet.run(b=untold())
    assert "acme/worker-b" not in str(fleet.headlines())


def faces(fleet: Fleet) -> Sequence[Alert]:
    """The alerts that every face shows."""
    return alerts_of(take_snapshot(fleet.settings, ask_airflow=False))


def test_once_is_not_stale_on_any_face(fleet: Fleet) -> None:
    fleet.run(a=passed())
    fleet.run(a=untold())
    assert AlertCode.REPOSITORY_STALE not in {one.code for one in faces(fleet)}


def test_a_repository_that_is_never_told_is_stale_until_it_is(fleet: Fleet) -> None:
    fleet.run(a=passed())
    for _ in range(3):
        fleet.run(a=untold())
    assert fleet.headlines() == [("open", "Stale: acme/worker-a")]
    (alert,) = [one for one in faces(fleet) if one.code is AlertCode.REPOSITORY_STALE]
    assert alert.subject == "acme/worker-a"
    fleet.run(a=passed())
    assert AlertCode.REPOSITORY_STALE not in {one.code for one in faces(fleet)}
    assert fleet.headlines()[1:] == [("close", "No longer stale: acme/worker-a has a verdict again")]


def test_many_causes_at_once_are_one_message(fleet: Fleet) -> None:
    names = [chr(ord("a") + number) for number in range(MOST_CAUSES + 1)]
    words = ["alpha", "bravo", "charlie", "delta", "echo", "foxtrot", "golf", "hotel", "india", "juliet", "kilo"]
    fleet.run(**{name: failed(f"{word} can't be found") for name, word in zip(names, words, strict=True)})
    assert fleet.headlines() == [("open", "Fleet-wide: 11 new causes, 11 repositories")]
    fleet.run(**{name: passed(commit=COMMITS[1]) for name in names[:3]})
    assert fleet.headlines()[1:] == [("update", "Fixed: 3 repositories")]
    fleet.run(**{name: passed(commit=COMMITS[1]) for name in names[3:]})
    assert fleet.headlines()[2:] == [("close", "Fixed: 8 repositories")]


def test_what_many_causes_have_in_common_is_the_first_suspect(fleet: Fleet) -> None:
    words = ["alpha", "bravo", "charlie", "delta", "echo", "foxtrot", "golf", "hotel", "india", "juliet", "kilo"]
    bases = ["acme/cuda:12"] * 8 + ["python:3.11"] * 3
    fleet.run(**{word: failed(f"{word} can't be found", base=base) for word, base in zip(words, bases, strict=True)})
    with transaction(fleet.settings.reader_url) as connection:
        (told,) = [plain(one.message) for one in store.waiting_deliveries(connection, fleet.settings.deployment)]
    assert "first suspect: base image acme/cuda:12, of 8 of 11" in told
    assert "acme/worker-echo" in told
    assert "and 6 more" in told


def test_ten_causes_are_still_told_one_by_one(fleet: Fleet) -> None:
    words = ["alpha", "bravo", "charlie", "delta", "echo", "foxtrot", "golf", "hotel", "india", "juliet"]
    fleet.run(**{word: failed(f"{word} can't be found") for word in words})
    assert len(fleet.headlines()) == MOST_CAUSES


def test_what_broke_before_there_were_messages_is_told_when_it_is_fixed(fleet: Fleet) -> None:
    silent = Fleet(fleet.settings, routes(events=()))
    silent.run(a=failed("old"))
    with transaction(fleet.settings.writer_url) as connection:
        connection.execute("update news_repositories set left_at = now(), left_run_id = joined_run_id")
    fleet.run(a=passed(commit=COMMITS[1]))
    assert fleet.headlines() == [("open", "Fixed: acme/worker-a")]


def test_only_what_is_wanted_is_told(fleet: Fleet) -> None:
    choosy = Fleet(fleet.settings, routes(events=(NotificationEvent.NEWLY_FIXED,)))
    choosy.run(a=failed("x is missing"))
    assert choosy.headlines() == []
    choosy.run(a=passed(commit=COMMITS[1]))
    assert choosy.headlines() == [("close", "Fixed: acme/worker-a")]


def test_what_a_run_by_hand_found_is_told_by_the_nightly_one(fleet: Fleet) -> None:
    by_hand = Fleet(fleet.settings)
    by_hand.told = None
    by_hand.run(a=passed(), b=failed("x is missing"))
    by_hand.run(a=failed("x is missing"), b=failed("x is missing"))
    assert fleet.headlines() == []
    fleet.run(a=failed("x is missing"), b=failed("x is missing"))
    assert fleet.headlines() == [("open", "Newly broken: 2 repositories by one cause")]
    fleet.run(a=failed("x is missing"), b=failed("x is missing"))
    by_hand.run(a=failed("x is missing"), b=failed("x is missing"))
    assert len(fleet.headlines()) == 1
    by_hand.run(a=passed(commit=COMMITS[1]), b=passed(commit=COMMITS[1]))
    assert fleet.headlines()[1:] == [("close", "Fixed: 2 repositories")]


def test_a_verdict_that_is_undone_is_never_told(fleet: Fleet) -> None:
    run_id = fleet.begin("a")

    def cut_off(*_: object) -> object:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fleet.end(run_id, 0, cut_off)
    fleet.close(run_id)
    assert fleet.headlines() == []


def test_refusals_of_a_day_are_told_once(fleet: Fleet) -> None:
    for number in range(3):
        with transaction(fleet.settings.writer_url) as connection:
            keep_refused(connection, fleet.settings.deployment, f"manual__{number}", "too dear", routes())
    with transaction(fleet.settings.writer_url) as connection:
        write_messages(connection, fleet.settings)
        write_messages(connection, fleet.settings)
    ((kind, headline),) = fleet.headlines()
    assert (kind, headline.startswith("Budget: a run was refused on 2")) == ("open", True)


def test_a_leak_is_told_once_and_again_when_it_is_over(fleet: Fleet) -> None:
    deployment = fleet.settings.deployment
    fleet.run(a=passed())  # says who is told
    instance = f"i-{deployment.encode().hex()[-17:]}"
    with transaction(fleet.settings.writer_url) as connection:
        keep_leak(connection, deployment, instance, instance_type="g5.xlarge", repository="acme/worker-a")
        keep_leak(connection, deployment, instance, instance_type="g5.xlarge", repository="acme/worker-a")
        write_messages(connection, fleet.settings)
    assert fleet.headlines() == [("open", f"Leak found: {instance}")]
    with transaction(fleet.settings.writer_url) as connection:
        write_messages(connection, fleet.settings)
    assert len(fleet.headlines()) == 1


def test_the_database_holds_that_nothing_is_said_twice(fleet: Fleet) -> None:
    fleet.run(a=failed("x is missing"))
    with (
        pytest.raises(psycopg.errors.UniqueViolation),
        transaction(fleet.settings.writer_url) as connection,
    ):
        connection.execute(
            "insert into news (deployment, event, dedupe_key) select deployment, event, dedupe_key from news"
            " where deployment = %s",
            (fleet.settings.deployment,),
        )
    with (
        pytest.raises(psycopg.errors.UniqueViolation),
        transaction(fleet.settings.writer_url) as connection,
    ):
        connection.execute(
            "insert into news_deliveries (news_id, channel, kind, number, address, message)"
            " select news_id, d.channel, d.kind, d.number, d.address, d.message from news_deliveries d"
            " join news using (news_id) where deployment = %s",
            (fleet.settings.deployment,),
        )


def acknowledge(
    fleet: Fleet,
    cause_key: str,
    until: AcknowledgedUntil,
    until_at: datetime | None = None,
    commit_sha: str | None = None,
    repository: str | None = None,
) -> None:
    with transaction(fleet.settings.writer_url) as connection:
        acknowledgements.insert(
            connection,
            fleet.settings.deployment,
            cause_key,
            repository=repository,
            reason="we know",
            made_by="somebody",
            until=until,
            until_at=until_at,
            commit_sha=commit_sha,
        )


def cause_of(fleet: Fleet, run_id: UUID) -> str:
    with transaction(fleet.settings.reader_url) as connection:
        row = connection.execute("select signature from repository_validations where run_id = %s", (run_id,)).fetchone()
    assert row is not None
    return str(row["signature"])


def test_what_is_acknowledged_is_silent_and_comes_back_with_its_date(fleet: Fleet) -> None:
    cause = cause_of(fleet, fleet.run(other=failed("x is missing")))
    said = len(fleet.headlines())
    acknowledge(fleet, cause, AcknowledgedUntil.DATE, datetime.now(timezone.utc) + timedelta(hours=1))
    fleet.run(a=passed())
    fleet.run(a=failed("x is missing"))
    fleet.run(a=failed("x is missing"))
    assert len(fleet.headlines()) == said
    with transaction(fleet.settings.writer_url) as connection:
        connection.execute("update acknowledgements set until_at = now() - interval '1 second'")
    fleet.run(a=failed("x is missing"))
    assert fleet.headlines()[said:] == [("update", "Broken as well: acme/worker-a")]


BACK = ("update", "Still broken, and no longer acknowledged: acme/worker-a")
OTHER = ("update", "Still broken, by another cause: acme/worker-a")


def test_what_was_told_before_it_was_acknowledged_comes_back_with_its_date(fleet: Fleet) -> None:
    cause = cause_of(fleet, fleet.run(a=failed("x is missing")))
    acknowledge(fleet, cause, AcknowledgedUntil.DATE, datetime.now(timezone.utc) + timedelta(hours=1))
    fleet.run(a=failed("x is missing"))
    assert len(fleet.headlines()) == 1
    with transaction(fleet.settings.writer_url) as connection:
        connection.execute("update acknowledgements set until_at = now() - interval '1 second'")
    for _ in range(2):
        fleet.run(a=failed("x is missing"))
        assert fleet.headlines()[1:] == [BACK], "once"
    fleet.run(a=passed(commit=COMMITS[1]))
    assert fleet.headlines()[2:] == [("close", "Fixed: acme/worker-a")]


def test_what_was_told_before_it_was_acknowledged_comes_back_with_a_new_commit(fleet: Fleet) -> None:
    cause = cause_of(fleet, fleet.run(a=failed("x is missing")))
    acknowledge(fleet, cause, AcknowledgedUntil.NEW_COMMIT, commit_sha=COMMITS[0], repository="acme/worker-a")
    fleet.run(a=failed("x is missing"))
    assert len(fleet.headlines()) == 1
    for _ in range(2):
        fleet.run(a=failed("x is missing", commit=COMMITS[1]))
        assert fleet.headlines()[1:] == [BACK]


@pytest.mark.parametrize("until", [AcknowledgedUntil.CAUSE_CHANGES, AcknowledgedUntil.DATE])
def test_what_was_told_before_it_was_acknowledged_comes_back_with_another_cause(
    fleet: Fleet, until: AcknowledgedUntil
) -> None:
    cause = cause_of(fleet, fleet.run(a=failed("x is missing")))
    by_date = until is AcknowledgedUntil.DATE
    acknowledge(fleet, cause, until, datetime.now(timezone.utc) + timedelta(hours=1) if by_date else None)
    fleet.run(a=failed("x is missing"))
    assert len(fleet.headlines()) == 1
    for _ in range(2):
        fleet.run(a=failed("quite another thing"))
        assert fleet.headlines()[1:] == [OTHER]


def test_another_cause_at_a_broken_repository_is_told_once_in_the_same_thread(fleet: Fleet) -> None:
    fleet.run(a=failed("x is missing"))
    for _ in range(2):
        fleet.run(a=failed("quite another thing"))
        assert fleet.headlines()[1:] == [OTHER]


def test_an_acknowledged_cause_that_changes_is_told(fleet: Fleet) -> None:
    cause = cause_of(fleet, fleet.run(other=failed("x is missing")))
    said = len(fleet.headlines())
    acknowledge(fleet, cause, AcknowledgedUntil.DATE, datetime.now(timezone.utc) + timedelta(hours=1))
    fleet.run(a=failed("x is missing"))
    assert len(fleet.headlines()) == said
    fleet.run(a=failed("quite another thing"))
    assert fleet.headlines()[said:] == [("open", "Newly broken: acme/worker-a")]


def test_a_message_has_the_verdict_of_the_page_and_what_lies_between(fleet: Fleet) -> None:
    fleet.run(a=passed(commit=COMMITS[0]))
    fleet.run(a=failed("x is missing", commit=COMMITS[1]))
    with transaction(fleet.settings.reader_url) as connection:
        (message,) = [one.message for one in store.waiting_deliveries(connection, fleet.settings.deployment)]
    told = dict(line.partition(": ")[::2] for line in plain(message).splitlines()[1:])
    assert told["cause"].startswith("build: ")
    assert re.fullmatch(
        rf"first bad .* UTC at {COMMITS[1][:12]} https://github.com/acme/worker-a/commit/{COMMITS[1]}, last good .* UTC"
        rf" at .*, compare https://github.com/acme/worker-a/compare/{COMMITS[0]}\.\.\.{COMMITS[1]}",
        told["since"],
    )
    assert told["verdict"] in VERDICT_WORDS.values()
    assert told["see"].endswith("repository https://github.com/acme/worker-a")


def test_news_that_can_not_be_told_keep_no_other_from_being_told(fleet: Fleet) -> None:
    run_id = fleet.begin("a")
    fleet.end(run_id, 0, failed("x is missing"))
    with transaction(fleet.settings.writer_url) as connection:
        connection.execute(
            "insert into news (deployment, event, dedupe_key, routes, facts) values (%s, 'stale', 'x', %s, '{}')",
            (fleet.settings.deployment, Jsonb(routes().to_dict())),
        )
    fleet.close(run_id)
    assert fleet.headlines() == [("open", "Newly broken: acme/worker-a")]
