// Elements, icons and caps of keys.

import { labelOf } from "./keys.js";

/** Make an element: `h("p", { class: "hint", onclick: run, text: "words" }, ...children)`. Words never become markup. */
export function h(tag, props = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "text") element.textContent = value;
    else if (name === "class") element.className = value;
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

const ICONS = {
  play: "M5 3.4v9.2l7.4-4.6z",
  pause: "M5 3.5v9M11 3.5v9",
  back: "M10.5 4 6 8l4.5 4M4 4v8",
  on: "M5.5 4 10 8l-4.5 4M12 4v8",
  loop: "M3 8a5 4 0 0 1 5-4h4m0 0-2-2m2 2-2 2M13 8a5 4 0 0 1-5 4H4m0 0 2-2m-2 2 2 2",
  ghost: "M6.4 2.5a4 4 0 1 0 0 8 4 4 0 1 0 0-8zM9.6 5.5a4 4 0 1 0 0 8 4 4 0 1 0 0-8z",
  follow: "M8 5a3 3 0 1 0 0 6 3 3 0 1 0 0-6zM8 1.8V4M8 12v2.2M1.8 8H4M12 8h2.2",
  reset: "M3.2 6.4A5.2 5.2 0 1 1 2.8 9M3 2.8v3.8h3.8",
  guide: "M3 3.2c2-.7 3.7-.4 5 .8 1.3-1.2 3-1.5 5-.8v9.2c-2-.7-3.7-.4-5 .8-1.3-1.2-3-1.5-5-.8zM8 4v9.2",
  keys: "M2 4.5h12v7H2zM4.5 7h.01M7 7h.01M9.5 7h.01M12 7h.01M5 9.3h6",
};

/** Draw an icon of 16 by 16 pixels, in the colour of the text around it. */
export function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 16 16");
  svg.setAttribute("class", `icon icon-${name}`);
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  path.setAttribute("d", ICONS[name]);
  svg.append(path);
  return svg;
}

const WORDS = new Set(["Hold", "/", "–"]);

/** Write "Hold Q / E" as caps and words; letters as the rater's own keyboard has them at that place. */
export function keycaps(keys) {
  const parts = keys.split(" ").map((part) => (WORDS.has(part) ? h("span", { class: "word", text: part }) : h("kbd", { text: labelOf(part) })));
  return h("span", { class: "caps" }, parts);
}
