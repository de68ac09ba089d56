// @ts-check
// Repositories by runs, or causes by runs. Success is the row's background; only what isn't a plain success is an element.
import { Block, React, Router, day, h, useAnswer } from "./ui.js";

const WORDS = { s: "success", f: "failed", e: "error", t: "timed out", i: "incomplete", c: "cancelled", r: "running", ".": "not in this run" };
const CHANGES = { n: "new", x: "fixed", l: "still failing", 1: "first" };
const GLYPHS = { f: "F", e: "E", t: "T", i: "I", c: "–", r: "…", s: "✓", ".": "" };
/** Of a cell, in pixels at least: two digits need more than a letter. The style makes of it what the grid has room for. */
const NARROW = 10, WIDER = 7;

/**
 * The exceptions of a row, equal neighbours together: a repository that was red for a year is one element.
 * @returns {{from: number, to: number, status: string, change: string, flaky: boolean}[]}
 */
export function exceptions(statuses, changes, flaky) {
  const found = [];
  for (let at = 0; at < statuses.length; at += 1) {
    const status = statuses[at], change = changes[at], turns = flaky[at] === "k";
    if (status === "s" && change !== "x" && !turns) continue;
    const last = found[found.length - 1];
    const plain = change !== "n" && change !== "x";
    if (last && plain && last.to === at - 1 && last.status === status && last.change === change && last.flaky === turns) last.to = at;
    else found.push({ from: at, to: at, status, change, flaky: turns });
  }
  return found;
}

export function label(name, cell, runs) {
  const word = WORDS[cell.status] + (CHANGES[cell.change] ? `, ${CHANGES[cell.change]}` : "") + (cell.flaky ? ", flaky" : "");
  const when = runs[cell.from] ? day(runs[cell.from].started_at) : "";
  return `${name}: ${word}, ${cell.to > cell.from ? `${cell.to - cell.from + 1} runs to ${when}` : when}`;
}

/** The newest outcome that says something: not the ones that go on, were cancelled, or aren't there. */
const latest = (statuses) => statuses.replace(/[.rc]/g, "")[0] ?? ".";
const count = (text, letter) => text.split(letter).length - 1;
const SHOWS = {
  all: () => true,
  broken: ([, statuses]) => !"s.".includes(latest(statuses)),
  flaky: ([, , , flaky]) => flaky.includes("k"),
};
const SORTS = {
  new: null, // as the server gives them: new, still failing, not told, well
  name: (a, b) => a[0].localeCompare(b[0]),
  red: (a, b) => count(b[1], "f") - count(a[1], "f"),
  flaky: (a, b) => count(b[3], "k") - count(a[3], "k"),
};

/** Rows as they are asked for; what isn't known is as if it wasn't said. */
export function chosen(rows, { wanted = "", show = "all", sort = "new" }) {
  const found = rows.filter((row) => row[0].toLowerCase().includes(wanted.toLowerCase()) && (SHOWS[show] ?? SHOWS.all)(row));
  return SORTS[sort] ? [...found].sort(SORTS[sort]) : found;
}

const looks = (cell) => (cell.status === "." ? "none" : cell.change === "x" ? "fixed" : cell.status === "r" ? "live" : cell.status === "f" ? (cell.change === "n" || cell.change === "1" ? "new" : "still") : "told");
const page = (keys) => `/plugin/janitor?${new URLSearchParams(keys)}`;

function Cell({ name, from, to = from, look, text, says, keys }) {
  return h("i", { role: "gridcell", "aria-colindex": from + 2, tabIndex: -1, "data-go": keys && page(keys), className: look, "aria-label": says, title: says,
    style: { left: `calc(var(--cell) * ${from})`, width: `calc(var(--cell) * ${to - from + 1} - 2px)` } }, text);
}

