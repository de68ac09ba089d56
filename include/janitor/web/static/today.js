// @ts-check
// The answer of the morning: what broke, whether it is real, what it costs, whether anything leaks. Words are the server's.
import { Acknowledge } from "./acknowledge.js";
import { Pools } from "./pools.js";
import { Block, Copy, To, Router, React, clock, dollars, h, span, useAnswer } from "./ui.js";

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
const MARKS = { yes: "✓", no: "✗", unknown: "?" };

function Repositories({ of, more = 0 }) {
  const shown = of.slice(0, 5).flatMap((one, at) => [at ? ", " : "", h(To, { key: name(one), view: "repo", r: name(one) }, name(one))]);
  const left = Math.max(0, of.length - 5) + more;
  return h("span", null, shown, left ? ` and ${left} more` : "");
}

function Log({ log }) {
  return h("pre", { tabIndex: 0, "aria-label": log.name }, log.lines.map((line, at) => h(at === log.telling ? "b" : "span", { key: at }, `${line}\n`)));
}

/** The three questions with their answers, of the repository that is told of. */
function Findings({ of }) {
  return h("ul", { className: "jn-findings", "aria-label": "evidence" }, of.map((one) => h("li", { key: one.question }, h("span", { "aria-hidden": true }, MARKS[one.answer]), " ", one.text)));
}

export function Cause({ cause, changed }) {
  const one = cause.repositories[0], known = one.acknowledged;
  return h("article", { "data-cause": cause.key, tabIndex: -1, className: cause.is_silent ? "jn-quiet" : "", "data-verdict": cause.verdict },
    h("h3", null, cause.title),
    h("p", null, h(Repositories, { of: cause.repositories, more: cause.repository_count - cause.repositories.length })),
    known ? h("p", { className: "jn-known" }, known.text) : null,
    h("p", null, h("b", { className: `jn-verdict jn-${cause.verdict}` }, cause.verdict), ` ${cause.verdict_text.replace(/^[^:]*: /, "")}`),
    one.first_bad ? h(Findings, { of: one.findings }) : null,
    one.onset_texts.map((said) => h("p", { key: said, className: "jn-muted" }, said)),
    one.compare_url ? h("p", null, h("a", { href: one.compare_url, target: "_blank", rel: "noreferrer" }, "the commits in between")) : null,
    h("p", null, cause.spent_text),
    cause.log ? h(Log, { log: cause.log }) : null,
    h("details", null, h("summary", null, "See it again"), h("pre", { tabIndex: 0, "aria-label": "commands" }, cause.reproduce.join("\n")), h(Copy, { text: cause.reproduce.join("\n"), label: "Copy" })),
    h(Acknowledge, { cause, changed }));
}

function Group({ title, of, changed }) {
  if (!of.length) return null;
  return h("section", null, h("h2", null, `${title} (${of.length})`), of.map((cause) => h(Cause, { key: cause.key, cause, changed })));
}

/** Those of the news that no cause tells of: so many are told of with their evidence. */
function Rest({ data }) {
  const told = new Set(data.causes.flatMap((cause) => cause.repositories.map(name)));
  const { new: broken, still_failing: still, unknown } = data.repositories;
  const left = data.causes_left_out ? causes([...broken, ...still, ...unknown].filter((one) => !told.has(name(one)))) : [];
  if (!left.length) return null;
  return h("section", null, h("h2", null, `${data.causes_left_out} more causes`), h("ul", null, left.map((cause) => h("li", { key: cause.title + name(cause.repositories[0]) }, `${cause.title}: `, h(Repositories, { of: cause.repositories })))));
}

export function Alerts({ alerts }) {
  return alerts.map((one) => h("div", { key: one.code + one.subject, className: `jn-${one.severity}`, role: one.severity === "critical" ? "alert" : undefined },
    h("b", null, `${one.severity}: `), one.message, h("div", { className: "jn-muted" }, `→ ${one.next_step}`)));
}

/** What was looked at, and when: a quiet morning says what it rests on. */
export function quiet(data) {
  const run = data.last_run;
  if (!run) return "Nothing was validated yet: make run, or trigger the DAG.";
  const when = run.completed_at ? new Date(run.completed_at).toISOString().slice(0, 16).replace("T", " ") : "";
  return `Nothing is broken. Checked: ${run.successful} of ${run.total_repositories} repositories successful in the ${run.trigger} run that ended ${when} UTC; ${data.safety}`;
}

export function Today() {
  const answer = useAnswer("api/today"), place = React.useRef(null);
  const wanted = Router.useSearchParams()[0].get("cause"), isThere = Boolean(answer.data?.causes?.some((one) => one.key === wanted));
  React.useEffect(() => {
    const found = isThere ? [...place.current.querySelectorAll("article")].find((one) => one.dataset.cause === wanted) : null;
    found?.scrollIntoView();
    found?.focus({ preventScroll: true });
  }, [wanted, isThere]);
  return h(Block, { answer }, (data) => {
    const of = (group) => data.causes.filter((cause) => cause.group === group).sort((a, b) => a.is_silent - b.is_silent);
    const fixed = data.repositories.fixed, changed = answer.again;
    return h("div", { ref: place },
      h("p", { id: "jn-sentence" }, data.sentence),
      h("p", { className: "jn-muted" }, `as of ${clock(data.at)}`),
      h(Alerts, { alerts: data.alerts }),
      wanted && !isThere ? h("p", { className: "jn-empty", role: "status" }, "The cause that was asked for isn't told of here: it is over, or older than the last run.") : null,
      data.causes.length ? null : h("p", { className: "jn-empty", id: "jn-quiet" }, quiet(data)),
      h(Group, { title: "Newly broken", of: of("new"), changed }),
      fixed.length ? h("section", null, h("h2", null, `Fixed (${fixed.length})`), h("p", null, h(Repositories, { of: fixed }))) : null,
      h(Group, { title: "Still broken", of: of("still_failing"), changed }),
      h(Group, { title: "Could not be told: ours to repair", of: of("untold"), changed }),
      h(Rest, { data }));
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
    data.instances.length ? h("div", { className: "jn-scroll", tabIndex: 0, role: "region", "aria-label": "live instances" }, h("table", null,
      h("thead", null, h("tr", null, ["instance", "type", "repository", "so far", "its run", "the reaper", "its timer in AWS", "its own timer"].map((one) => h("th", { key: one, scope: "col" }, one)))),
      h("tbody", null, data.instances.map((one) => h("tr", { key: one.instance_id ?? one.intent_at },
        h("td", null, one.instance_id ?? "no id yet"), h("td", null, `${one.instance_type} ${one.market}`), h("td", null, one.repository_name ?? "unknown"),
        h("td", null, dollars(one.cost_usd)),
        [one.deadline_at, one.may_live_until, one.external_timer_at, one.guest_timer_at].map((at, which) => h("td", { key: which }, until(at, data.at)))))))) : h("p", { className: "jn-empty" }, "Nothing is alive."),
    h(Pools, { pools: data.pools, now: data.at })));
}

function until(at, now) {
  const left = (Date.parse(at) - Date.parse(now)) / 1000;
  return left > 0 ? `in ${span(left)}` : "is due";
}
