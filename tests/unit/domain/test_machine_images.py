"""Which machine images are superseded: whatever is named stays, whatever else is there."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

from hypothesis import given
from hypothesis import strategies as st

from janitor.domain.machine_images import IMAGES_KEPT, ImageState, MachineImage, select_images

BEGAN = datetime(2026, 1, 1, tzinfo=timezone.utc)


def image(number: int, state: ImageState = ImageState.AVAILABLE) -> MachineImage:
    return MachineImage(
        image_id=f"ami-{number}",
        name=str(number),
        created_at=BEGAN + timedelta(days=number),
        state=state,
        snapshot_ids=(f"snap-{number}",),
    )


def test_a_failed_build_neither_stays_nor_counts() -> None:
    images = [image(1), image(2), image(3, ImageState.OTHER), image(4, ImageState.PENDING)]
    chosen = select_images(images, named={})
    assert [each.image_id for each in chosen.superseded] == ["ami-3"]


@given(
    st.lists(st.tuples(st.integers(0, 30), st.sampled_from(ImageState)), unique_by=lambda each: each[0], max_size=12),
    st.sets(st.integers(0, 30), max_size=5),
)
def test_what_is_named_and_the_newest_stay(drawn: list[tuple[int, ImageState]], named: set[int]) -> None:
    images = [image(number, state) for number, state in drawn]
    names = {f"ami-{number}": "a template" for number in named}
    chosen = select_images(images, named=names)
    removed = {each.image_id for each in chosen.superseded}
    assert not removed & names.keys()
    usable = sorted((each.created_at, each.image_id) for each in images if each.state is ImageState.AVAILABLE)
    newest = {image_id for _, image_id in usable[-IMAGES_KEPT:]}
    assert not removed & newest
    assert set(chosen.held) == {each.image_id for each in images if each.image_id in names} - newest - {
        each.image_id for each in images if each.state is ImageState.PENDING
    }
    left = {each.image_id for each in images if each.state is not ImageState.PENDING} - removed
    assert left <= newest | names.keys()