const Row = React ? React.memo(({ row, runs, at }) => {
  const [name, statuses, changes, flaky] = row;
  return h("div", { role: "row", className: "jn-row", "aria-rowindex": at + 2 },
    h("span", { role: "rowheader" }, h(Router.Link, { to: page({ v: "repo", r: name }) }, name)),
    h("div", { role: "presentation", className: "jn-cells" }, exceptions(statuses, changes, flaky).map((cell) => h(Cell, {
      key: cell.from, name, from: cell.from, to: cell.to, look: looks(cell) + (cell.flaky ? " flaky" : ""), says: label(name, cell, runs), keys: { v: "repo", r: name },
      text: GLYPHS[cell.status] }))));
}) : () => null;

/** A cause: in each run, how many repositories; where it began within these runs is solid. */
const CauseRow = React ? React.memo(({ row, runs, at }) => {
  const [signature, title, counts] = row;
  const began = Math.max(...counts.map(([column]) => column));
  return h("div", { role: "row", className: "jn-row", "aria-rowindex": at + 2 },
    h("span", { role: "rowheader", title }, h(Router.Link, { to: page({ v: "today", cause: signature }) }, title)),
    h("div", { role: "presentation", className: "jn-cells" }, counts.map(([column, repositories]) => h(Cell, {
      key: column, name: signature, from: column, look: column === began ? "new" : "still", text: String(repositories), keys: { v: "today", cause: signature },
      says: `${title}: ${repositories} ${repositories === 1 ? "repository" : "repositories"}, ${runs[column] ? day(runs[column].started_at) : ""}` }))));
}) : () => null;

/** Where there was no run of a repository, there is nothing to see. */
const SEEN = "i[role=gridcell]:not(.none)";

/** Arrow keys go from exception to exception, across rows too; n and p to what is new; Enter opens. */
function move(event, go) {
  const cell = event.target.closest("i[role=gridcell]"), grid = event.currentTarget;
  if (!cell || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "Enter") return cell.dataset.go && go(cell.dataset.go);
  const all = [...grid.querySelectorAll(SEEN)];
  const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key], rows = { ArrowDown: 1, ArrowUp: -1 }[event.key], jump = { n: 1, p: -1 }[event.key];
  if (!step && !rows && !jump) return;
  event.preventDefault();
  let next = all[all.indexOf(cell) + (step ?? 0)];
  if (jump) {
    const fresh = all.filter((one) => one === cell || one.classList.contains("new"));
    next = fresh[fresh.indexOf(cell) + jump];
  }
  if (rows) {
    const own = cell.closest("[role=row]");
    const ahead = all.filter((one) => one.closest("[role=row]") !== own);
    const below = ahead.filter((one) => (own.compareDocumentPosition(one) & 4) === (rows > 0 ? 4 : 0));
    const row = (rows > 0 ? below[0] : below[below.length - 1])?.closest("[role=row]");
    next = row && [...row.querySelectorAll(SEEN)].sort((a, b) => Math.abs(a.offsetLeft - cell.offsetLeft) - Math.abs(b.offsetLeft - cell.offsetLeft))[0];
  }
  next?.focus();
}

function Heads({ runs, what }) {
  return h("div", { role: "row", className: "jn-row jn-heads", "aria-rowindex": 1 }, h("span", { role: "columnheader" }, what),
    h("div", { role: "presentation", className: "jn-days" }, runs.map((run, at) => (at % 4 || (at && runs.length - at < 3) ? null : h("span", { key: run.run_id, role: "columnheader", "aria-colindex": at + 2, style: { left: `calc(var(--cell) * ${at})` } }, day(run.started_at))))));
}

const RUNS = [15, 30, 60, 120], PAUSE = 200;

