"""The example that its upstream breaks: its index answers installers, and its commit changes with nothing."""

from __future__ import annotations

import subprocess
import sys
import urllib.error
import urllib.request
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from janitor.stack.repair_example import make_repair_example
from janitor.stack.state.layout import Layout
from janitor.stack.upstream import releases_in, serving
from tests.support.stack import stack_settings

ROOT = Path(__file__).resolve().parents[3]
GREETINGS = releases_in(ROOT / "infra/local/upstream/greetings")


def installed(url: str, target: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [
            *(sys.executable, "-m", "pip", "install", "--quiet", "--no-cache-dir", "--disable-pip-version-check"),
            *("--isolated", "--index-url", url, "--target", str(target), "greetings>=1.2"),
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def greeted(folder: Path, call: str) -> str:
    script = f"import sys; sys.path.insert(0, {str(folder)!r}); import greetings; print(greetings.{call})"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)
    return done.stdout.strip()


def test_an_installer_takes_the_newest_release_that_is_published(tmp_path: Path) -> None:
    with serving() as index:
        index.publish(GREETINGS[:1])
        assert installed(index.url, tmp_path / "before").returncode == 0
        index.publish(GREETINGS)
        assert installed(index.url, tmp_path / "after").returncode == 0
    assert greeted(tmp_path / "before", "greet('Ada')") == "Good morning, Ada"
    assert greeted(tmp_path / "after", "greeting(name='Ada')") == "Good morning, Ada"
    with pytest.raises(subprocess.CalledProcessError):
        greeted(tmp_path / "after", "greet('Ada')")


def test_what_isnt_published_isnt_there_and_the_index_ends_with_its_block() -> None:
    with serving() as index:
        with pytest.raises(urllib.error.HTTPError, match="404"):
            urllib.request.urlopen(f"{index.url}/greetings/", timeout=30)
        address = f"{index.url}/greetings/"
    with pytest.raises(urllib.error.URLError, match="refused"):
        urllib.request.urlopen(address, timeout=30)


def test_two_at_once_have_a_port_each() -> None:
    with serving() as one, serving() as other:
        assert one.url != other.url


def test_the_wheels_are_the_same_each_time() -> None:
    again = releases_in(ROOT / "infra/local/upstream/greetings")
    assert [each.wheel() for each in GREETINGS] == [each.wheel() for each in again]


def test_each_time_it_is_shown_it_has_a_commit_of_its_own(tmp_path: Path) -> None:
    settings = stack_settings(tmp_path / "state")
    Layout.of(settings).create()
    at = datetime(2026, 1, 1, tzinfo=timezone.utc)
    first = make_repair_example(settings, "http://127.0.0.1:1/simple", at)
    again = make_repair_example(settings, "http://127.0.0.1:1/simple", at)
    other = make_repair_example(settings, "http://127.0.0.1:1/simple", at + timedelta(seconds=1))
    assert first.commit == again.commit != other.commit
    assert first.before != first.after
