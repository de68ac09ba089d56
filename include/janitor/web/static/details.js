// @ts-check
// A run: its repositories with their time, and each instance's life to scale, from the search for its place to its end.
import { COLOURS, Legend, OTHER } from "./charts.js";
import { Block, To, clock, dollars, h, span, useAnswer } from "./ui.js";

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

function Bar({ parts, from, to }) {
  const percent = (at) => (100 * (at - from)) / (to - from || 1);
  return h("div", { className: "jn-bar", role: "img", "aria-label": parts.map((each) => `${each.what} ${span((each.to - each.from) / 1000)}`).join(", ") },
    parts.map((each) => h("i", { key: each.what, title: `${each.what} ${span((each.to - each.from) / 1000)}`, style: { left: `${percent(each.from)}%`, width: `${Math.max(0.4, percent(each.to) - percent(each.from))}%`, background: COLOURS[each.what] ?? OTHER } })));
}

/** What an instance's time went into; what isn't known has no stretch. */
export function life(one, now) {
  const at = (key) => (one[key] ? Date.parse(one[key]) : null);
  const end = at("ended_at") ?? Date.parse(now), marks = [["placement", at("intent_at")], ["boot", at("launched_at")], ["command", at("command_started_at")], ["idle", at("command_ended_at")], ["ending", at("end_asked_at")]];
  const known = marks.filter(([, from]) => from !== null);
  return known.map(([what, from], which) => ({ what, from, to: which + 1 < known.length ? known[which + 1][1] : end })).filter((each) => each.to > each.from);
}

const place = (one) => `${one.instance_type} ${one.market}${one.availability_zone ? ` ${one.availability_zone}` : ""}`;
/** How the search for a place ended, and how the instance did. */
export function ending(one) {
  if (one.placement && one.placement !== "launched" && one.placement !== "pending") return `refused: ${one.placement}${one.aws_code ? ` (${one.aws_code})` : ""}`;
  if (one.ended_by) return `ended by ${one.ended_by}${one.termination_reason ? `: ${one.termination_reason.replaceAll("_", " ")}` : ""}`;
  return one.termination_reason ? one.termination_reason.replaceAll("_", " ") : one.state;
}

function Instances({ of, from, to, now }) {
  if (!of.length) return null;
  return h("section", null, h("h3", null, `Instances (${of.length})`), h("div", { className: "jn-scroll", tabIndex: 0, role: "region", "aria-label": "instances" }, h("table", null,
    h("thead", null, h("tr", null, ["instance", "place", "repository", "time", "cost", "end"].map((one) => h("th", { key: one, scope: "col" }, one)))),
    h("tbody", null, of.map((one, at) => h("tr", { key: one.instance_id ?? at },
      h("td", null, one.instance_id ?? "none"), h("td", null, place(one)), h("td", null, one.repository ?? "the run's own"),
      h("td", null, h(Bar, { parts: life(one, now), from, to })), h("td", null, dollars(one.cost_usd)), h("td", null, ending(one))))))));
}

export function Run({ runId }) {
  const answer = useAnswer(runId ? `api/run/${encodeURIComponent(runId)}` : null, 5);
  if (answer.trouble && answer.trouble.status === 404) return h("p", { className: "jn-empty" }, "This is not a run of Janitor's, or it isn't planned yet.");
  return h(Block, { answer }, (run) => {
    const now = new Date().toISOString();
    const instances = run.instances ?? [], all = [...run.validations.flatMap((one) => stretches(one, now)), ...instances.flatMap((one) => life(one, now))];
    const from = Math.min(...all.map((each) => each.from)), to = Math.max(...all.map((each) => each.to));
    return h("div", null,
      h("p", null, `${run.successful} of ${run.total_repositories} successful, ${dollars(run.cost_usd)}${run.cost_final ? "" : " so far"}`),
      h("p", { className: "jn-muted" }, all.length ? `from ${clock(from)} to ${clock(to)}` : "nothing has begun yet"),
      all.length ? h(Legend, { of: all.map((each) => each.what) }) : null,
      h("div", { className: "jn-scroll", tabIndex: 0, role: "region", "aria-label": "repositories" }, h("table", null,
        h("thead", null, h("tr", null, ["repository", "result", "time", "cost", "why"].map((one) => h("th", { key: one, scope: "col" }, one)))),
        h("tbody", null, run.validations.map((one) => h("tr", { key: one.validation_id },
          h("th", { scope: "row" }, h(To, { view: "repo", r: `${one.organization}/${one.repository}` }, one.repository)),
          h("td", null, one.status.replace("_", " ")), h("td", null, h(Bar, { parts: stretches(one, now), from, to })), h("td", null, dollars(one.cost_usd)),
          h("td", { className: "jn-words" }, one.status === "success" ? "" : one.summary ?? "")))))),
      h(Instances, { of: instances, from, to, now }));
  });
}
