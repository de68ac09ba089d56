"""The pages in a real browser, by day and by night: what they say, whether everybody can use them, what they write.

React, the router and the colours are Airflow's own; Airflow itself doesn't run. One test in tests/dags has all of it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import ExitStack
from decimal import Decimal
from pathlib import Path
from urllib.parse import quote
from uuid import UUID

import pytest
from pydantic import SecretStr

from janitor.domain.states import RunStatus
from janitor.services.snapshot.take import take_snapshot
from janitor.settings import Settings, load_settings
from janitor.stores.database import transaction
from janitor.stores.pool import decisions
from janitor.views.text.snapshot import sentence
from janitor.web.scripts import react_apps
from tests.integration.evidence.test_causes import NEW, bad, good, launch
from tests.integration.pool_control.pools import Pools
from tests.integration.snapshot.test_snapshot import Past
from tests.support.browser import Browser, Page, browser
from tests.support.deployment import ROOT
from tests.support.page_host import AXE, hosted
from tests.support.postgres import TestDatabase
from tests.support.reports import History
from tests.support.web_app import app_of

__all__ = ["browser"]

SCRIPT = react_apps()[0]["bundle_url"]
NASTY = "<img src=x onerror=console.error('ran')>: no such model"

LINE = "https://models.example/" + "x" * 380
"""That nothing breaks."""


class Shown:
    """A deployment's pages."""

    def __init__(self, address: str, browser: Browser, settings: Settings) -> None:
        self.address = address
        self.browser = browser
        self.settings = settings
        self.runs: list[UUID] = []

    def open(self, query: str, *, after: str | None = None, trouble: bool = False) -> Page:
        """A page once it is drawn; its console says nothing, but for a refusal where it is in trouble."""
        then = "" if after is None else f"&after={quote(after)}"
        page = self.browser.open(f"{self.address}?{query}{then}")
        said = [line for line in page.console if not (trouble and "Failed to load resource" in line)]
        assert not said, said
        return page


def environment_of(database: TestDatabase, deployment: str, folder: Path) -> dict[str, str]:
    return {
        "PATH": "/usr/bin:/bin",
        "JANITOR_STACK": "external",
        "JANITOR_ENGINE": "docker",
        "JANITOR_STATE_DIR": str(folder),
        "JANITOR_DEPLOYMENT": deployment,
        "JANITOR_DATABASE_URL": database.writer_url,
        "JANITOR_READER_DATABASE_URL": database.reader_url,
        "JANITOR_BUCKET": "test",
        "JANITOR_REGION": "us-east-1",
        "JANITOR_REAP_INTERVAL_SECONDS": "120",
    }


