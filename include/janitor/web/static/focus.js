// @ts-check
// Where the keyboard is. Airflow mounts a page anew after the first change of its address, which would lose the focus
// and what is being typed; and what had it may be gone from another view.
import { React } from "./ui.js";

const KINDS = "a[href],button,input,select,summary,[tabindex]";
/** What had the focus when a page was taken down, by the page's name; for as long as a mount takes. */
const left = new Map();
const MOUNTING = 2000;

const called = (one) => one.getAttribute("name") ?? one.getAttribute("aria-label") ?? one.closest("label")?.firstChild?.textContent ?? one.textContent;
const alike = (root, one) => [...root.querySelectorAll(KINDS)].filter((each) => each.tagName === one.tag && called(each) === one.name);

function seen(root) {
  const one = document.activeElement;
  if (!one || one === root || !root.contains(one)) return null;
  const found = { tag: one.tagName, name: called(one), at: Date.now() };
  const field = one.type === "search" ? { value: one.value, from: one.selectionStart, to: one.selectionEnd } : null;
  return { ...found, which: alike(root, found).indexOf(one), field };
}

function restore(root, one) {
  const found = alike(root, one)[one.which];
  if (!found) return;
  if (one.field && found.value !== one.field.value) {
    found.value = one.field.value;
    found.dispatchEvent(new Event("input", { bubbles: true })); // what waited to be sent went with the old page
  }
  found.focus({ preventScroll: true });
  if (one.field) found.setSelectionRange(one.field.from, one.field.to);
}

/** Keep the focus of all that is below an element over a mount of it. @returns a reference for the element */
export function useKeptFocus(page) {
  const root = React.useRef(null);
  React.useLayoutEffect(() => {
    const one = left.get(page), own = root.current;
    left.delete(page);
    if (one && Date.now() - one.at < MOUNTING) restore(own, one);
    return () => { const now = seen(own); if (now) left.set(page, now); };
  }, [page]);
  return root;
}

/** The view that was shown last: a mount of the same one is no change. */
let shown = null;

/** After another view has taken the place of what had the focus, it is at the beginning of that view. */
export function useNewView(view) {
  const root = React.useRef(null);
  React.useEffect(() => {
    const changed = shown !== null && shown !== view;
    shown = view;
    if (changed && (document.activeElement === null || document.activeElement === document.body)) root.current.focus({ preventScroll: true });
  }, [view]);
  return root;
}
