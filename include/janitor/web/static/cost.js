// @ts-check
// What it costs: by day, repository, phase and cause; what nothing explains; today's budget.
import { Bars } from "./charts.js";
import { Block, Router, To, dollars, h, span, useAnswer } from "./ui.js";

const DAYS = [7, 14, 30, 90];

function Table({ title, heads, rows }) {
  return h("section", null, h("h3", null, title), rows.length ? h("div", { className: "jn-scroll", tabIndex: 0, role: "region", "aria-label": title }, h("table", null,
    h("thead", null, h("tr", null, heads.map((one) => h("th", { key: one, scope: "col" }, one)))),
    h("tbody", null, rows.map((row, at) => h("tr", { key: at }, row.map((cell, which) => h("td", { key: which, className: typeof cell === "string" && cell.length > 24 ? "jn-words" : undefined }, cell))))))) : h("p", { className: "jn-empty" }, "Nothing."));
}

/** A day's bar: its phases, and what is left of its sum. */
export function parts(one) {
  const named = ["boot", "build", "test"].map((what) => ({ what, value: Number(one[`${what}_usd`]) }));
  return [...named, { what: "other", value: Math.max(0, Number(one.total_usd) - named.reduce((sum, part) => sum + part.value, 0)) }];
}

function Budget({ budget }) {
  const limit = budget.daily_budget_usd;
  return h("p", null, limit ? `${dollars(budget.used_usd)} of today's ${dollars(limit)} are spent or set aside` : `${dollars(budget.used_usd)} are spent or set aside today; there is no daily budget`,
    budget.usual_usd ? `; a usual day costs ${dollars(budget.usual_usd)}.` : ".");
}

export function Cost() {
  const [query, setQuery] = Router.useSearchParams();
  const days = Math.min(90, Math.max(1, Number(query.get("days")) || 30));
  const answer = useAnswer(`api/cost?days=${days}`, 60);
  const set = (event) => setQuery((old) => { old.set("days", event.target.value); return old; }, { replace: true });
  return h("div", null, h("h2", { className: "jn-hidden" }, "Cost"),
    h("p", null, h("label", null, "days ", h("select", { value: days, onChange: set }, (DAYS.includes(days) ? DAYS : [...DAYS, days]).map((one) => h("option", { key: one, value: one }, one))))),
    h(Block, { answer }, (data) => h("div", null,
      h(Budget, { budget: data.budget }),
      h("p", null, `${dollars(data.waste.total_usd)} for ${data.waste.instances} instances in ${days} days${data.waste.instances_without_price ? `, ${data.waste.instances_without_price} of them without a price` : ""}.`),
      h(Bars, { title: "By day", of: [...data.days].reverse().map((one) => ({ title: one.day, parts: parts(one) })), told: dollars }),
      h(Table, { title: "By phase", heads: ["phase", "time", "cost"], rows: Object.entries(data.waste.phases).map(([phase, one]) => [phase.replace("_", " "), span(one.seconds), dollars(one.usd)]) }),
      h(Table, { title: "By cause", heads: ["cause", "repositories", "runs", "cost"], rows: data.causes.map((one) => [one.title, one.repositories, one.runs, dollars(one.total_usd)]) }),
      h(Table, { title: "By repository", heads: ["repository", "instances", "cost", "of that, not successful"], rows: data.repositories.map((one) => [one.repository ? h(To, { view: "repo", r: one.repository }, one.repository) : one.pool ? `pool ${one.pool}, machines without a task` : "instances of a run's own", one.instances, dollars(one.total_usd), one.failing_usd === null ? "" : dollars(one.failing_usd)]) }),
      h(Table, { title: "Waste: time that nothing explains", heads: ["instance", "repository", "unexplained", "cost", "because", "ended by"], rows: data.waste.unexplained.slice(0, 50).map((one) => [one.instance_id ?? "no id", one.repository ?? "", span(one.unexplained_seconds), dollars(one.usd), one.because ?? "", one.ended_by ?? ""]) }))));
}