/** The field is the browser's own while somebody types: an address that changes with each letter would take its caret. */
function Filter({ what, value, set }) {
  const field = React.useRef(null), said = React.useRef(value), timer = React.useRef(0);
  React.useEffect(() => {
    if (value !== said.current) field.current.value = value;
    said.current = value;
  }, [value]);
  React.useEffect(() => () => clearTimeout(timer.current), []);
  const typed = () => {
    clearTimeout(timer.current);
    timer.current = setTimeout(() => { said.current = field.current.value; set(said.current); }, PAUSE);
  };
  return h("input", { ref: field, type: "search", "aria-label": `filter ${what}`, placeholder: `filter ${what}`, defaultValue: value, onInput: typed });
}

export function Fleet() {
  const [query, setQuery] = Router.useSearchParams();
  const go = Router.useNavigate();
  const runs = Math.min(120, Math.max(1, Number(query.get("runs")) || 60));
  const wanted = query.get("q") ?? "", show = query.get("show") ?? "all", sort = query.get("sort") ?? "new", at = query.get("at"), rows = query.get("rows") === "causes" ? "causes" : "repositories";
  const answer = useAnswer(`api/${rows === "causes" ? "causes" : "fleet"}?runs=${runs}${at ? `&at=${encodeURIComponent(at)}` : ""}`);
  const set = (key, value, usual) => setQuery((old) => { value && value !== usual ? old.set(key, value) : old.delete(key); return old; }, { replace: true });
  const choice = (key, text, value, all, usual) => h("label", null, `${text} `, h("select", { value, onChange: (event) => set(key, event.target.value, usual) }, all.map((one) => h("option", { key: one, value: one }, one))));
  const grid = (data) => {
    const found = rows === "causes" ? data.rows.filter(([, title]) => title.toLowerCase().includes(wanted.toLowerCase())) : chosen(data.rows, { wanted, show, sort });
    const digits = rows === "causes" ? Math.max(1, ...found.flatMap(([, , counts]) => counts.map(([, how]) => String(how).length))) : 1;
    return h("div", null,
      h("p", { role: "status" }, `${found.length} of ${data.rows.length} ${rows}, ${data.runs.length} runs${at ? `, as it was known at ${at}` : ""}`),
      h("div", { className: "jn-scroll jn-room" }, h("div", { role: "grid", "aria-label": `${rows} by runs`, className: "jn-grid", style: { "--n": data.runs.length, "--least": `${NARROW + WIDER * (digits - 1)}px` }, "aria-rowcount": found.length + 1, "aria-colcount": data.runs.length + 1, onKeyDown: (event) => move(event, go),
        onClick: (event) => { const to = event.target.closest("i[data-go]")?.dataset.go; if (to) go(to); },
        tabIndex: 0, onFocus: (event) => event.target === event.currentTarget && event.currentTarget.querySelector(SEEN)?.focus() },
        h(Heads, { runs: data.runs, what: rows === "causes" ? "cause" : "repository" }),
        found.map((row, index) => h(rows === "causes" ? CauseRow : Row, { key: row[0], row, runs: data.runs, at: index })))),
      h("p", { className: "jn-muted" }, "Pale: success. Solid: newly broken. Outlined: F still failing, E error, T timed out, I incomplete, ✓ fixed; a wavy line: flaky. Arrows, n and p move, Enter opens."));
  };
  return h("div", null,
    h("h2", { className: "jn-hidden" }, "Fleet"),
    h("p", { className: "jn-form" },
      choice("rows", "rows", rows, ["repositories", "causes"], "repositories"),
      h(Filter, { what: rows, value: wanted, set: (value) => set("q", value) }),
      rows === "causes" ? null : choice("show", "show", show, Object.keys(SHOWS), "all"),
      rows === "causes" ? null : choice("sort", "sort by", sort, Object.keys(SORTS), "new"),
      choice("runs", "runs", runs, RUNS.includes(runs) ? RUNS : [...RUNS, runs], "60"),
      at ? h("button", { type: "button", onClick: () => set("at", "") }, "Back to now") : null),
    h(Block, { answer, empty: (data) => (data.rows.length ? null : data.runs.length ? "None of these runs has one." : "No run has a repository yet.") }, grid));
}
