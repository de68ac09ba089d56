// @ts-check
// The pools of warm workers: who does what, what waits, and why there are as many as there are.
import { dollars, h, span } from "./ui.js";

const since = (at, now) => (at === null ? "" : span(Math.max(0, (Date.parse(now) - Date.parse(at)) / 1000)));

/** A pool in a line: how many workers in which state, what waits for how long, what it costs. */
export function summary(pool, now) {
  const states = Object.entries(pool.by_state).map(([state, count]) => `${count} ${state}`).join(", ") || "no workers";
  const waits = pool.oldest_waiting_at === null ? "" : ` (the oldest for ${since(pool.oldest_waiting_at, now)})`;
  const stopped = pool.stopped_at === null ? "" : `; stopped by ${pool.stopped_by ?? "somebody"}`;
  return `${states}; ${pool.waiting} waiting${waits}; ${dollars(pool.cost_usd)} today${stopped}`;
}

/** What a worker does, and for how long. */
export function doing(worker, now) {
  if (worker.task !== null) return `${worker.task.repository ?? worker.task.kind} for ${since(worker.task.claimed_at, now)}`;
  if (worker.idle_since !== null) return `idle for ${since(worker.idle_since, now)}`;
  return worker.end_reason ?? worker.end_wanted ?? "";
}

function Workers({ pool, now }) {
  return h("div", { className: "jn-scroll", tabIndex: 0, role: "region", "aria-label": `workers of pool ${pool.name}` }, h("table", null,
    h("thead", null, h("tr", null, ["worker", "machine", "state", "does", "done", "age", "so far"].map((one) => h("th", { key: one, scope: "col" }, one)))),
    h("tbody", null, pool.workers.map((one) => h("tr", { key: one.worker_id },
      h("td", null, one.worker_id.slice(0, 8)), h("td", null, [one.instance_id ?? one.provider, one.instance_type].filter(Boolean).join(" ")), h("td", null, one.state),
      h("td", { className: "jn-words" }, doing(one, now)), h("td", null, one.tasks_done), h("td", null, since(one.requested_at, now)), h("td", null, one.cost_usd === null ? "" : dollars(one.cost_usd)))))));
}

export function Pools({ pools, now }) {
  if (!pools.length) return null;
  return h("section", { id: "jn-pools" }, h("h2", null, "Pools"), pools.map((pool) => h("div", { key: pool.name },
    h("p", null, h("b", null, pool.name), ` ${summary(pool, now)}`),
    pool.why === null ? null : h("p", { className: "jn-muted" }, `${since(pool.decided_at, now)} ago: ${pool.why}`),
    pool.workers.length ? h(Workers, { pool, now }) : null)));
}