@pytest.fixture(scope="module")
def shown(
    database: TestDatabase,
    fleet: str,
    browser: Browser,  # the fixture that is imported
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[dict[str, Shown]]:
    """A deployment with a few nights, one with a fleet, one with nothing, one below a path."""
    folder = tmp_path_factory.mktemp("pages")
    names = {"few": "few", "fleet": fleet, "none": "none", "below": "few", "long": "long", "pooled": "pooled"}
    found: dict[str, Shown] = {}
    with ExitStack() as stack:
        for name, deployment in names.items():
            environ = environment_of(database, deployment, folder)
            settings = load_settings("local", environ=environ, project_root=ROOT)
            app = app_of(settings)
            base = "/team/airflow/" if name == "below" else "/"
            found[name] = Shown(stack.enter_context(hosted(app, SCRIPT, base=base)), browser, settings)
        write_few_nights(found["few"].settings, database)
        write_pool(found["pooled"].settings, database)
        history = History(found["long"].settings)
        history.run(bad(reason=LINE), other=bad(NEW, reason=LINE, repository="acme/worker-b"))
        found["long"].runs.extend(history.runs)
        yield found


def write_pool(settings: Settings, database: TestDatabase) -> None:
    """A worker at a task, an idle one, and a task that waits."""
    pools = Pools(settings, database)
    busy = pools.ready()
    pools.queued()
    pools.claim(busy)
    pools.ready()
    pools.queued(domain="organization:umbrella")
    with transaction(settings.writer_url) as connection:
        decisions.keep(connection, settings.deployment, "default", inputs={}, actions=[], why="2 wanted: <b>enough</b>")


def write_few_nights(settings: Settings, database: TestDatabase) -> None:
    """One repository that the world broke, one that its own commit broke."""
    other = {"repository": "acme/worker-b"}
    history = History(settings)
    for first, second in (
        (good(), good(**other)),
        (good(), good(**other)),
        (bad(digest="2"), good(**other)),
        (bad(digest="2"), bad(NEW, reason=NASTY, **other)),
    ):
        history.run(first, other=second)
        Past(settings, database).execute(
            "update validation_runs set status = %(status)s, completed_at = now() where run_id = %(run)s",
            status=RunStatus.FAILED.value,
            run=history.runs[-1],
        )


VIEWS = {
    "few": ("v=today", "v=live", "v=fleet", "v=cost", "v=repo&r=acme/worker-a"),
    "fleet": ("v=today", "v=fleet", "v=fleet&rows=causes"),
    "none": ("v=today", "v=live", "v=fleet", "v=fleet&rows=causes", "v=cost"),
    "pooled": ("v=live",),
}


@pytest.mark.parametrize("which", VIEWS)
def test_everybody_can_use_it(shown: dict[str, Shown], which: str) -> None:
    """Names, contrast, headings, tables, by day and by night; and nothing scrolls sideways at 1,024 pixels."""
    told = shown[which].open(VIEWS[which][0], after=AXE % json.dumps(VIEWS[which])).answer
    assert len(told) == 2 * len(VIEWS[which])
    for view, found in told.items():
        assert found["violations"] == [], view
        assert "color-contrast" in found["passes"], "the rule couldn't tell"
        assert found["width"] <= found["window"] == 1024, view
        assert found["headings"] >= 1, view
        assert found["text"] > 50, view


def test_what_nobody_could_use_is_noticed(shown: dict[str, Shown]) -> None:
    spoil = """host.insertAdjacentHTML("beforeend", "<input><p style='width:3000px'>x</p>"
      + "<p style='color:#777;background:#888'>words that are hard to read</p>");"""
    for found in shown["none"].open("v=today", after=spoil + AXE % '["v=today"]').answer.values():
        assert {one.partition(":")[0] for one in found["violations"]} == {"color-contrast", "label"}
        assert found["width"] > 1024


@pytest.mark.parametrize("query", ["v=today", "v=repo&r=acme/worker-a", "v=cost", "v=fleet&rows=causes", "a run"])
def test_a_long_line_makes_no_page_wide(shown: dict[str, Shown], query: str) -> None:
    long = shown["long"]
    if query == "a run":
        query = f"app=Repositories&runId={long.runs[-1]}"
    wide = """host.querySelectorAll("details").forEach((one) => { one.open = true; });
    const tables = [...host.querySelectorAll("table")].map((one) => one.closest(".jn-scroll"));
    return [document.documentElement.scrollWidth, tables.every((one) => one && one.clientWidth < 1024)];"""
    page = long.open(query, after=wide)
    width, held = page.answer
    assert width <= 1024
    assert held
    if "repo" in query:
        assert "fail handler_local" in page.text


def test_today_tells_why(shown: dict[str, Shown]) -> None:
    few = shown["few"]
    page = few.open("v=today")
    assert sentence(take_snapshot(few.settings, ask_airflow=False)).partition(" today")[0] in page.text
    for said in (
        *("Newly broken (1)", "Still broken (1)", "real it came with another commit", "world the commit is the same"),
        *("something outside changed? yes: base image python:3.11 111111111111 → 222222222222", "red in 2 runs"),
        *("last good", "first bad", "git clone --", "make keep REPO=acme/worker-a"),
    ):
        assert said in page.text, said
    assert "&lt;img src=x" in page.dom, "a report's text is text"
    assert "<img" not in page.dom


def test_live_shows_the_pools(shown: dict[str, Shown]) -> None:
    page = shown["pooled"].open("v=live")
    for said in (
        *("default 1 busy, 1 ready; 1 waiting (the oldest for ", "$0.00 today", "ago: 2 wanted: "),
        *("acme/worker-a for ", "idle for "),
    ):
        assert said in page.text, said
    assert "&lt;b&gt;enough" in page.dom, "a reason is text"
    assert "Pools" not in shown["none"].open("v=live").text


def test_a_quiet_morning_says_what_it_rests_on(shown: dict[str, Shown]) -> None:
    assert "Nothing was validated yet" in shown["none"].open("v=today").text
    assert "No run has a repository yet" in shown["none"].open("v=fleet").text


def test_a_cause_is_acknowledged_on_the_page(shown: dict[str, Shown]) -> None:
    """Filled in and sent as a person would; then it is dimmed, and can be heard again."""
    page = shown["few"].open(
        "v=today",
        after="""const article = host.querySelector("article[data-verdict=world]");
        const input = article.querySelector("input[name=reason]");
        Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, "value").set.call(input, "the image is mended");
        input.dispatchEvent(new Event("input", { bubbles: true }));
        await pause(50);
        article.querySelector("form").requestSubmit();
        const quiet = () => host.querySelector("article.jn-quiet");
        for (let times = 0; times < 200 && !quiet(); times += 1) await pause(20);
        const said = quiet()?.textContent ?? "";
        quiet()?.querySelector("button:last-of-type");
        [...(quiet()?.querySelectorAll("button") ?? [])].find((one) => one.textContent.includes("heard")).click();
        for (let times = 0; times < 200 && quiet(); times += 1) await pause(20);
        return { said, again: !quiet() };""",
    )
    assert "known to ada until its cause changes: the image is mended" in page.answer["said"]
    assert page.answer["again"]


def test_without_postgres_a_page_says_so(shown: dict[str, Shown], browser: Browser) -> None:
    """And it says it in words; nothing is left waiting."""
    nobody = SecretStr("postgresql://nobody:x@127.0.0.1:9/nothing")
    away = shown["none"].settings.model_copy(update={"reader_database_url": nobody})
    with hosted(app_of(away), SCRIPT) as address:
        for query in ("v=today", "v=fleet"):
            page = browser.open(f"{address}?{query}")
            assert "503: " in page.text
            assert "127.0.0.1" in page.text
            assert "Loading…" not in page.text


def test_below_a_path(shown: dict[str, Shown]) -> None:
    page = shown["below"].open("v=today")
    assert "Newly broken (1)" in page.text
    assert 'href="/team/airflow/plugin/janitor?v=fleet"' in page.dom


KEYS = """const grid = host.querySelector("[role=grid]"), told = [], how = { bubbles: true, cancelable: true };
const press = (key) => document.activeElement.dispatchEvent(new KeyboardEvent("keydown", { key, ...how }));
const at = () => document.activeElement.getAttribute("aria-label") ?? document.activeElement.tagName;
grid.focus();
told.push(at());
for (const key of ["ArrowDown", "ArrowUp", "ArrowRight", "ArrowLeft", "n", "p", "/"]) { press(key); told.push(at()); }
return told;"""


def test_the_grid_goes_by_keys_alone(shown: dict[str, Shown]) -> None:
    page = shown["few"].open("v=fleet&sort=name", after=KEYS)
    first, down, up, right, left, fresh, back, field = page.answer
    assert first.startswith("acme/worker-a: failed, still failing")
    assert down.startswith("acme/worker-b: failed, new")
    assert up == first
    assert right.startswith("acme/worker-a: failed, new")
    assert left == first
    assert fresh == right
    assert back == right, "there is no newer new one"
    assert field == "filter repositories"


def test_the_address_says_what_is_shown(shown: dict[str, Shown]) -> None:
    few = shown["few"]
    page = few.open("v=fleet&q=worker-b&runs=15&unknown=1")
    assert "1 of 2 repositories" in page.text
    assert "worker-a" not in page.text
    causes = few.open("v=fleet&rows=causes")
    assert "2 of 2 causes" in causes.text
    assert "KeyError: &#39;large&#39;: 1 repository" in causes.dom or "KeyError: 'large': 1 repository" in causes.dom
    past = few.open("v=fleet&at=2020-01-01T00:00:00Z")
    assert "No run has a repository yet" in past.text
    assert "Nothing is broken" not in few.open("v=nonsense").text


def test_a_repository_shows_its_checks_and_charts(shown: dict[str, Shown]) -> None:
    page = shown["few"].open("v=repo&r=acme/worker-a")
    for said in ("2 of its last 4 validations successful", "Time by phase", "fail handler_local", "KeyError: 'large'"):
        assert said in page.text, said
    assert page.dom.count("<rect") >= 4
    assert "was never validated here" in shown["few"].open("v=repo&r=acme/nobody", trouble=True).text


def test_a_run_shows_its_instances_to_scale(shown: dict[str, Shown], database: TestDatabase) -> None:
    few = shown["few"]
    snapshot = take_snapshot(few.settings, ask_airflow=False)
    assert snapshot.last_run is not None
    with transaction(database.reader_url) as connection:
        row = connection.execute(
            "select validation_id from repository_validations where run_id = %s order by repository_name limit 1",
            (snapshot.last_run.run_id,),
        ).fetchone()
    launch(database, few.settings, row["validation_id"], usd_hour=Decimal("1.2"))
    page = few.open(f"app=Repositories&runId={snapshot.last_run.run_id}")
    for said in ("0 of 2 successful", "Instances (1)", "g5.xlarge spot", "ended by its run's task: finished", "$0.20"):
        assert said in page.text, said
    legend = page.dom.partition('class="jn-muted jn-legend"')[2].partition("</p>")[0]
    for what in set(re.findall(r'title="(\w+) \d', page.dom)):
        assert re.search(rf"\b{what}\b", legend), f"no colour is said to be {what}"
    assert legend.count("<i") >= 2
    assert "This is not a run of Janitor's" in few.open("app=Repositories&runId=manual__x", trouble=True).text


PLACES = """const grid = host.querySelector("[role=grid]"), room = grid.closest(".jn-scroll");
const box = room.getBoundingClientRect();
const rows = [...grid.querySelectorAll("[role=row]")], told = { page: document.documentElement.scrollWidth };
const right = (one) => one.getBoundingClientRect().right;
const cells = [...grid.querySelectorAll("[role=gridcell]")], heads = [...grid.querySelectorAll(".jn-days span")];
told.last = Math.max(...cells.map((one) => right(one) - box.left + room.scrollLeft));
told.heads = Math.max(...heads.map((one) => right(one) - box.left + room.scrollLeft));
told.rows = Math.max(...rows.map((row) => right(row.lastChild) - box.left + room.scrollLeft));
told.scrolls = room.scrollWidth;
told.room = room.clientWidth;
told.cell = parseFloat(getComputedStyle(cells[0]).width);
cells.sort((a, b) => right(b) - right(a))[0].focus();
await pause(50);
const seen = document.activeElement.getBoundingClientRect();
told.focused = seen.right <= box.right + 1 && seen.left >= box.left + 100;
cells.sort((a, b) => right(a) - right(b))[0].focus();
await pause(50);
const name = document.activeElement.closest("[role=row]").firstChild.getBoundingClientRect();
told.covered = document.activeElement.getBoundingClientRect().left < name.right - 1;
return told;"""


@pytest.mark.parametrize("query", ["v=fleet", "v=fleet&rows=causes", "v=fleet&runs=120", "v=fleet&runs=15"])
def test_no_run_is_out_of_sight(shown: dict[str, Shown], query: str) -> None:
    """Sixty nights fit 1,024 pixels; what doesn't is within what scrolls, and the keyboard gets there."""
    found = shown["fleet"].open(query, after="host.style.width = '905px'; await pause(50);" + PLACES).answer
    assert found["page"] <= 1024
    for what in ("last", "heads", "rows"):
        assert found[what] <= found["scrolls"] + 1, what
    assert found["cell"] >= 8
    assert found["focused"]
    assert not found["covered"]
    if query == "v=fleet":
        assert found["scrolls"] <= found["room"]


TYPING = """const field = () => host.querySelector("input[type=search]"), told = [];
const type = (letter) => {
  const one = document.activeElement;
  if (one !== field()) { told.push("lost before " + letter); return; }
  one.setRangeText(letter, one.selectionStart, one.selectionEnd, "end");
  one.dispatchEvent(new Event("input", { bubbles: true }));
};
const settled = async () => { for (let times = 0; times < 40; times += 1) await pause(20); };
field().focus();
for (const letter of "wrkr") { type(letter); await settled(); }
field().setSelectionRange(1, 1);
for (const letter of "o") { type(letter); await settled(); }
told.push(field().value, field().selectionStart, document.activeElement === field(), location.search);
for (const letter of "xy") { type(letter); await pause(20); }
await settled();
told.push(field().value, field().selectionStart);
return told;"""


def test_who_types_keeps_the_caret(shown: dict[str, Shown]) -> None:
    """The first change of the address makes Airflow mount the page anew; nothing that is typed is lost by it."""
    told = shown["few"].open("v=fleet", after=TYPING).answer
    assert told[:3] == ["workr", 2, True]
    assert "q=workr" in told[3]
    assert told[4:] == ["woxyrkr", 4]


WALKING = """const told = [], settled = async () => { for (let times = 0; times < 40; times += 1) await pause(20); };
const at = () => document.activeElement.textContent.slice(0, 20);
const link = (text) => [...host.querySelectorAll("a")].find((one) => one.textContent === text);
for (const text of ["Cost", "Live", "Fleet"]) {
  link(text).focus();
  link(text).click();
  await settled();
  told.push(at());
}
link("acme/worker-a").focus();
link("acme/worker-a").click();
await settled();
told.push(document.activeElement.className, host.querySelector("h2").textContent);
return told;"""


def test_who_follows_a_link_isn_t_lost(shown: dict[str, Shown]) -> None:
    told = shown["few"].open("v=today", after=WALKING).answer
    assert told == ["Cost", "Live", "Fleet", "jn-view", "acme/worker-a"]


def test_who_chooses_stays_at_the_choice(shown: dict[str, Shown]) -> None:
    choosing = """const one = () => [...host.querySelectorAll("select")].find((each) => each.value === "60");
    one().focus();
    const select = one();
    Object.getOwnPropertyDescriptor(HTMLSelectElement.prototype, "value").set.call(select, "15");
    select.dispatchEvent(new Event("change", { bubbles: true }));
    for (let times = 0; times < 40; times += 1) await pause(20);
    return [document.activeElement.tagName, document.activeElement.value, location.search];"""
    tag, value, query = shown["few"].open("v=fleet", after=choosing).answer
    assert (tag, value) == ("SELECT", "15")
    assert "runs=15" in query


@pytest.mark.parametrize("query", ["v=repo&r=../../../api/v2/version", "v=repo&r=acme"])
def test_what_is_no_repository_is_asked_of_nobody(shown: dict[str, Shown], query: str) -> None:
    page = shown["few"].open(query)
    assert "This is not the name of a repository" in page.text
    assert 'aria-label="Janitor"' in page.dom


STRANGE = """const real = globalThis.fetch, told = {}, answers = %s;
const link = (text) => [...host.querySelectorAll("nav a")].find((one) => one.textContent === text);
for (const answer of answers) {
  globalThis.fetch = async (address, ...of) => String(address).includes("janitor-pages/api") ?
    new Response(answer, { status: 200, headers: { "Content-Type": "application/json" } }) : real(address, ...of);
  for (const text of ["Live", "Fleet", "Cost"]) {
    document.dispatchEvent(new Event("visibilitychange"));
    link(text).click();
    for (let times = 0; times < 40; times += 1) await pause(5);
    told[answer + text] = [Boolean(link("Today")), host.querySelectorAll("[role=alert]").length];
  }
}
return told;"""


def test_an_answer_that_nobody_knows_breaks_no_page(shown: dict[str, Shown]) -> None:
    few = shown["few"]
    answers = json.dumps(
        ["null", "[]", "{}", '"x"', "<html>", '{"rows": [1], "runs": {}}', '{"rows": [[]], "runs": 3}']
    )
    # What React says in the console of a part that failed belongs to it.
    page = few.browser.open(f"{few.address}?v=today&after={quote(STRANGE % answers)}")
    assert len(page.answer) == 21
    for what, (is_there, alerts) in page.answer.items():
        assert is_there, what
        assert alerts >= 1, what


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("v=fleet&at=nonsense", "422: at: Input should be a valid datetime"),
        ("v=fleet&runs=1.5", "422: runs: Input should be a valid integer"),
        ("v=cost&days=1.5", "422: days: Input should be a valid integer"),
    ],
)
def test_what_isn_t_understood_is_said(shown: dict[str, Shown], query: str, words: str) -> None:
    assert words in shown["few"].open(query, trouble=True).text


