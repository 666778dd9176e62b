// Stretches of one segment, good or bad: hold a key while it plays, or drag along the bar. Steps; the end is not included.

import { answerButton, answered, heldButton, skipped } from "./bar.js";
import { h } from "./dom.js";
import { text } from "./texts.js";

/** Add a stretch: later ones win where they overlap, neighbours of one kind become one. */
export function painted(stretches, added) {
  const cut = stretches.flatMap((one) =>
    [
      { ...one, end: Math.min(one.end, added.start) },
      { ...one, start: Math.max(one.start, added.end) },
    ].filter((part) => part.end > part.start && (part.end <= added.start || part.start >= added.end)),
  );
  const joined = [];
  for (const one of [...cut, added].sort((a, b) => a.start - b.start)) {
    const before = joined.at(-1);
    if (before?.good === one.good && one.start <= before.end) before.end = Math.max(before.end, one.end);
    else joined.push({ ...one });
  }
  return joined;
}

/** The step that a frame shows: a segment may end with a frame more than it has steps. */
const stepOf = (app, frame) => Math.min(Math.floor(frame), app.segments[0].steps - 1);

export const mark = {
  isMark: true,
  hint: text.mark.hint,
  touchHint: text.mark.touchHint,
  begin(app) {
    app.draft = structuredClone(app.standing?.statement.stretches ?? []);
    this.open = null;
    this.newest = null;
  },
  bar(app) {
    const paint = (keys, good, label, large) =>
      heldButton({ keys, label, tone: good ? "good" : "bad", large }, () => this.start(app, good), () => this.stop(app));
    this.submit = answerButton({ keys: "Enter", label: text.mark.submit, tone: "primary", run: () => this.send(app) });
    return [
      paint("A", true, text.good, "left"),
      h("div", { class: "middle" }, answerButton({ keys: "X", label: text.cannotJudge, run: () => app.commit(skipped) }), this.submit),
      paint("D", false, text.bad, "right"),
    ];
  },
  /** Begin at the frame that is on the screen, which need not be the one the clock has come to. */
  start(app, good) {
    if (this.open || !app.canWork()) return;
    const { clock } = app.theatre;
    if (!clock.playing && clock.frame >= clock.last) {
      clock.frame = 0;
      clock.play(true);
      app.theatre.onScreen = 0;
    }
    const at = stepOf(app, app.theatre.onScreen);
    this.open = { good, start: at, end: at + 1 };
  },
  stop(app) {
    if (!this.open) return;
    const added = this.open;
    this.open = null;
    this.add(app, added);
  },
  add(app, { good, start, end }) {
    const added = { good, start: stepOf(app, start), end: Math.min(end, app.segments[0].steps) };
    app.draft = painted(app.draft, added);
    this.newest = added;
    app.refresh();
  },
  refresh(app) {
    this.submit.querySelector(".name").textContent = app.draft.length ? text.mark.submit : text.mark.none;
    app.timeline.showMarks(app.draft);
  },
  /** Every picture drawn while the key is held belongs to the stretch; once around the loop it ends. */
  drawn(app, frame) {
    if (!this.open) return;
    const at = stepOf(app, frame);
    if (at < this.open.start && app.theatre.clock.playing) this.stop(app);
    else {
      this.open.start = Math.min(this.open.start, at);
      this.open.end = Math.max(this.open.end, at + 1);
      app.timeline.showMarks([...app.draft, { ...this.open, live: true }]);
    }
  },
  send(app) {
    this.stop(app);
    app.commit(app.draft.length ? answered({ stretches: structuredClone(app.draft) }) : skipped);
  },
  press(name, _, app) {
    if (name === "a" || name === "d") this.start(app, name === "a");
    else if (name === "backspace") {
      const last = this.newest;
      app.draft = app.draft.filter(({ start, end }) => !(last && start < last.end && end > last.start));
      app.refresh();
    } else if (name === "enter") this.send(app);
    else if (name === "x") app.commit(skipped);
    else return false;
    return true;
  },
  release(name, app) {
    if (name === "a" || name === "d" || name === null) this.stop(app);
  },
  words({ status, statement }) {
    if (status === "skipped") return text.mark.skipped;
    return statement.stretches.map(({ good, start, end }) => text.mark.stretch(good, start, end)).join(", ");
  },
  glyph: ({ status, statement }) => (status === "skipped" ? "×" : statement.stretches.map(({ good }) => (good ? "+" : "−")).join("")),
  tone: () => "",
  lit: () => -1,
};
