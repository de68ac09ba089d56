// @ts-check
// What all pages share. No build: React and the router are the globals that Airflow sets, colours its CSS variables.
export const React = globalThis.React;
export const Router = globalThis.ReactRouterDOM;
export const h = React ? React.createElement : () => null;

const ROOT = new URL("janitor-pages/", document.baseURI);
/** Answers by address: a change of path mounts a component anew, and what was known must not be asked for again. */
const known = new Map();

/** What is wrong with the place that this runs in; null: nothing. */
export function missing() {
  if (React && Router) return null;
  return "This page needs the React and the router that Airflow 3.1 and later set; this Airflow doesn't.";
}

/** An address of our own API: what the page's address says must not lead to another one with the reader's login. */
function addressOf(path) {
  const address = new URL(path, ROOT);
  if (!address.href.startsWith(new URL("api/", ROOT).href)) throw new Error("the address of this page names nothing that can be asked for");
  return address;
}

async function ask(path, options = {}) {
  const answer = await fetch(addressOf(path), { ...options, headers: { Accept: "application/json", ...options.headers } });
  if (answer.status === 401) {
    location.href = String(new URL(`auth/login?next=${encodeURIComponent(location.href)}`, document.baseURI));
    return new Promise(() => {});
  }
  const body = answer.status === 204 ? {} : await answer.json().catch(() => null);
  if (!answer.ok) {
    const why = typeof body?.detail === "string" ? body.detail : "no reason was given";
    throw Object.assign(new Error(`${answer.status}: ${why}`), { status: answer.status });
  }
  if (body === null || typeof body !== "object") throw new Error("the server's answer is no document");
  return body;
}

/** Send a document; what the server refuses is an error with its words. */
export function send(path, body) {
  return ask(path, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });
}

/**
 * The answer to an address, asked again every `seconds` while the page is looked at; what was known stays on trouble.
 * @param {string | null} path below `janitor-pages/`; null: nothing is asked
 * @param {number} seconds
 */
export function useAnswer(path, seconds = 30) {
  const [, redraw] = React.useState(0);
  const [asked, setAsked] = React.useState(0);
  const [trouble, setTrouble] = React.useState(null);
  React.useEffect(() => {
    if (path === null) return undefined;
    let live = true;
    const look = () => {
      if (document.hidden) return;
      ask(path).then(
        (data) => {
          known.set(path, { data, at: new Date() });
          if (live) { setTrouble(null); redraw((n) => n + 1); }
        },
        (error) => live && setTrouble(error),
      );
    };
    look();
    const timer = setInterval(look, seconds * 1000);
    document.addEventListener("visibilitychange", look);
    return () => { live = false; clearInterval(timer); document.removeEventListener("visibilitychange", look); };
  }, [path, seconds, asked]);
  return { ...(known.get(path) ?? {}), trouble, again: () => setAsked((n) => n + 1) };
}

/** What its children can't show is a sentence; `of` is what they show: another one is tried anew. */
export const Guard = React?.Component ? class extends React.Component {
  state = { failed: null, of: undefined };

  static getDerivedStateFromError(failed) { return { failed }; }

  static getDerivedStateFromProps(props, state) { return props.of === state.of ? null : { of: props.of, failed: null }; }

  render() {
    if (!this.state.failed) return this.props.children;
    return h("p", { role: "alert", className: "jn-trouble" }, `This can't be shown: the server's answer isn't what this page knows (${this.state.failed.message}). After an upgrade, load the page again.`);
  }
} : () => null;

/** A block: its skeleton while nothing is known, its trouble beside what is known. */
export function Block(props) {
  return h(Guard, { of: props.answer.data }, h(Filled, props));
}