FROM_A_CAUSE = """const how = { bubbles: true, cancelable: true }, grid = host.querySelector("[role=grid]");
const press = (key) => document.activeElement.dispatchEvent(new KeyboardEvent("keydown", { key, ...how }));
const cells = [...grid.querySelectorAll("[role=gridcell]")];
cells[0].focus();
const row = cells[0].closest("[role=row]"), beside = cells[1].closest("[role=row]") === row;
if (beside) cells[1].className = "none"; // as a run is shown that the repository wasn't in
press("ArrowRight");
const skipped = document.activeElement === cells[2];
cells[0].focus();
press("Enter");
for (let times = 0; times < 200 && !host.querySelector("article"); times += 1) await pause(20);
await pause(200);
const one = document.activeElement, there = [...host.querySelectorAll("article")].map((each) => each.dataset.cause);
one.classList.add("jn-quiet");
return { beside, skipped, tag: one.tagName, cause: one.dataset.cause, there, address: location.search,
  border: getComputedStyle(one).borderLeftStyle };"""


def test_the_grid_of_causes_leads_to_each_cause(shown: dict[str, Shown]) -> None:
    found = shown["few"].open("v=fleet&rows=causes", after=FROM_A_CAUSE).answer
    assert found["beside"]
    assert found["skipped"], "what can't be seen has no focus"
    assert found["tag"] == "ARTICLE"
    assert found["cause"] in found["there"]
    assert found["address"] == f"?v=today&cause={found['cause']}"
    assert found["border"] == "dashed", "what is acknowledged looks so"
    assert "older than the last run" in shown["few"].open("v=today&cause=0000").text
