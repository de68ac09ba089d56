"""A report stays on its machine until storage has taken it, closed to everybody else, and never in the way."""

from __future__ import annotations

import io
import os
import stat
from pathlib import Path

import pytest

from janitor.guest.journal import Journal
from janitor.guest.redaction import Redactor
from janitor.validator.kept_report import KeptReport

NAME = "0e5a3f3c-5c1f-4d9e-9d1f-0c8f5f7f7c11"


@pytest.fixture
def told() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def journal(told: io.StringIO) -> Journal:
    return Journal(Redactor(()), told)


def test_it_is_the_owner_s_alone_until_it_is_forgotten(tmp_path: Path, journal: Journal, told: io.StringIO) -> None:
    kept = KeptReport(tmp_path, NAME)
    kept.keep(b"partial", journal)
    kept.keep(b"whole", journal)
    [folder] = tmp_path.iterdir()
    [file] = folder.iterdir()
    assert (file.name, file.read_bytes()) == (f"{NAME}.json", b"whole")
    assert [stat.S_IMODE(each.stat().st_mode) for each in (folder, file)] == [0o700, 0o600]
    kept.forget()
    assert not list(tmp_path.iterdir())
    kept.forget()
    assert told.getvalue() == ""


def test_forgetting_one_leaves_the_others(tmp_path: Path, journal: Journal) -> None:
    KeptReport(tmp_path, NAME).keep(b"one", journal)
    other = KeptReport(tmp_path, NAME.replace("0", "1"))
    other.keep(b"other", journal)
    other.forget()
    [folder] = tmp_path.iterdir()
    assert [each.name for each in folder.iterdir()] == [f"{NAME}.json"]


@pytest.mark.parametrize("trap", ["open folder", "link", "file", "another's", "folder in place of the file"])
def test_what_somebody_else_has_laid_there_is_told_and_stops_nothing(
    tmp_path: Path, journal: Journal, told: io.StringIO, trap: str
) -> None:
    place, elsewhere = tmp_path / "janitor-kept-reports", tmp_path / "elsewhere"
    elsewhere.mkdir(mode=0o700)
    if trap == "open folder":
        place.mkdir()
        place.chmod(0o777)
    elif trap == "link":
        place.symlink_to(elsewhere)
    elif trap == "file":
        place.write_text("")
    elif trap == "another's":
        if os.geteuid() != 0:
            pytest.skip("only root can give a folder away")
        place.mkdir(mode=0o700)
        os.chown(place, 65_534, 65_534)
    else:
        (place / f"{NAME}.json").mkdir(parents=True)
        place.chmod(0o700)
    KeptReport(tmp_path, NAME).keep(b"report", journal)
    assert "no copy of the report can be kept here" in told.getvalue()
    assert not list(elsewhere.iterdir())
