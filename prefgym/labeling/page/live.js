// A person watches and presses good or bad the moment it happens. The page says when; which steps are meant is left to the delay model.

import { answerButton, answered, skipped } from "./bar.js";
import { h } from "./dom.js";
import { text } from "./texts.js";

const round = (step) => Number(step.toFixed(2));

export const live = {
  isLive: true,
  hint: text.live.hint,
  touchHint: text.live.touchHint,
  begin(app) {
    app.draft = structuredClone(app.standing?.statement.presses ?? []);
  },
  bar(app) {
    const press = (keys, good, label, large) => answerButton({ keys, label, tone: good ? "good" : "bad", large, run: () => this.react(app, good) });
    this.submit = answerButton({ keys: "Enter", label: text.live.submit, tone: "primary", run: () => this.send(app) });
    return [
      press("A", true, text.good, "left"),
      h("div", { class: "middle" }, answerButton({ keys: "X", label: text.cannotJudge, run: () => app.commit(skipped) }), this.submit),
      press("D", false, text.bad, "right"),
    ];
  },
  /** Note what was on the screen when the key went down. */
  react(app, good) {
    if (!app.canWork()) return;
    app.draft = [...app.draft, { step: round(app.theatre.onScreen), good }];
    app.refresh();
  },
  refresh(app) {
    app.timeline.showPresses(app.draft);
  },
  /** It goes on by itself after a segment with a reaction; one without waits, for somebody may have left. */
  ended(app) {
    if (app.draft.length && app.unlocked()) this.send(app);
  },
  send: (app) => app.commit(answered({ presses: structuredClone(app.draft) })),
  press(name, _, app) {
    if (name === "a" || name === "d") this.react(app, name === "a");
    else if (name === "backspace") {
      app.draft = app.draft.slice(0, -1);
      app.refresh();
    } else if (name === "enter") this.send(app);
    else if (name === "x") app.commit(skipped);
    else return false;
    return true;
  },
  words({ status, statement }) {
    if (status === "skipped") return text.cannotJudge;
    const good = statement.presses.filter((one) => one.good).length;
    return text.live.presses(good, statement.presses.length - good) || text.live.silent;
  },
  glyph: ({ status, statement }) => (status === "skipped" ? "×" : statement.presses.map(({ good }) => (good ? "+" : "−")).join("").slice(0, 6) || "○"),
  tone: () => "",
  lit: () => -1,
};
