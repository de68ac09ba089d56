// @ts-check
// Repositories by runs. Success is the row's background; only what isn't a plain success is an element.
import { Block, React, Router, day, h, useAnswer } from "./ui.js";

const WORDS = { s: "success", f: "failed", e: "error", t: "timed out", i: "incomplete", c: "cancelled", r: "running", ".": "not in this run" };
const CHANGES = { n: "new", x: "fixed", l: "still failing", 1: "first" };
const GLYPHS = { f: "F", e: "E", t: "T", i: "I", c: "–", r: "…", s: "✓", ".": "" };

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

const looks = (cell) => (cell.status === "." ? "none" : cell.change === "x" ? "fixed" : cell.status === "r" ? "live" : cell.status === "f" ? (cell.change === "n" || cell.change === "1" ? "new" : "still") : "told");

const Row = React ? React.memo(({ row, runs, at }) => {
  const [name, statuses, changes, flaky] = row;
  return h("div", { role: "row", className: "jn-row", "aria-rowindex": at + 1 },
    h("span", { role: "rowheader" }, h(Router.Link, { to: `/plugin/janitor?${new URLSearchParams({ v: "repo", r: name })}` }, name)),
    h("div", { role: "presentation", className: "jn-cells" }, exceptions(statuses, changes, flaky).map((cell) => h("i", {
      key: cell.from, role: "gridcell", "aria-colindex": cell.from + 2, tabIndex: -1, "data-repository": name, className: looks(cell),
      "aria-label": label(name, cell, runs), title: label(name, cell, runs),
      style: { left: cell.from * 20, width: (cell.to - cell.from + 1) * 20 - 2 },
    }, GLYPHS[cell.status] + (cell.flaky ? "~" : "")))));
}) : () => null;

/** Arrow keys go from exception to exception, across rows too. */
function move(event) {
  const cell = event.target.closest("i[role=gridcell]");
  const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key], rows = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (!cell || (!step && !rows)) return;
  event.preventDefault();
  const all = [...event.currentTarget.querySelectorAll("i[role=gridcell]")];
  let next = all[all.indexOf(cell) + (step ?? 0)];
  if (rows) {
    const own = cell.closest("[role=row]");
    const ahead = all.filter((one) => one.closest("[role=row]") !== own);
    const below = ahead.filter((one) => (own.compareDocumentPosition(one) & 4) === (rows > 0 ? 4 : 0));
    const row = (rows > 0 ? below[0] : below[below.length - 1])?.closest("[role=row]");
    next = row && [...row.querySelectorAll("i[role=gridcell]")].sort((a, b) => Math.abs(a.offsetLeft - cell.offsetLeft) - Math.abs(b.offsetLeft - cell.offsetLeft))[0];
  }
  next?.focus();
}

export function Fleet() {
  const [query, setQuery] = Router.useSearchParams();
  const runs = Math.min(120, Math.max(1, Number(query.get("runs")) || 60));
  const wanted = (query.get("q") ?? "").toLowerCase(), show = query.get("show") ?? "all", at = query.get("at");
  const answer = useAnswer(`api/fleet?runs=${runs}${at ? `&at=${encodeURIComponent(at)}` : ""}`);
  const set = (key, value) => setQuery((old) => { value ? old.set(key, value) : old.delete(key); return old; }, { replace: true });
  const grid = (data) => {
    const rows = data.rows.filter(([name, statuses, , flaky]) => name.toLowerCase().includes(wanted)
      && (show === "all" || (show === "flaky" ? flaky.includes("k") : !"s.".includes(statuses.replace(/[.rc]/g, "")[0] ?? "."))));
    return h("div", null,
      h("p", { role: "status" }, `${rows.length} of ${data.rows.length} repositories, ${data.runs.length} runs${at ? `, as it was at ${at}` : ""}`),
      h("div", { className: "jn-scroll" }, h("div", { role: "grid", "aria-label": "repositories by runs", className: "jn-grid", style: { "--n": data.runs.length }, "aria-rowcount": rows.length, "aria-colcount": data.runs.length + 1, onKeyDown: move,
        tabIndex: 0, onFocus: (event) => event.target === event.currentTarget && event.currentTarget.querySelector("i[role=gridcell]")?.focus() },
        rows.map((row, index) => h(Row, { key: row[0], row, runs: data.runs, at: index })))));
  };
  return h("div", null,
    h("p", null,
      h("input", { type: "search", "aria-label": "filter repositories", placeholder: "filter repositories", value: query.get("q") ?? "", onChange: (event) => set("q", event.target.value) }), " ",
      h("select", { "aria-label": "which repositories", value: show, onChange: (event) => set("show", event.target.value === "all" ? "" : event.target.value) },
        ["all", "broken", "flaky"].map((one) => h("option", { key: one, value: one }, one)))),
    h(Block, { answer, empty: (data) => (data.rows.length ? null : "No run has a repository yet.") }, grid));
}
