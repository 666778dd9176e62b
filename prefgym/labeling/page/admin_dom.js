// What the parts of the admin page share: sections, icons, dialogs.

import { h } from "./dom.js";

const ICONS = {
  play: "M5 3.4v9.2l7.4-4.6z",
  pause: "M5 3.5v9M11 3.5v9",
  plus: "M8 3.5v9M3.5 8h9",
  link: "M6.5 9.5l3-3M7 5l1.5-1.5a2.5 2.5 0 0 1 3.6 3.6L10.5 8.6M9 11l-1.5 1.5a2.5 2.5 0 0 1-3.6-3.6L5.5 7.4",
  download: "M8 2.5v7.5M4.8 7 8 10.2 11.2 7M3 13.2h10",
};

const SVG = "http://www.w3.org/2000/svg";

/** Make an element of SVG; words never become markup. */
export function s(tag, attributes = {}, ...children) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) if (value !== undefined) element.setAttribute(name, value);
  element.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return element;
}

/** Draw an icon of 16 by 16 pixels. */
export function icon(name) {
  return s("svg", { viewBox: "0 0 16 16", class: `icon icon-${name}`, "aria-hidden": "true" }, s("path", { d: ICONS[name] }));
}

/** A part of the page with a heading. */
export function section(id, title, more, ...content) {
  const head = h("div", { class: "section-head" }, h("h2", { id: `${id}-title`, text: title }), more && h("p", { text: more }));
  return h("section", { id, "aria-labelledby": `${id}-title` }, head, ...content);
}

/** A sentence in the place of what is not there yet. */
export const nothing = (text) => h("p", { class: "nothing quiet", text });

/** Replace what an element holds only if it has changed, so that focus, selection and readers are left alone. */
export function renew(element, state, make) {
  const now = JSON.stringify(state);
  if (element.dataset.state === now || element.contains(document.activeElement)) return;
  element.dataset.state = now;
  element.replaceChildren(...[make()].flat());
}

/** Open a dialog; it is removed when it closes, and what had the focus gets it back. */
export function openDialog(title, props, ...content) {
  const before = document.activeElement;
  const dialog = h("dialog", { "aria-labelledby": "dialog-title", ...props }, h("h2", { id: "dialog-title", text: title }), ...content);
  document.body.append(dialog);
  dialog.addEventListener("close", () => {
    dialog.remove();
    before?.focus?.();
  });
  dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
  dialog.showModal();
  return dialog;
}
