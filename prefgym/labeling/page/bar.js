// Buttons of the answer bar.

import { h, keycaps } from "./dom.js";

/** A button with its key. `large` says on which side of the words the key stands. */
export function answerButton({ keys, label, tone = "", large, run }) {
  const caps = keycaps(keys);
  const name = h("span", { class: "name", text: label });
  return h(
    "button",
    { type: "button", class: `answer ${tone} ${large ? "large" : ""}`, "aria-keyshortcuts": keys, onclick: run },
    large === "right" ? [name, caps] : [caps, name],
  );
}

/** A button that works while it is held: pointer here, its key elsewhere. */
export function heldButton(options, start, stop) {
  const button = answerButton(options);
  button.addEventListener("pointerdown", (event) => {
    button.setPointerCapture(event.pointerId);
    start();
  });
  for (const name of ["pointerup", "pointercancel"]) button.addEventListener(name, stop);
  return button;
}

export const skipped = { status: "skipped", statement: {} };
export const answered = (statement) => ({ status: "answered", statement });
