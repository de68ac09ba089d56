// @ts-check
// Gives Airflow its components. One script for all of them: it runs once, so it names each. It imports all others itself,
// those too that only they need: a browser gets them at once, not one after it has read another.
import "./acknowledge.js";
import "./charts.js";
import { Fleet } from "./fleet.js";
import { Cost } from "./cost.js";
import { useKeptFocus, useNewView } from "./focus.js";
import { Run } from "./details.js";
import "./pools.js";
import { Repository } from "./repository.js";
import { Live, Tile, Today } from "./today.js";
import { Guard, React, Router, STYLE, To, h, missing } from "./ui.js";

const VIEWS = { today: ["Today", Today], fleet: ["Fleet", Fleet], live: ["Live", Live], cost: ["Cost", Cost], repo: [null, Repository] };

function framed(Part, title) {
  return function Framed(props) {
    const lacks = missing();
    if (lacks) return lacks;
    const root = useKeptFocus(title ?? Part.name);
    return h("div", { className: "jn", ref: root }, h("style", null, STYLE), title ? h("h1", null, title) : null, h(Guard, null, h(Part, props)));
  };
}

/** `/` filters; only within our pages, and not while somebody types. */
function keys(event) {
  if (event.key !== "/" || /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName)) return;
  const field = event.currentTarget.querySelector("input[type=search]");
  if (field) { event.preventDefault(); field.focus(); }
}

function Pages() {
  const [query] = Router.useSearchParams();
  const chosen = Object.hasOwn(VIEWS, query.get("v") ?? "") ? query.get("v") : "today";
  React.useEffect(() => { document.title = `${VIEWS[chosen][0] ?? "Repository"} - Janitor`; }, [chosen]);
  const view = useNewView(`${chosen} ${query.get("r") ?? ""}`);
  // The one that is shown is a link too: it keeps the focus of whoever has just followed it.
  const links = Object.entries(VIEWS).filter(([, [title]]) => title).map(([one, [title]]) => h("span", { key: one, "aria-current": one === chosen ? "page" : undefined }, h(To, { view: one }, title)));
  return h("div", { onKeyDown: keys }, h("nav", { "aria-label": "Janitor" }, links), h("div", { ref: view, tabIndex: -1, className: "jn-view" }, h(Guard, { of: String(query) }, h(VIEWS[chosen][1]))));
}

Object.assign(globalThis, {
  Janitor: framed(Pages, "Janitor"),
  Repositories: framed(Run),
  "Janitor today": framed(Tile),
});
