// Keys are named by their place on a US keyboard, so that A S D lie under one hand on QWERTZ and AZERTY as well.

const SIGNS = { Space: " ", Comma: ",", Period: ".", BracketLeft: "[", BracketRight: "]" };
const TYPED = new Set(["?", "+", "-", "="]); // wherever a layout has them
const REPEATED = new Set([",", ".", "arrowleft", "arrowright", "arrowup", "arrowdown", "+", "-", "="]);
let layout = new Map();

/** Ask the browser what is printed on the keys, where it tells. */
export async function readLayout() {
  try {
    layout = (await navigator.keyboard?.getLayoutMap()) ?? layout;
  } catch {
    layout = new Map(); // a page inside another one may not ask: labels are those of a US keyboard then
  }
}

/** What is printed on the key at the place of `name`. */
export function labelOf(name) {
  return /^[A-Z]$/.test(name) ? (layout.get(`Key${name}`) ?? name).toUpperCase() : name;
}

/** The name of a pressed key: "a" is the key where a US keyboard has A, whatever it types. */
export function nameOf(event) {
  if (TYPED.has(event.key)) return event.key;
  const place = /^(?:Key|Digit|Numpad)([A-Z0-9])$/.exec(event.code);
  return place ? place[1].toLowerCase() : (SIGNS[event.code] ?? event.key.toLowerCase());
}

/** Keys with Ctrl, Alt or Meta are the browser's, and what is typed into a field is text. */
function isOurs(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || event.getModifierState("AltGraph") || event.isComposing) return false;
  return !event.target.closest?.("input, textarea, select, [contenteditable]") && !document.querySelector("dialog[open]");
}

/** Call press(name, event) and release(name); a held key presses once, but for those that step. */
export function watchKeys({ press, release, lettersOn }) {
  addEventListener("keydown", (event) => {
    if (!isOurs(event)) return;
    const name = nameOf(event);
    if (name.length === 1 && !lettersOn()) return;
    const onButton = event.target.closest?.("button, a, summary");
    if (onButton && (name === " " || name === "enter")) {
      if (event.repeat) event.preventDefault(); // a browser clicks the button again for every repeat of Enter
      return;
    }
    if (event.repeat && !REPEATED.has(name)) event.preventDefault();
    else if (press(name, event)) event.preventDefault();
  });
  addEventListener("keyup", (event) => release(nameOf(event)));
  addEventListener("blur", () => release(null)); // a key that goes up in another window is never heard of
}
