"""Package caches on a volume: one for each repository, so that none can spoil another's."""

from __future__ import annotations

import os
import stat
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from uuid import uuid4

from janitor.protocol.order.repository import RepositorySpec
from janitor.protocol.order.spec import ValidationSpec
from janitor.protocol.terms.statuses import EngineChoice
from janitor.validator.package_cache import with_kept_packages
from janitor.validator.settings import Settings


def spec(name: str = "a", directory: str | None = "volume", url: str = "https://example.org/a.git") -> ValidationSpec:
    return ValidationSpec(
        validation_id=str(uuid4()),
        run_id=str(uuid4()),
        repository=RepositorySpec(name=name, organization="o", url=url),
        prompt="p",
        gpu_required=False,
        engine=EngineChoice.VENV,
        deadline=datetime.now(timezone.utc),
        grace=timedelta(0),
        cache_directory=directory,
    )


def settings(home: Path) -> Settings:
    return Settings.from_environment({"HOME": str(home), "PATH": "/bin"})


def test_each_repository_finds_its_own_again(tmp_path: Path) -> None:
    (tmp_path / "volume").mkdir()
    first, said = with_kept_packages(spec(), settings(tmp_path))
    assert said == "the cache volume has no packages yet"
    other, _ = with_kept_packages(spec("b"), settings(tmp_path))
    elsewhere, _ = with_kept_packages(spec(url="https://example.com/a.git"), settings(tmp_path))
    again, said = with_kept_packages(spec(), settings(tmp_path))
    assert said == "packages of earlier validations are on the cache volume"
    assert again.uv_cache == first.uv_cache
    assert again.pip_cache == first.pip_cache
    assert len({first.uv_cache, other.uv_cache, elsewhere.uv_cache}) == 3
    every = tmp_path / "volume" / "packages"
    assert all(every in each.uv_cache.parents for each in (first, other, elsewhere))
    # Another user sees of it what is put into its view alone.
    assert stat.S_IMODE(every.stat().st_mode) == 0o700


def test_the_way_to_it_leads_through_no_home(tmp_path: Path) -> None:
    (tmp_path / "vol-1").mkdir()
    (tmp_path / "sdf").symlink_to("vol-1")
    (tmp_path / "home").mkdir(mode=0o700)
    kept, _ = with_kept_packages(spec(directory="../sdf"), settings(tmp_path / "home"))
    assert kept.uv_cache.relative_to(tmp_path / "vol-1").parts[0] == "packages"


def test_without_a_volume_the_machine_s_own_caches_stay(tmp_path: Path) -> None:
    own = settings(tmp_path)
    assert with_kept_packages(spec(directory=None), own) == (own, None)
    kept, said = with_kept_packages(spec(), own)
    assert kept == own
    assert said is not None
    assert "packages are fetched anew" in said
    (tmp_path / "volume").mkdir()
    (tmp_path / "volume" / "packages").write_text("in the way")
    kept, said = with_kept_packages(spec(), own)
    assert kept == own
    assert said is not None
    assert "can't be used" in said


def test_a_full_volume_loses_what_was_not_used_for_longest(tmp_path: Path, monkeypatch) -> None:  # type: ignore[no-untyped-def]  # pytest's
    (tmp_path / "volume").mkdir()
    made = [with_kept_packages(spec(name), settings(tmp_path))[0].uv_cache.parent for name in ("a", "b", "c")]
    for age, folder in enumerate(reversed(made)):
        os.utime(folder, (1_000 - age, 1_000 - age))
    free = iter([0, 0, 10**15])

    def usage(_: Path) -> object:
        return replace_usage(next(free, 10**15))

    monkeypatch.setattr("janitor.validator.package_cache.shutil.disk_usage", usage)
    with_kept_packages(spec("d"), settings(tmp_path))
    assert [folder.exists() for folder in made] == [False, False, True]


def replace_usage(free: int) -> object:
    """What `shutil.disk_usage` would say of a disk with so much free."""
    import shutil

    return shutil._ntuple_diskusage(10**15, 10**15 - free, free)  # type: ignore[attr-defined]  # its own type


def test_the_spec_says_it_in_its_document() -> None:
    known = spec()
    assert ValidationSpec.from_json(known.to_json()) == known
    older = replace(known, cache_directory=None).to_dict()
    assert "cache_directory" not in older or older["cache_directory"] is None
