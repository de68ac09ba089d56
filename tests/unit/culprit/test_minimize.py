"""The search over simulated worlds: what it names was seen, whatever the world is like, and how long that takes."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import combinations
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from janitor.domain.culprit.minimize import (
    NOTHING,
    Found,
    Inconclusive,
    Outcome,
    PutBack,
    Tried,
    Try,
    Unnamed,
    next_experiment,
)

GREEN, RED, OTHERWISE, UNTOLD = Outcome.GREEN, Outcome.RED, Outcome.OTHERWISE, Outcome.UNTOLD
World = Callable[[PutBack, int], Outcome]
"""What comes of a set, and how often it was asked before."""


def names(count: int) -> list[str]:
    return [f"package {number:03d}" for number in range(count)]


def needs(needed: PutBack) -> World:
    """A world in which all of these must be put back."""
    return lambda put_back, _: GREEN if needed <= put_back else RED


def searched(
    candidates: list[str], world: World, hunches: tuple[PutBack, ...] = ()
) -> tuple[Found | Inconclusive, list[Tried]]:
    """Until it is over; each step is asked for anew, as after a kill."""
    tried: list[Tried] = []
    while True:
        asked = next_experiment(candidates, tuple(tried), hunches=hunches)
        if not isinstance(asked, Try):
            return asked, tried
        before = sum(each.put_back == asked.put_back for each in tried)
        assert before < 3, "twice, and once more where it could not be judged"
        tried.append(Tried(put_back=asked.put_back, outcome=world(asked.put_back, before)))
        assert len(tried) < 5_000


def assert_seen(found: Found, tried: list[Tried]) -> None:
    """What may be named: green with it, red without it or with one of it missing, and never the opposite."""

    def seen(put_back: PutBack) -> list[Outcome]:
        return [each.outcome for each in tried if each.put_back == put_back and each.outcome is not UNTOLD]

    assert found.put_back
    assert seen(found.put_back) == [GREEN, GREEN]
    assert seen(NOTHING) == [RED, RED]
    for one in found.put_back:
        without = seen(found.put_back - {one})
        assert without, "each was tried without"
        assert set(without) == {RED}


@st.composite
def several(draw: st.DrawFn) -> tuple[list[str], list[PutBack]]:
    """Candidates, and sets each of which suffices."""
    candidates = names(draw(st.integers(1, 24)))
    causes = draw(st.lists(st.frozensets(st.sampled_from(candidates), min_size=1, max_size=4), min_size=1, max_size=3))
    return candidates, causes


@given(several())
def test_in_a_monotone_world_a_minimal_set_is_found(world: tuple[list[str], list[PutBack]]) -> None:
    candidates, causes = world
    answer, tried = searched(candidates, lambda put_back, _: GREEN if any(c <= put_back for c in causes) else RED)
    assert isinstance(answer, Found)
    assert_seen(answer, tried)
    assert answer.put_back in causes
    assert not any(each < answer.put_back for each in causes)


@given(st.integers(1, 8), st.randoms(use_true_random=False), st.lists(st.frozensets(st.integers(0, 7)), max_size=3))
def test_in_any_world_what_is_named_was_seen(count: int, random: Random, guessed: list[frozenset[int]]) -> None:
    candidates = names(count)
    table: dict[PutBack, Outcome] = {}

    def world(put_back: PutBack, _: int) -> Outcome:
        if put_back not in table:
            table[put_back] = random.choice([GREEN, RED, RED, OTHERWISE, UNTOLD])
        return table[put_back]

    table[NOTHING], table[frozenset(candidates)] = RED, GREEN
    hunches = tuple(frozenset(candidates[each] for each in guess if each < count) for guess in guessed)
    answer, tried = searched(candidates, world, hunches)
    if isinstance(answer, Found):
        assert_seen(answer, tried)
    else:
        assert answer.reason is Unnamed.ENTANGLED
        assert answer.green is not None
        assert table[answer.green] is GREEN
        assert table[answer.about] in (GREEN, OTHERWISE, UNTOLD)


@given(st.integers(1, 10), st.randoms(use_true_random=False))
def test_in_a_flaky_world_what_is_named_was_seen(count: int, random: Random) -> None:
    answer, tried = searched(names(count), lambda _, __: random.choice([GREEN, RED, UNTOLD]))
    if isinstance(answer, Found):
        assert_seen(answer, tried)
    elif answer.reason is Unnamed.FLAKY:
        assert {GREEN, RED} <= {each.outcome for each in tried if each.put_back == answer.about}


@given(st.integers(2, 9), st.data())
def test_where_it_can_only_be_tried_together_nothing_is_named(count: int, data: st.DataObject) -> None:
    candidates = names(count)
    halves = data.draw(st.frozensets(st.sampled_from(candidates), min_size=2))

    def world(put_back: PutBack, _: int) -> Outcome:
        if halves <= put_back:
            return GREEN
        return OTHERWISE if put_back & halves else RED

    answer, _ = searched(candidates, world)
    assert isinstance(answer, Inconclusive)
    assert (answer.reason, answer.green) == (Unnamed.ENTANGLED, halves)
    assert answer.about < halves


def test_the_first_two_experiments_confirm() -> None:
    def first(nothing: Outcome, everything: Outcome) -> tuple[Unnamed, int]:
        answer, tried = searched(names(3), lambda put_back, _: everything if put_back else nothing)
        assert isinstance(answer, Inconclusive)
        return answer.reason, len(tried)

    assert first(GREEN, GREEN) == (Unnamed.GREEN_NOW, 1)
    assert first(OTHERWISE, GREEN) == (Unnamed.OTHERWISE, 1)
    assert first(UNTOLD, GREEN) == (Unnamed.UNTOLD, 2)
    assert first(RED, RED) == (Unnamed.RED_BEFORE, 2)
    assert first(RED, OTHERWISE) == (Unnamed.OTHERWISE, 6)
    assert first(RED, UNTOLD) == (Unnamed.UNTOLD, 3)
    assert searched([], lambda _, __: RED)[0] == Inconclusive(reason=Unnamed.NO_CHANGE, about=NOTHING, green=None)


@given(st.integers(2, 24), st.data())
def test_what_can_not_be_put_back_is_left_out(count: int, data: st.DataObject) -> None:
    candidates = names(count)
    culprit, gone = data.draw(st.lists(st.sampled_from(candidates), min_size=2, max_size=2, unique=True))

    def world(put_back: PutBack, _: int) -> Outcome:
        return OTHERWISE if gone in put_back else GREEN if culprit in put_back else RED

    answer, tried = searched(candidates, world)
    assert answer == Found(put_back=frozenset({culprit}))
    assert_seen(answer, tried)


def test_where_nothing_can_be_put_back_it_gives_up_soon() -> None:
    candidates = names(200)
    answer, tried = searched(candidates, lambda put_back, _: OTHERWISE if put_back else RED)
    assert answer == Inconclusive(reason=Unnamed.OTHERWISE, about=frozenset(candidates), green=None)
    assert len(tried) <= 18


def test_what_turns_over_when_it_is_seen_again_is_flaky() -> None:
    def once(put_back: PutBack, before: int) -> Outcome:
        return GREEN if put_back and not before else RED

    answer, _ = searched(names(1), once)
    assert answer == Inconclusive(reason=Unnamed.FLAKY, about=frozenset(names(1)), green=None)


def test_what_could_not_be_judged_once_is_tried_once_more() -> None:
    def late(put_back: PutBack, before: int) -> Outcome:
        return UNTOLD if not before else GREEN if names(2)[1] in put_back else RED

    answer, tried = searched(names(2), late)
    assert answer == Found(put_back=frozenset(names(2)[1:]))
    assert [each.outcome for each in tried if not each.put_back] == [UNTOLD, RED, RED]


def test_what_decides_and_can_not_be_seen_again_names_nothing() -> None:
    def once(put_back: PutBack, before: int) -> Outcome:
        return RED if not put_back else UNTOLD if before else GREEN

    answer, _ = searched(names(1), once)
    assert answer == Inconclusive(reason=Unnamed.UNTOLD, about=frozenset(names(1)), green=frozenset(names(1)))


def test_how_many_experiments_it_takes() -> None:
    """Beside the first two, the hunches and the two that are seen again: about log2(n) for each culprit."""
    for count in (1, 2, 10, 50, 200):
        worst = 0
        for culprit in names(count)[:: 1 + count // 25]:
            _, tried = searched(names(count), needs(frozenset({culprit})))
            worst = max(worst, len(tried))
        assert worst <= 5 + math.ceil(math.log2(count)), (count, worst)
    for pair in combinations(names(50)[::7], 2):
        _, tried = searched(names(50), needs(frozenset(pair)))
        assert len(tried) <= 22, (pair, len(tried))


def test_a_good_hunch_saves_the_halves_and_a_bad_one_costs_one() -> None:
    candidates = names(64)

    def world(put_back: PutBack, _: int) -> Outcome:
        return GREEN if candidates[40] in put_back else RED

    none = len(searched(candidates, world)[1])
    assert len(searched(candidates, world, (frozenset(candidates[40:41]),))[1]) == 5
    assert len(searched(candidates, world, (frozenset(candidates[:1]),))[1]) == none + 1


def test_the_worst_world_comes_to_an_end() -> None:
    """All of them are needed: the number grows by the square, as ddmin's does, and a budget is what ends it."""
    candidates = names(20)
    answer, tried = searched(candidates, lambda put_back, _: GREEN if len(put_back) == 20 else RED)
    assert isinstance(answer, Found)
    assert len(answer.put_back) == 20
    assert len(tried) <= 20 * 20
