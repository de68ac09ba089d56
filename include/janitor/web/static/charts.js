// @ts-check
// Stacked bars, drawn by hand.
import { h } from "./ui.js";

export const COLOURS = { queued: "#94a3b8", boot: "#60a5fa", "on the instance": "#60a5fa", checkout: "#94a3b8", static: "#94a3b8", network: "#94a3b8", build: "#b7791f", test: "#2f855a", agent: "#805ad5", other: "#718096", cost: "#3182ce", idle: "#cbd5e0", placement: "#d69e2e", command: "#2c7a7b", ending: "#c05621" };
export const OTHER = "#5b8a9a";
const HIGH = 90, WIDE = 460;

/** Heights that add up: the largest sum fills the chart, and nothing is below what can be seen. */
export function heights(bars, high = HIGH) {
  const most = Math.max(0, ...bars.map((bar) => bar.parts.reduce((sum, part) => sum + part.value, 0)));
  return bars.map((bar) => bar.parts.map((part) => (most ? (high * part.value) / most : 0)));
}

export function Bars({ title, of, told }) {
  const sums = of.map((bar) => bar.parts.reduce((sum, part) => sum + part.value, 0)), most = Math.max(0, ...sums);
  const kinds = [...new Set(of.flatMap((bar) => bar.parts.map((part) => part.what)))];
  const wide = Math.min(24, WIDE / Math.max(1, of.length)), tall = heights(of);
  const last = sums[sums.length - 1] ?? 0;
  return h("figure", { className: "jn-figure" },
    h("figcaption", null, `${title}: at most ${told(most)}, last ${told(last)}`),
    h("svg", { viewBox: `0 0 ${WIDE} ${HIGH}`, role: "img", "aria-label": `${title}, ${of.length} bars, at most ${told(most)}, last ${told(last)}` }, of.map((bar, at) => {
      let up = HIGH;
      return h("g", { key: at }, h("title", null, `${bar.title}: ${bar.parts.map((part) => `${part.what} ${told(part.value)}`).join(", ")}`), bar.parts.map((part, which) => {
        up -= tall[at][which];
        return h("rect", { key: part.what, x: at * wide, y: up, width: Math.max(1, wide - 2), height: tall[at][which], fill: COLOURS[part.what] ?? OTHER });
      }));
    })),
    kinds.length > 1 ? h(Legend, { of: kinds }) : null);
}

/** Which colour is what; a colour that several have stands once, beside all of them. */
export function Legend({ of }) {
  const kinds = new Map();
  for (const what of new Set(of)) kinds.set(COLOURS[what] ?? OTHER, [...(kinds.get(COLOURS[what] ?? OTHER) ?? []), what]);
  return h("p", { className: "jn-muted jn-legend" }, [...kinds].map(([colour, what]) => h("span", { key: colour, className: "jn-kind" }, h("i", { style: { background: colour }, "aria-hidden": true }), what.join(", "))));
}
