"""The scripts' own arithmetic, in a real browser: which cells are drawn, what they are called, where time went."""

from __future__ import annotations

import json
import re
import shutil
from html import unescape
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from janitor.domain.config.fields import GithubRepository
from tests.support.browser import Browser, browser, served_folder

__all__ = ["browser"]

ROOT = Path(str(resources.files("janitor.web") / "static"))
HARNESS = """<!doctype html><base href="/"><pre id="answer">nothing</pre><script type="module">
globalThis.React = { createElement: () => null, memo: (part) => part };
globalThis.ReactRouterDOM = {};
const { chosen, exceptions, label } = await import("./fleet.js");
const { heights } = await import("./charts.js");
const { parts } = await import("./cost.js");
const { said } = await import("./acknowledge.js");
const { causes, quiet } = await import("./today.js");
const { ending, life, stretches } = await import("./details.js");
const { isRepository, span, dollars } = await import("./ui.js");
await import("./main.js");
const answer = JSON.stringify(%s);
document.getElementById("answer").textContent = answer;
</script>"""


@pytest.fixture
def evaluate(browser: Browser, tmp_path: Path) -> Any:  # the fixture that is imported
    """The value of an expression beside the scripts."""

    def of(expression: str) -> Any:
        shutil.copytree(ROOT, tmp_path, dirs_exist_ok=True)
        (tmp_path / "try.html").write_text(HARNESS % expression)
        with served_folder(tmp_path) as address:
            page = browser.open(f"{address}/try.html")
        found = re.search(r'<pre id="answer">(.*?)</pre>', page.dom, re.DOTALL)
        assert found is not None
        assert found[1] != "nothing", page.console
        return json.loads(unescape(found[1]))

    return of


def test_the_arithmetic(evaluate: Any) -> None:
    runs = '[{started_at: "2026-01-09T03:00:00Z"}, {started_at: "2026-01-08T03:00:00Z"}]'
    told = evaluate(
        "{well: exceptions('sss', 'mmm', '---'),"
        " mixed: exceptions('ffsxs.'.replace('x', 's'), 'lnmxm.', '------'),"
        " red: exceptions('fffff', 'lllll', '-----'),"
        " turns: exceptions('ss', 'mm', '-k'),"
        f" label: label('acme/w', {{from: 0, to: 1, status: 'f', change: 'l', flaky: true}}, {runs}),"
        " causes: causes([{signature: 'a', title: 'x', organization: 'o', repository_name: '1'},"
        " {signature: 'a', title: 'x', organization: 'o', repository_name: '2'},"
        " {signature: null, title: 'y', organization: 'o', repository_name: '3'}])"
        ".map((each) => each.repositories.length),"
        " stretches: stretches({started_at: '2026-01-01T00:00:00Z', launched_at: '2026-01-01T00:00:10Z',"
        " finished_at: '2026-01-01T00:01:40Z', phases: {build: {seconds: 40}, test: {seconds: 20}}}, null)"
        ".map((each) => [each.what, (each.to - each.from) / 1000]),"
        " waits: stretches({started_at: '2026-01-01T00:00:00Z'}, '2026-01-01T00:00:30Z').map((each) => each.what),"
        " spans: [0, 59, 61, 3725, 200000].map(span), money: [null, '0.5', '12'].map(dollars),"
        " named: ['Janitor', 'Repositories', 'Janitor today'].map((name) => typeof globalThis[name])}"
    )
    assert told["well"] == []
    assert [(one["from"], one["to"], one["status"], one["change"]) for one in told["mixed"]] == [
        (0, 0, "f", "l"),
        (1, 1, "f", "n"),
        (3, 3, "s", "x"),
        (5, 5, ".", "."),
    ]
    assert [(one["from"], one["to"]) for one in told["red"]] == [(0, 4)], "a year of red is one element"
    assert [one["from"] for one in told["turns"]] == [1]
    assert told["label"] == "acme/w: failed, still failing, flaky, 2 runs to 01-09"
    assert told["causes"] == [2, 1]
    assert told["stretches"] == [["queued", 10], ["boot", 30], ["build", 40], ["test", 20]]
    assert told["waits"] == ["queued"]
    assert told["spans"] == ["0s", "59s", "1m1s", "1h2m", "2d"]
    assert told["money"] == ["unknown", "$0.50", "$12.00"]
    assert told["named"] == ["function"] * 3


