"""A small page around Janitor's, for tests: what Airflow's own UI sets up for a plugin, without an Airflow that runs.

React, the router, the theme and its colours are those of Airflow's own bundle: it is served as it is, but for the one
place where it draws itself, which is handed to the page instead.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import airflow
import axe_core_python
import uvicorn
from fastapi import FastAPI, Response
from fastapi.responses import HTMLResponse, JSONResponse
from fastapi.staticfiles import StaticFiles

from janitor.web.scripts import PREFIX
from tests.support.ports import free_ports

_DIST = Path(airflow.__file__).parent / "ui" / "dist"
_AXE = Path(axe_core_python.__file__).parent / "axe.min.js"
_DRAWS = re.compile(r"\(0,(\w+)\.createRoot\)\(document\.querySelector\(`#root`\)\)\.render\(")
_PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Airflow</title><base href="{base}">
<link rel="icon" href="data:,"><style>html{{font-family:sans-serif}}body{{margin:0}}</style></head>
<body><main id="host"></main><script type="module">
const params = new URLSearchParams(location.search);
localStorage.setItem("theme", params.get("theme") ?? "light");
await import("{base}static/assets/{bundle}");
const {{ createElement: h, cloneElement }} = React, {{ BrowserRouter, Routes, Route }} = ReactRouterDOM;
await import("{base}{script}");
if (params.has("watch")) fetch("{base}mark");
// As Airflow has it: the first one comes through a lazy part, the next one, once the address has changed, directly.
const lazily = React.lazy(async () => ({{ default: globalThis[params.get("app") ?? "Janitor"] }}));
let changed = false;
const Part = (props) => {{
  changed ||= ReactRouterDOM.useLocation().search !== first;
  return changed ? h(globalThis[props.name], props.props) : h(React.Suspense, null, h(lazily, props.props));
}};
const first = location.search;
const at = (name, props = {{}}) => h(Routes, null, h(Route, {{ path: "*", element: h(Part, {{ name, props }}) }}));
const page = at(params.get("app") ?? "Janitor", {{ runId: params.get("runId") }});
const leaf = h(BrowserRouter, {{ basename: "{base}" }}, page);
const within = (tree) => tree.props.router ? leaf : cloneElement(tree, {{}}, within(tree.props.children));
globalThis.drawAirflow(document.getElementById("host")).render(within(globalThis.airflowTree));
const host = document.getElementById("host");
const drawn = () => host.querySelector(".jn") && !host.querySelector(".jn-skeleton");
const pause = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));
for (let times = 0; times < 400 && !drawn(); times += 1) await pause(params.has("watch") ? 1 : 20);
if (params.has("watch")) await fetch("{base}mark");
if (params.has("after")) {{
  const answer = await (new (async () => {{}}).constructor("host", "pause", params.get("after")))(host, pause);
  const shown = Object.assign(document.createElement("pre"), {{ id: "answer", textContent: JSON.stringify(answer) }});
  document.body.append(shown);
}}
</script></body></html>"""
AXE = """await new Promise((done, fail) => document.head.append(Object.assign(document.createElement("script"),
  { src: document.baseURI + "axe.js", onload: done, onerror: fail })));
const told = {}, options = { rules: { region: { enabled: false } } }, real = getComputedStyle.bind(window);
const one = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
// These rules are older than the colour spaces of Airflow's theme: they get the same colours as the screen does.
const seen = (text) => text.replace(/(?:okl(?:ch|ab)|lab|lch|color)[(][^()]*[)]/g, (colour) => {
  one.clearRect(0, 0, 1, 1);
  one.fillStyle = colour;
  one.fillRect(0, 0, 1, 1);
  const [red, green, blue, opaque] = one.getImageData(0, 0, 1, 1).data;
  return `rgba(${red}, ${green}, ${blue}, ${opaque / 255})`;
});
const read = (value, style, key) => typeof value === "string" ? seen(value)
  : typeof value !== "function" ? value : (...of) => read(value.apply(style, of));
window.getComputedStyle = (...of) => new Proxy(real(...of), { get: (style, key) => read(style[key], style) });
const bad = (each) => ["serious", "critical"].includes(each.impact);
const words = (each) => each.id + ": " + each.nodes.map((node) => node.html.slice(0, 160)).slice(0, 3).join(" | ");
for (const query of %s) for (const theme of ["light", "dark"]) {
  history.pushState({}, "", "?" + query);
  dispatchEvent(new PopStateEvent("popstate"));
  document.documentElement.className = theme;
  await pause(100);
  for (let times = 0; times < 400 && host.querySelector(".jn-skeleton"); times += 1) await pause(20);
  const { violations, passes } = await axe.run(host, options);
  told[query + " " + theme] = { violations: violations.filter(bad).map(words), passes: passes.map((each) => each.id),
    text: host.textContent.length, headings: host.querySelectorAll("h1, h2").length,
    width: document.documentElement.scrollWidth, window: innerWidth };
}
return told;"""
"""What to do with a page, for each of a list of queries, by day and by night: Deque's rules, of which the one about
landmarks is the whole page's, and how wide it is."""


