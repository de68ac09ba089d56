// @ts-check
// A repository: how it stands, its time and money over its validations, its last report's checks, the end of its log.
import { Bars } from "./charts.js";
import { Block, React, Router, clock, day, dollars, h, isRepository, span, useAnswer } from "./ui.js";

const HEADS = ["when", "result", "commit", "took", "cost", "why"];
const when = (one) => (one.started_at ? `${day(one.started_at)} ${clock(one.started_at)}` : "");

function Standing({ health, last }) {
  if (!health) return null;
  const since = health.not_successful_since ? ` Not successful since ${day(health.not_successful_since)}.` : "";
  const flaky = health.flaky_rate ? ` Its verdict turned over in ${Math.round(100 * health.flaky_rate)} % of the times that it could.` : "";
  return h("p", null, h("b", null, last.status.replace("_", " ")), `: ${health.successes} of its last ${health.validations} validations successful.${since}${flaky}`);
}

function Check({ check }) {
  const line = h("span", null, h("b", null, check.status), ` ${check.name} ${span(check.seconds)}${check.reason ? `: ${check.reason}` : ""}`);
  if (!check.evidence.length) return h("li", null, line);
  return h("li", null, h("details", { open: check.status === "fail" && check.required }, h("summary", null, line),
    check.evidence.map((one, at) => h("div", { key: at }, h("div", { className: "jn-muted" }, one.name), h("pre", { tabIndex: 0, "aria-label": one.name }, one.lines.join("\n"))))));
}

function Log({ of }) {
  const [open, setOpen] = React.useState(false);
  const answer = useAnswer(open ? `api/log/${of}` : null, 60);
  if (!open) return h("p", null, h("button", { type: "button", onClick: () => setOpen(true) }, "Show the end of its log"));
  return h(Block, { answer, title: "The end of its log", empty: (data) => (data.lines.length ? null : "Its log has no lines.") }, (data) => h("pre", { tabIndex: 0, "aria-label": "log", className: "jn-log" }, data.lines.join("\n")));
}

export function Repository() {
  const [query] = Router.useSearchParams();
  const name = query.get("r") ?? "", known = isRepository(name);
  const answer = useAnswer(known ? `api/repository/${name.split("/").map(encodeURIComponent).join("/")}` : null);
  return h("div", null, h("h2", null, name || "No repository is named"), name && !known ? h("p", { role: "alert", className: "jn-trouble" }, "This is not the name of a repository: it has to be organization/name.") : null, known ? h(Block, { answer }, (data) => {
    const all = data.validations, last = all[0], oldest = [...all].reverse();
    const phases = (pick) => oldest.map((one) => ({ title: when(one), parts: Object.entries(one.phases ?? {}).map(([what, phase]) => ({ what, value: Number(pick(phase) ?? 0) })) }));
    return h("div", null,
      h(Standing, { health: data.health, last }),
      h("div", { className: "jn-charts" },
        h(Bars, { title: "Time by phase", of: phases((phase) => phase.seconds), told: span }),
        h(Bars, { title: "Cost", of: oldest.map((one) => ({ title: when(one), parts: [{ what: "cost", value: Number(one.cost_usd ?? 0) }] })), told: dollars })),
      data.checks.length ? h("section", null, h("h3", null, "Its last report"), h("ul", { className: "jn-findings" }, data.checks.map((check) => h(Check, { key: check.name, check })))) : h("p", { className: "jn-empty" }, "Its last validation left no report."),
      last.log_stream ? h(Log, { of: last.validation_id }) : null,
      h("h3", null, "History"),
      h("div", { className: "jn-scroll", tabIndex: 0, role: "region", "aria-label": "history" }, h("table", null,
        h("thead", null, h("tr", null, HEADS.map((one) => h("th", { key: one, scope: "col" }, one)))),
        h("tbody", null, all.map((one) => h("tr", { key: one.validation_id },
          h("td", null, when(one)), h("td", null, one.status.replace("_", " ")),
          h("td", { className: "jn-words" }, (one.commit_sha ?? "").slice(0, 7), one.commit ? ` ${one.commit.subject}` : ""),
          h("td", null, one.started_at && one.finished_at ? span((Date.parse(one.finished_at) - Date.parse(one.started_at)) / 1000) : ""),
          h("td", null, dollars(one.cost_usd)), h("td", { className: "jn-words" }, one.status === "success" ? "" : one.summary ?? "")))))));
  }) : null);
}
