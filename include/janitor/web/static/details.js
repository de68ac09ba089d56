// @ts-check
// A run's repositories with their time, and a repository's history.
import { Block, Router, To, clock, day, dollars, h, span, useAnswer } from "./ui.js";

/**
 * What a validation's time went into, each from and to an instant. The report tells how long each phase took, one after
 * the other; what is left of the time since the launch was before them: boot, and getting the command.
 */
export function stretches(one, now) {
  if (!one.started_at) return [];
  const end = Date.parse(one.finished_at ?? now), launch = one.launched_at ? Date.parse(one.launched_at) : null;
  const found = [{ what: "queued", from: Date.parse(one.started_at), to: launch ?? end }];
  if (launch === null) return found;
  const phases = Object.entries(one.phases ?? {}).map(([phase, { seconds }]) => ({ phase, seconds })), worked = 1000 * phases.reduce((sum, phase) => sum + phase.seconds, 0);
  let at = Math.max(launch, end - worked);
  found.push({ what: phases.length ? "boot" : "on the instance", from: launch, to: at });
  if (!phases.length) found[1].to = end;
  for (const phase of phases) { found.push({ what: phase.phase, from: at, to: at + 1000 * phase.seconds }); at += 1000 * phase.seconds; }
  return found.filter((each) => each.to > each.from);
}

const COLOURS = { queued: "#94a3b8", boot: "#60a5fa", "on the instance": "#60a5fa", build: "#b7791f", test: "#2f855a", agent: "#805ad5" };

function Bar({ one, from, to, now }) {
  const percent = (at) => (100 * (at - from)) / (to - from || 1);
  const parts = stretches(one, now);
  return h("div", { className: "jn-bar", role: "img", "aria-label": parts.map((each) => `${each.what} ${span((each.to - each.from) / 1000)}`).join(", ") },
    parts.map((each) => h("i", { key: each.what, title: `${each.what} ${span((each.to - each.from) / 1000)}`, style: { left: `${percent(each.from)}%`, width: `${Math.max(0.4, percent(each.to) - percent(each.from))}%`, background: COLOURS[each.what] ?? "#5b8a9a" } })));
}

export function Run({ runId }) {
  const answer = useAnswer(runId ? `api/run/${encodeURIComponent(runId)}` : null, 5);
  if (answer.trouble && answer.trouble.status === 404) return h("p", { className: "jn-empty" }, "This is not a run of Janitor's, or it isn't planned yet.");
  return h(Block, { answer }, (run) => {
    const now = new Date().toISOString();
    const all = run.validations.flatMap((one) => stretches(one, now));
    const from = Math.min(...all.map((each) => each.from)), to = Math.max(...all.map((each) => each.to));
    return h("div", null,
      h("p", null, `${run.successful} of ${run.total_repositories} successful, ${dollars(run.cost_usd)}${run.cost_final ? "" : " so far"}`),
      h("div", { className: "jn-scroll" }, h("table", null,
        h("thead", null, h("tr", null, ["repository", "result", "time", "cost", "why"].map((one) => h("th", { key: one, scope: "col" }, one)))),
        h("tbody", null, run.validations.map((one) => h("tr", { key: one.validation_id },
          h("th", { scope: "row" }, h(To, { view: "repo", r: `${one.organization}/${one.repository}` }, one.repository)),
          h("td", null, one.status.replace("_", " ")), h("td", null, h(Bar, { one, from, to, now })), h("td", null, dollars(one.cost_usd)),
          h("td", null, one.status === "success" ? "" : one.summary ?? "")))))));
  });
}

export function Repository() {
  const [query] = Router.useSearchParams();
  const name = query.get("r") ?? "";
  const answer = useAnswer(name ? `api/repository/${name.split("/").map(encodeURIComponent).join("/")}` : null);
  return h("div", null, h("h2", null, name), h(Block, { answer }, (data) => h("div", { className: "jn-scroll" }, h("table", null,
    h("thead", null, h("tr", null, ["when", "result", "commit", "took", "cost", "why"].map((one) => h("th", { key: one, scope: "col" }, one)))),
    h("tbody", null, data.validations.map((one) => h("tr", { key: one.validation_id },
      h("td", null, one.started_at ? `${day(one.started_at)} ${clock(one.started_at)}` : ""), h("td", null, one.status.replace("_", " ")),
      h("td", null, (one.commit_sha ?? "").slice(0, 7), one.commit ? ` ${one.commit.subject}` : ""),
      h("td", null, one.started_at && one.finished_at ? span((Date.parse(one.finished_at) - Date.parse(one.started_at)) / 1000) : ""),
      h("td", null, dollars(one.cost_usd)), h("td", null, one.status === "success" ? "" : one.summary ?? ""))))))));
}