@cache
def _bundle() -> tuple[str, str]:
    """Name and text of Airflow's script, which keeps from drawing itself."""
    found = re.search(r"static/assets/(index-[\w-]+\.js)", (_DIST / "index.html").read_text())
    assert found is not None, "Airflow's index.html names no script: tests/support/page_host.py has to learn its form"
    text, changed = _DRAWS.subn(
        lambda match: f"globalThis.drawAirflow={match[1]}.createRoot,(tree=>{{globalThis.airflowTree=tree}})(",
        (_DIST / "assets" / found[1]).read_text(),
    )
    assert changed == 1, "Airflow's script draws itself in another way: tests/support/page_host.py has to learn it"
    return found[1], text


@contextmanager
def hosted(pages: FastAPI, script: str, *, base: str = "/", marks: list[float] | None = None) -> Iterator[str]:
    """The address of a page that shows Janitor's, `?theme=dark` by night, for as long as the block lasts.

    Args:
        pages: Janitor's app.
        script: The address of its script, relative as Airflow gets it.
        base: The path that all of it is below.
        marks: Where the clock is kept when a page that is watched (`?watch=1`) has its script, and when it is drawn: a
            browser that goes as fast as it can has no clock of its own.
    """
    name, text = _bundle()
    host = FastAPI()

    @host.get("/static/assets/" + name)
    def airflow_script() -> Response:
        return Response(text, media_type="text/javascript")

    @host.get("/mark")
    def mark() -> Response:
        if marks is not None:
            marks.append(time.perf_counter())
        return Response(status_code=204)

    @host.get("/axe.js")
    def rules() -> Response:
        return Response(_AXE.read_text(), media_type="text/javascript")

    @host.get("/ui/{_:path}")
    @host.get("/api/v2/{_:path}")
    def airflow_answers() -> Response:
        return JSONResponse({"theme": None})  # as Airflow's configuration has it where nobody has set one

    @host.get("/plugin/janitor")
    def page() -> Response:
        return HTMLResponse(_PAGE.format(base=base, bundle=name, script=script))

    host.mount("/static", StaticFiles(directory=_DIST))
    host.mount(PREFIX, pages)
    outer = host
    if base != "/":
        outer = FastAPI()
        outer.mount(base.rstrip("/"), host)
    (port,) = free_ports(1)
    server = uvicorn.Server(uvicorn.Config(outer, host="127.0.0.1", port=port, log_level="critical"))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            assert thread.is_alive(), "the page's server ended"
            thread.join(0.05)
        yield f"http://127.0.0.1:{port}{base}plugin/janitor"
    finally:
        server.should_exit = True
        thread.join()
