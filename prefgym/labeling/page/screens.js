// Screens in the stead of the page: an invitation is missing, nothing to do, another tab is at work, done ...

import { h } from "./dom.js";
import { screens } from "./texts.js";

/** A card of a title, words and perhaps a button. `extra` stands between words and button. */
export function card({ title, words, action }, { run, extra } = {}) {
  const heading = h("h1", { text: title, tabindex: "-1" });
  return h(
    "section",
    { class: "card" },
    h("span", { class: "logo", "aria-hidden": "true" }),
    heading,
    h("p", { text: words }),
    extra,
    action && run && h("button", { type: "button", class: "answer primary", onclick: run }, h("span", { class: "name", text: action })),
  );
}

/** Show a card alone on the page. */
export function showScreen(root, screen, options) {
  const shown = card(screen, options);
  root.replaceChildren(h("main", { class: "alone" }, shown));
  document.title = screen.title;
  shown.querySelector("h1").focus({ preventScroll: true });
}

/** The completion code, and a button that copies it where the browser lets it. */
export function codeCard(code) {
  const field = h("output", { class: "code", text: code });
  const copy = async ({ currentTarget }) => {
    await navigator.clipboard.writeText(code);
    currentTarget.querySelector(".name").textContent = screens.copied;
  };
  return card(screens.code, { extra: field, run: navigator.clipboard ? copy : undefined });
}