function Filled({ answer, title, empty, children }) {
  const parts = [];
  if (title) parts.push(h("h2", { key: "title" }, title));
  if (answer.trouble) {
    const since = answer.at ? `No answer since ${clock(answer.at)}: ` : "";
    parts.push(h("p", { key: "trouble", role: "alert", className: "jn-trouble" }, since + answer.trouble.message));
  }
  if (!answer.data && !answer.trouble) parts.push(h("div", { key: "wait", className: "jn-skeleton", role: "status" }, "Loading…"));
  if (answer.data) parts.push(h("div", { key: "body" }, empty && empty(answer.data) ? h("p", { className: "jn-empty" }, empty(answer.data)) : children(answer.data)));
  return h("section", null, parts);
}

/** A button that puts a text on the clipboard, where the browser lets it. */
export function Copy({ text, label }) {
  const [done, setDone] = React.useState(false);
  const copy = () => navigator.clipboard?.writeText(text).then(() => setDone(true), () => setDone(false));
  return h("button", { type: "button", onClick: copy }, done ? "Copied" : label);
}

/** Text that leads to another view of ours; everything is in the query, as a change of path would mount anew. */
export function To({ view, children, ...keys }) {
  const query = new URLSearchParams({ v: view, ...keys });
  return h(Router.Link, { to: `/plugin/janitor?${query}` }, children);
}

/** `organization/name` as a config may have it; the server knows the same. */
export const isRepository = (text) => {
  const [organization, name, ...more] = text.split("/");
  return !more.length && /^[A-Za-z0-9](?:[A-Za-z0-9_]|-(?=[A-Za-z0-9])){0,38}$/.test(organization) && /^(?!\.{1,2}$)(?!-)(?!.*\.git$)[A-Za-z0-9._-]{1,100}$/i.test(name ?? "");
};

export const dollars = (usd) => (usd === null || usd === undefined ? "unknown" : `$${Number(usd).toFixed(2)}`);
export const clock = (at) => new Date(at).toLocaleTimeString(undefined, { hour12: false });
export const day = (at) => new Date(at).toISOString().slice(5, 10);

/** `4m32s`, `1h2m`: as the command line writes it. */
export function span(seconds) {
  const total = Math.max(0, Math.floor(seconds));
  const hours = Math.floor(total / 3600), minutes = Math.floor(total / 60) % 60;
  if (hours >= 48) return `${Math.floor(hours / 24)}d`;
  if (hours) return `${hours}h${minutes}m`;
  return minutes ? `${minutes}m${total % 60}s` : `${total}s`;
}

