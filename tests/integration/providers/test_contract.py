"""What every provider of instances keeps, whoever it is."""

from __future__ import annotations

from uuid import uuid4

import pytest

from janitor.domain.config.fields import Market
from janitor.domain.errors import CloudError, LaunchRefusedError, NotOfferedError
from janitor.domain.identity import TAG_DEPLOYMENT, TAG_KEEP_UNTIL, TAG_WORKER
from janitor.domain.launch.launch_codes import LaunchVerdict
from janitor.domain.place import Place
from janitor.domain.states import OwnerKind, PlacementResult
from tests.integration.providers.bench import Bench, Trouble, eventually


def test_what_is_launched_is_found_by_its_tags_and_ends(bench: Bench) -> None:
    owner_id = uuid4()
    request = bench.request(owner_id=owner_id)
    instance_id = bench.provider.launch(bench.provider.launch_parameters(request))
    seen = bench.running(instance_id)
    assert request.tags.items() <= seen.tags.items()
    assert (seen.owner.kind, seen.owner.id) == (OwnerKind.WORKER, owner_id)  # type: ignore[union-attr]  # it has one
    assert (seen.instance_type, seen.is_spot) == (bench.instance_type, False)
    assert [one.instance_id for one in bench.provider.find(TAG_WORKER, str(owner_id))] == [instance_id]
    assert bench.provider.find(TAG_WORKER, str(uuid4())) == []
    assert bench.provider.find(TAG_DEPLOYMENT, "somebody-else") == []
    assert bench.provider.terminate([instance_id]) == {}
    eventually(lambda: bench.is_over(instance_id), bench.wait_seconds)
    assert bench.seen() == []
    assert (bench.provider.describe(instance_id) is not None) is bench.provider.abilities.shows_ended


def test_what_nobody_knows_has_ended(bench: Bench) -> None:
    unknown = "i-0123456789abcdef0" if bench.provider.abilities.repeats_launches else "0123456789abcd"
    assert bench.provider.describe(unknown) is None
    assert bench.provider.terminate([unknown]) == {}


def test_an_intent_that_may_have_been_carried_out_makes_one_instance(bench: Bench) -> None:
    parameters = bench.provider.launch_parameters(bench.request())
    first = bench.provider.launch(parameters)
    assert bench.provider.launch(parameters, may_exist=True) == first
    assert [one.instance_id for one in bench.seen()] == [first]


def test_another_generation_is_another_instance(bench: Bench) -> None:
    owner_id = uuid4()
    one = bench.provider.launch(bench.provider.launch_parameters(bench.request(owner_id=owner_id)))
    again = bench.request(owner_id=owner_id, generation=2)
    other = bench.provider.launch(bench.provider.launch_parameters(again), may_exist=True)
    assert one != other
    eventually(lambda: {seen.instance_id for seen in bench.seen()} == {one, other}, bench.wait_seconds)


def test_a_launch_whose_answer_never_came_makes_one_instance(bench: Bench) -> None:
    parameters = bench.provider.launch_parameters(bench.request())
    bench.trouble(Trouble.UNHEARD)
    try:
        instance_id = bench.provider.launch(parameters)
    except Exception as exc:
        failure = bench.provider.launch_failure_of(exc, bench.instance_type)
        assert failure is not None
        assert (failure.result, failure.verdict) == (PlacementResult.UNKNOWN, LaunchVerdict.SAME_ATTEMPT)
        instance_id = bench.provider.launch(parameters, may_exist=True)
    bench.trouble(Trouble.NONE)
    assert bench.provider.launch(parameters, may_exist=True) == instance_id
    assert [one.instance_id for one in bench.seen()] == [instance_id]


def test_what_doesnt_show_at_once_is_not_launched_again(bench: Bench) -> None:
    parameters = bench.provider.launch_parameters(bench.request())
    bench.trouble(Trouble.LATE)
    first = bench.provider.launch(parameters)
    assert bench.provider.launch(parameters, may_exist=True) == first
    bench.trouble(Trouble.NONE)
    assert [one.instance_id for one in bench.seen()] == [first]


@pytest.mark.parametrize(
    ("trouble", "result", "verdict"),
    [
        (Trouble.CAPACITY, PlacementResult.CAPACITY, LaunchVerdict.NEXT_CANDIDATE),
        (Trouble.THROTTLED, PlacementResult.THROTTLED, LaunchVerdict.SAME_CANDIDATE),
        (Trouble.QUOTA, PlacementResult.QUOTA, LaunchVerdict.STOP),
        (Trouble.OUTAGE, PlacementResult.UNKNOWN, LaunchVerdict.SAME_ATTEMPT),
    ],
)
def test_a_refusal_is_classed_and_leaves_nothing(
    bench: Bench, trouble: Trouble, result: PlacementResult, verdict: LaunchVerdict
) -> None:
    parameters = bench.provider.launch_parameters(bench.request())
    bench.trouble(trouble)
    with pytest.raises(Exception) as refused:  # noqa: PT011  # each provider's own
        bench.provider.launch(parameters)
    failure = bench.provider.launch_failure_of(refused.value, bench.instance_type)
    assert failure is not None
    assert (failure.result, failure.verdict) == (result, verdict), failure.summary
    bench.trouble(Trouble.NONE)
    eventually(lambda: _seen_or_throttled(bench) == [], bench.wait_seconds)


def _seen_or_throttled(bench: Bench) -> object:
    try:
        return bench.seen()
    except CloudError as exc:
        return exc


def test_a_failure_that_is_nobodys_is_not_the_providers(bench: Bench) -> None:
    assert bench.provider.launch_failure_of(ValueError("a defect"), bench.instance_type) is None


def test_who_cant_be_asked_shows_nothing_rather_than_no_instances(bench: Bench) -> None:
    instance_id = bench.provider.launch(bench.provider.launch_parameters(bench.request()))
    bench.running(instance_id)
    bench.trouble(Trouble.BLIND)
    with pytest.raises(CloudError):
        bench.seen()
    with pytest.raises(CloudError):
        bench.provider.describe(instance_id)
    assert set(bench.provider.terminate([instance_id])) == {instance_id}
    bench.trouble(Trouble.NONE)
    assert [one.instance_id for one in bench.seen()] == [instance_id]


def test_a_provider_has_what_it_says_and_refuses_the_rest_in_words(bench: Bench) -> None:
    provider = bench.provider
    spot = bench.request(market=Market.SPOT)
    if provider.abilities.has_spot:
        assert provider.launch_parameters(spot)
    else:
        with pytest.raises(LaunchRefusedError, match="no spot pods: set market: on-demand"):
            provider.launch_parameters(spot)
    instance_id = provider.launch(provider.launch_parameters(bench.request()))
    later = {TAG_KEEP_UNTIL: "2030-01-01T00:00:00+00:00"}
    if provider.abilities.changes_tags:
        provider.add_tags(instance_id, later)
        found = provider.describe(instance_id)
        assert found is not None
        assert later.items() <= found.tags.items()
    else:
        with pytest.raises(NotOfferedError, match=instance_id):
            provider.add_tags(instance_id, later)


def test_a_place_is_the_same_for_whoever_looks_with_the_same_access(bench: Bench) -> None:
    place = bench.provider.place()
    assert place == bench.provider.place() == Place.parse(place.key)