def test_rows_as_they_are_asked_for(evaluate: Any) -> None:
    rows = (
        "[['o/b', 'ff', 'nl', '--'], ['o/a', '.sf', '-xn', 'k--'], ['o/c', 'rs', '--', '---'],"
        " ['x/d', 'ef', '-n', '-k']]"
    )
    told = evaluate(
        f"Object.fromEntries([{{}}, {{wanted: 'O/'}}, {{show: 'broken'}}, {{show: 'flaky'}}, {{sort: 'name'}},"
        f" {{sort: 'red'}}, {{show: 'constructor', sort: 'constructor'}}]"
        f".map((how) => [JSON.stringify(how), chosen({rows}, how).map(([name]) => name)]))"
    )
    assert list(told.values()) == [
        ["o/b", "o/a", "o/c", "x/d"],
        ["o/b", "o/a", "o/c"],
        ["o/b", "x/d"],
        ["o/a", "x/d"],
        ["o/a", "o/b", "o/c", "x/d"],
        ["o/b", "o/a", "x/d", "o/c"],
        ["o/b", "o/a", "o/c", "x/d"],
    ]


def test_charts_and_lives(evaluate: Any) -> None:
    instance = (
        "{intent_at: '2026-01-01T00:00:00Z', launched_at: '2026-01-01T00:00:10Z',"
        " command_started_at: '2026-01-01T00:01:00Z', command_ended_at: '2026-01-01T00:05:00Z',"
        " end_asked_at: '2026-01-01T00:05:30Z', ended_at: '2026-01-01T00:06:00Z'}"
    )
    told = evaluate(
        "{bars: heights([{parts: [{value: 1}, {value: 3}]}, {parts: []}, {parts: [{value: 2}]}], 100),"
        " nothing: heights([{parts: [{value: 0}]}], 100),"
        " day: parts({boot_usd: '1', build_usd: '2', test_usd: '3', total_usd: '10'}).map((one) => one.value),"
        f" life: life({instance}, null).map((one) => [one.what, (one.to - one.from) / 1000]),"
        " lost: life({intent_at: '2026-01-01T00:00:00Z', ended_at: '2026-01-01T00:00:04Z'}, null)"
        ".map((one) => one.what),"
        " refused: ending({placement: 'capacity', aws_code: 'InsufficientInstanceCapacity'}),"
        " ended: ending({placement: 'launched', ended_by: 'the reaper', termination_reason: 'lease_expired'}),"
        " living: ending({placement: null, state: 'running'}),"
        " date: said({key: 'k'}, {reason: ' x ', until: 'date', date: '2026-05-04'}),"
        " cause: said({key: 'k'}, {reason: 'x', until: 'cause_changes', date: '2026-05-04'}),"
        " quiet: quiet({last_run: {successful: 5, total_repositories: 5, trigger: 'schedule',"
        " completed_at: '2026-05-04T03:41:07Z'}, safety: 'Nothing is alive.'})}"
    )
    assert told["bars"] == [[25, 75], [], [50]]
    assert told["nothing"] == [[0]]
    assert told["day"] == [1, 2, 3, 4]
    assert told["life"] == [["placement", 10], ["boot", 50], ["command", 240], ["idle", 30], ["ending", 30]]
    assert told["lost"] == ["placement"]
    assert told["refused"] == "refused: capacity (InsufficientInstanceCapacity)"
    assert told["ended"] == "ended by the reaper: lease expired"
    assert told["living"] == "running"
    assert told["date"] == {"cause_key": "k", "reason": "x", "until": "date", "until_at": "2026-05-04T23:59:59Z"}
    assert told["cause"] == {"cause_key": "k", "reason": "x", "until": "cause_changes"}
    assert told["quiet"] == (
        "Nothing is broken. Checked: 5 of 5 repositories successful in the schedule run that ended 2026-05-04 03:41"
        " UTC; Nothing is alive."
    )


@pytest.mark.parametrize(
    "fault", ["throw new Error('boo')", "console.error('boo')", "Promise.reject(new Error('boo'))"]
)
def test_a_page_that_errs_is_noticed(browser: Browser, tmp_path: Path, fault: str) -> None:
    """The tests of pages would see it."""
    (tmp_path / "errs.html").write_text(f"<p>there</p><script>{fault}</script>")
    with served_folder(tmp_path) as address:
        page = browser.open(f"{address}/errs.html")
    assert page.text.strip() == "there"
    assert "boo" in " ".join(page.console)


def test_a_repository_s_name_is_the_config_s(evaluate: Any) -> None:
    names = [
        *("acme/worker", "a-b/w.x_y-z", "a--b/w", "-a/w", "a-/w", "a_/w", "acme/.", "acme/..", "acme/...", "acme/-w"),
        *("acme/w.git", "acme/w.GIT", "acme/.git", "acme/w.gitx", "acme", "acme/", "/w", "acme/w/x", "../x"),
        *("acme/w\n", "a" * 39 + "/w", "a" * 40 + "/w", "a/" + "w" * 100, "a/" + "w" * 101, "acme/w%00"),
        *("acme/\u00e9", "", "acme/w x"),
    ]

    def is_one(text: str) -> bool:
        try:
            return bool(TypeAdapter(GithubRepository).validate_python(text))
        except ValidationError:
            return False

    assert evaluate(f"{json.dumps(names)}.map(isRepository)") == [is_one(name) for name in names]
