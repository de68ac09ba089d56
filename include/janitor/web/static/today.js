// @ts-check
// The answer of the morning: what broke, what it costs, whether anything leaks. The words are the server's.
import { Block, To, clock, dollars, h, span, useAnswer } from "./ui.js";

/** One entry for each cause: repositories that broke by the same one stand together. */
export function causes(news) {
  const found = new Map();
  for (const one of news) {
    const key = one.signature ?? `${one.organization}/${one.repository_name}`;
    if (!found.has(key)) found.set(key, { title: one.title, repositories: [], since: one.since_at });
    found.get(key).repositories.push(one);
  }
  return [...found.values()];
}

const name = (one) => `${one.organization}/${one.repository_name}`;

function Repositories({ of }) {
  const shown = of.slice(0, 5).flatMap((one, at) => [at ? ", " : "", h(To, { key: name(one), view: "repo", r: name(one) }, name(one))]);
  return h("span", null, shown, of.length > 5 ? ` and ${of.length - 5} more` : "");
}

function Cause({ cause, word }) {
  const first = cause.repositories[0];
  const commands = [`make logs REPO=${name(first)} RUN_ID=${first.run_id}`, `make report REPO=${name(first)}`];
  return h("article", null,
    h("h3", null, h("b", null, cause.title)),
    h("p", null, `${word}: `, h(Repositories, { of: cause.repositories }), cause.repositories.some((one) => one.flaky) ? " (flaky)" : ""),
    h("pre", { "aria-label": "commands" }, commands.join("\n")));
}

function Causes({ title, word, news }) {
  if (!news.length) return null;
  return h("section", null, h("h2", null, title), causes(news).map((cause) => h(Cause, { key: cause.title + name(cause.repositories[0]), cause, word })));
}

export function Alerts({ alerts }) {
  return alerts.map((one) => h("div", { key: one.code + one.subject, className: `jn-${one.severity}`, role: one.severity === "critical" ? "alert" : undefined },
    h("b", null, `${one.severity}: `), one.message, h("div", { className: "jn-muted" }, `→ ${one.next_step}`)));
}

export function Today() {
  const answer = useAnswer("api/snapshot");
  return h(Block, { answer }, (data) => {
    const { new: broken, fixed, still_failing: still, unknown } = data.repositories;
    const quiet = !broken.length && !still.length && !unknown.length && !data.alerts.length;
    return h("div", null,
      h("p", { id: "jn-sentence" }, data.sentence),
      h("p", { className: "jn-muted" }, `as of ${clock(data.at)}`),
      h(Alerts, { alerts: data.alerts }),
      quiet ? h("p", { className: "jn-empty" }, data.last_run ? `Nothing is broken: ${data.last_run.total_repositories} repositories were looked at.` : "Nothing was validated yet: make run, or trigger the DAG.") : null,
      h(Causes, { title: "Newly broken", word: "Broke", news: broken }),
      fixed.length ? h("section", null, h("h2", null, "Fixed"), h("p", null, h(Repositories, { of: fixed }))) : null,
      h(Causes, { title: "Still broken", word: "Broken", news: still }),
      h(Causes, { title: "Could not be told", word: "Ours to repair, not the repository's", news: unknown }));
  });
}

export function Tile() {
  const answer = useAnswer("api/snapshot", 60);
  return h(Block, { answer }, (data) => h("p", null, h(To, { view: "today" }, h("b", null, "Janitor")), ` ${data.sentence}`, h(Alerts, { alerts: data.alerts })));
}

export function Live() {
  const answer = useAnswer("api/snapshot", 5);
  return h(Block, { answer }, (data) => h("div", null,
    h("p", { id: "jn-safety" }, h("b", null, data.safety)),
    h(Alerts, { alerts: data.alerts }),
    data.instances.length ? h("div", { className: "jn-scroll" }, h("table", null,
      h("thead", null, h("tr", null, ["instance", "type", "repository", "so far", "its run", "the reaper", "its timer in AWS", "its own timer"].map((one) => h("th", { key: one, scope: "col" }, one)))),
      h("tbody", null, data.instances.map((one) => h("tr", { key: one.instance_id ?? one.intent_at },
        h("td", null, one.instance_id ?? "no id yet"), h("td", null, `${one.instance_type} ${one.market}`), h("td", null, one.repository_name ?? "unknown"),
        h("td", null, dollars(one.cost_usd)),
        [one.deadline_at, one.may_live_until, one.external_timer_at, one.guest_timer_at].map((at, which) => h("td", { key: which }, until(at, data.at)))))))) : h("p", { className: "jn-empty" }, "Nothing is alive.")));
}

function until(at, now) {
  const left = (Date.parse(at) - Date.parse(now)) / 1000;
  return left > 0 ? `in ${span(left)}` : "is due";
}
