// @ts-check
// What somebody knows of a cause: a reason and an end. The one thing that a page writes.
import { React, h, send } from "./ui.js";

const ENDS = [["cause_changes", "its cause changes"], ["new_commit", "a new commit"], ["date", "a date"]];

/** What is sent for a form's fields; a date is the end of that day, in UTC. */
export function said(cause, { reason, until, date }) {
  return { cause_key: cause.key, reason: reason.trim(), until, ...(until === "date" ? { until_at: `${date}T23:59:59Z` } : {}) };
}

export function Acknowledge({ cause, changed }) {
  const [fields, setFields] = React.useState({ reason: "", until: "cause_changes", date: "" });
  const [trouble, setTrouble] = React.useState(null);
  const [busy, setBusy] = React.useState(false);
  const set = (key) => (event) => setFields({ ...fields, [key]: event.target.value });
  const write = (path, body) => {
    setBusy(true);
    setTrouble(null);
    send(path, body).then(changed, (error) => setTrouble(error.message)).finally(() => setBusy(false));
  };
  const failed = trouble ? h("p", { role: "alert", className: "jn-trouble" }, trouble) : null;
  if (cause.is_silent) {
    return h("p", null, h("button", { type: "button", disabled: busy, onClick: () => write("api/acknowledgements/end", { cause_key: cause.key }) }, "Let it be heard again"), failed);
  }
  const submit = (event) => { event.preventDefault(); write("api/acknowledgements", said(cause, fields)); };
  return h("details", null, h("summary", null, "Acknowledge"),
    h("form", { onSubmit: submit, className: "jn-form" },
      h("label", null, "Why it may wait ", h("input", { name: "reason", required: true, maxLength: 500, value: fields.reason, onChange: set("reason") })),
      h("label", null, "Silent until ", h("select", { name: "until", value: fields.until, onChange: set("until") }, ENDS.map(([value, text]) => h("option", { key: value, value }, text)))),
      fields.until === "date" ? h("label", null, "Date ", h("input", { name: "date", type: "date", required: true, value: fields.date, onChange: set("date") })) : null,
      h("button", { type: "submit", disabled: busy }, "Acknowledge")),
    failed);
}
