// What the page says for a moment: a toast, a nudge to watch first, where a swipe leads.

import { h } from "./dom.js";
import { text } from "./texts.js";

const LASTS = 2600; // ms

/** Say something to eyes and to screen readers. */
export function say(app, words) {
  app.live.textContent = words;
  app.toast?.remove();
  app.toast = h("div", { class: "toast", text: words });
  (app.query ? app.stage : app.main).append(app.toast);
  setTimeout((toast) => toast.remove(), LASTS, app.toast);
}

/** It is too early for an answer. */
export function nudge(app) {
  const { clock } = app.theatre;
  app.gate.classList.remove("nudge");
  void app.gate.offsetWidth; // so that the animation begins again
  app.gate.classList.add("nudge");
  say(app, text.watchFirst(app.segments.length));
  if (!clock.playing) clock.play(true);
}

/** Show what a swipe on its way would answer; null: it is over. */
export function showSwipe(app, swipe) {
  const answer = swipe && app.canWork() && app.kind.swipe?.(swipe.way, app);
  app.swipeLabel.classList.toggle("on", Boolean(answer));
  if (!answer) return;
  const isOpen = app.unlocked();
  app.swipeLabel.textContent = isOpen ? answer.label : text.watchFirst(app.segments.length);
  app.swipeLabel.classList.toggle("armed", swipe.share >= 1 && isOpen);
  app.swipeLabel.style.opacity = String(0.35 + 0.65 * swipe.share);
}
