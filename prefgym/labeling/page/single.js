// One segment and one word on it: a rating, or thumbs.

import { answerButton, answered, skipped } from "./bar.js";
import { h } from "./dom.js";
import { text } from "./texts.js";

const levelWords = (level, num) => (num === 5 ? text.rating.five[level] : text.rating.level(level, num));

export const rating = {
  hint: text.rating.hint,
  bar(app) {
    const num = app.study.num_levels;
    const level = (at) => answerButton({ keys: String(at + 1), label: levelWords(at, num), run: () => app.commit(answered({ level: at })) });
    const buttons = Array.from({ length: num }, (_, at) => level(at));
    for (const [at, button] of buttons.entries()) if (!levelWords(at, num)) button.setAttribute("aria-label", text.rating.of(at + 1, num));
    return [
      h("div", { class: "middle wide" }, buttons, answerButton({ keys: "X", label: text.cannotJudge, tone: "quiet", run: () => app.commit(skipped) })),
    ];
  },
  press(name, _, app) {
    if (name === "x") app.commit(skipped);
    else if (/^[1-9]$/.test(name) && Number(name) <= app.study.num_levels) app.commit(answered({ level: Number(name) - 1 }));
    else return false;
    return true;
  },
  words({ status, statement }, app) {
    if (status === "skipped") return text.cannotJudge;
    return levelWords(statement.level, app.study.num_levels) || text.rating.of(statement.level + 1, app.study.num_levels);
  },
  glyph: ({ status, statement }) => (status === "skipped" ? "×" : String(statement.level + 1)),
  tone: () => "",
  lit: ({ status, statement }, app) => (status === "skipped" ? app.study.num_levels : statement.level),
};

const reactions = {
  a: { ...answered({ reaction: "good" }), label: text.good, glyph: "+", tone: "good" },
  s: { ...answered({ reaction: "silent" }), label: text.neither, glyph: "○", tone: "" },
  x: { ...skipped, label: text.cannotJudge, glyph: "×", tone: "" },
  d: { ...answered({ reaction: "bad" }), label: text.bad, glyph: "−", tone: "bad" },
};
const commit = (app, { status, statement }) => app.commit({ status, statement });
const found = ({ statement }) => Object.values(reactions).find((one) => one.statement.reaction === statement.reaction);

export const thumbs = {
  canSwipe: true,
  hint: "",
  touchHint: text.swipeThumbs,
  bar(app) {
    const make = (key, extra) => answerButton({ keys: key.toUpperCase(), label: reactions[key].label, run: () => commit(app, reactions[key]), ...extra });
    return [
      make("a", { tone: "good", large: "left" }),
      h("div", { class: "middle" }, make("s"), make("x")),
      make("d", { tone: "bad", large: "right" }),
    ];
  },
  press(name, _, app) {
    if (!reactions[name]) return false;
    commit(app, reactions[name]);
    return true;
  },
  swipe(way, app) {
    const one = { left: reactions.a, right: reactions.d, up: reactions.s, down: reactions.x }[way];
    return { label: one.label, commit: () => commit(app, one) };
  },
  words: (answer) => found(answer).label,
  glyph: (answer) => found(answer).glyph,
  tone: (answer) => found(answer).tone,
  lit: (answer) => Object.values(reactions).indexOf(found(answer)),
};