export const STYLE = `
.jn{padding:12px 16px;font-size:13px;color:var(--chakra-colors-fg);line-height:1.5;max-width:100%;overflow-wrap:anywhere}
.jn *{overflow-wrap:inherit}.jn table{overflow-wrap:break-word}.jn .jn-words{overflow-wrap:anywhere;min-width:220px}
.jn h1{font-size:20px;font-weight:600;margin:0 0 4px}.jn h2{font-size:15px;font-weight:600;margin:16px 0 4px}
.jn a{color:var(--chakra-colors-fg);text-decoration:underline}
.jn nav{display:flex;gap:14px;margin:0 0 10px;flex-wrap:wrap}.jn nav [aria-current] a{font-weight:700;text-decoration:none}.jn-view:focus{outline:none}
.jn input,.jn select{border:1px solid var(--chakra-colors-border-emphasized);border-radius:6px;padding:3px 8px;background:var(--chakra-colors-bg);color:inherit}
.jn :focus-visible{outline:2px solid var(--chakra-colors-fg);outline-offset:1px}
.jn table{border-collapse:collapse;font-variant-numeric:tabular-nums}.jn th,.jn td{text-align:left;padding:2px 10px 2px 0;vertical-align:top;font-weight:400}
.jn thead th{color:var(--chakra-colors-fg-muted)}
.jn-scroll{overflow-x:auto}.jn-trouble{border-left:3px solid var(--chakra-colors-fg);padding-left:8px}
.jn-critical{border-left:4px solid #c53030;padding-left:8px;margin:4px 0}.jn-warning{border-left:4px solid #b7791f;padding-left:8px;margin:4px 0}
.jn-muted,.jn-empty{color:var(--chakra-colors-fg-muted)}.jn-skeleton{min-height:60px;color:var(--chakra-colors-fg-muted)}
.jn-room{container-type:inline-size;scroll-padding-left:var(--names);--names:min(240px,40vw)}
.jn-grid{--cell:clamp(var(--least),calc((100cqw - var(--names)) / var(--n)),20px);min-width:calc(var(--names) + var(--n) * var(--cell));font-variant-numeric:tabular-nums}
.jn-hidden{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}
.jn-heads{font-size:11px;color:var(--chakra-colors-fg-muted)}.jn-days{position:relative;height:18px}.jn-days span{position:absolute;top:0}
.jn-charts{display:flex;gap:24px;flex-wrap:wrap}.jn-figure{margin:8px 0}.jn-figure svg{width:460px;max-width:100%;height:90px;background:var(--chakra-colors-bg-muted)}
.jn-kind{margin-right:12px}.jn-kind i{display:inline-block;width:10px;height:10px;margin-right:4px}.jn-log{max-height:420px;overflow-y:auto}
.jn-row{display:grid;content-visibility:auto;grid-template-columns:var(--names) calc(var(--n) * var(--cell));align-items:center;height:22px;contain:strict}
.jn-row>[role=rowheader]{overflow:hidden;text-overflow:ellipsis;white-space:nowrap;padding-right:8px}
.jn-row>:first-child{position:sticky;left:0;z-index:1;background:var(--chakra-colors-bg)}
.jn-cells{position:relative;height:18px;background:var(--chakra-colors-bg-muted)}
.jn-cells i{position:absolute;top:0;height:18px;font-style:normal;font-size:clamp(9px,calc(var(--cell) - 3px),11px);line-height:16px;overflow:hidden;text-align:center;border-radius:3px;border:1px solid #c53030;color:var(--chakra-colors-fg);background:var(--chakra-colors-bg);box-sizing:border-box;cursor:pointer}
.jn-cells i.flaky{text-decoration:underline wavy 1px}.jn-cells i.new{background:#c53030;color:#fff;font-weight:700}
.jn-cells i.told{border-color:#805ad5}.jn-cells i.none{border:0;background:var(--chakra-colors-bg)}.jn-cells i.live{border-color:#3182ce}.jn-cells i.fixed{border-color:#2f855a}
.jn-bar{position:relative;height:16px;min-width:320px;background:var(--chakra-colors-bg-muted)}.jn-bar i{position:absolute;top:0;bottom:0}
.jn button{border:1px solid var(--chakra-colors-border-emphasized);border-radius:6px;padding:2px 10px;background:var(--chakra-colors-bg);color:inherit;cursor:pointer}
.jn button:disabled{opacity:.6}.jn summary{cursor:pointer;width:fit-content}
.jn article{border-left:4px solid var(--chakra-colors-border-emphasized);padding:2px 0 4px 12px;margin:10px 0;overflow-wrap:anywhere}
.jn h3{font-size:14px;font-weight:700;margin:0}.jn article p{margin:2px 0}
.jn-verdict{border:1px solid;border-radius:4px;padding:0 6px;text-transform:uppercase;font-size:11px}.jn-verdict.jn-real{background:#c53030;border-color:#c53030;color:#fff}
.jn-findings{list-style:none;margin:2px 0 2px 4px}.jn article.jn-quiet{border-left-style:dashed}.jn-quiet>*:not(.jn-known){color:var(--chakra-colors-fg-muted)}
.jn-form{display:flex;gap:12px;flex-wrap:wrap;align-items:center;margin:4px 0}
.jn pre{background:var(--chakra-colors-bg-muted);padding:8px;overflow-x:auto;margin:4px 0}
`;
