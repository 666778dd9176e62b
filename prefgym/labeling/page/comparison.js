// Which of two is better. Strength is an amendment afterwards, so that nobody pays for it who does not want it.

import { answerButton, answered, skipped } from "./bar.js";
import { h } from "./dom.js";
import { text } from "./texts.js";

export const STRENGTHS = [0, 1 / 3, 2 / 3, 1]; // of "slightly", "clearly", "by far"
const FIRST = 0;
const SECOND = 1;

const choices = (app) => ({
  a: { choice: FIRST, label: app.theatre.stacked ? text.topBetter : text.leftBetter },
  s: { choice: "tie", label: text.equal },
  x: { choice: null, label: text.cannot },
  d: { choice: SECOND, label: app.theatre.stacked ? text.bottomBetter : text.rightBetter },
});

const said = ({ status, statement }) => (status === "skipped" ? null : statement.choice);
const levelOf = (strength) => STRENGTHS.findIndex((one) => Math.abs(one - (strength ?? 0)) < 0.01);

function commit(app, choice, isFar = false) {
  const canBeFar = isFar && app.study.strength && typeof choice === "number";
  app.commit(choice === null ? skipped : answered(canBeFar ? { choice, strength: 1 } : { choice }));
}

export const comparison = {
  canSwipe: true,
  hint: "",
  touchHint: text.swipe,
  bar(app) {
    const all = choices(app);
    const make = (key, extra) => answerButton({ keys: key.toUpperCase(), label: all[key].label, run: () => commit(app, all[key].choice), ...extra });
    return [
      make("a", { tone: "side-0", large: "left" }),
      h("div", { class: "middle" }, make("s"), make("x")),
      make("d", { tone: "side-1", large: "right" }),
    ];
  },
  press(name, event, app) {
    const one = choices(app)[name];
    if (one) commit(app, one.choice, event.shiftKey);
    else if (["1", "2", "3"].includes(name)) this.strengthen(Number(name), app);
    else return false;
    return true;
  },
  /** Say how much better, of the answer that was given last. */
  strengthen(level, app) {
    const last = app.log.newest();
    if (!app.study.strength || typeof last?.statement.choice !== "number") return;
    const { choice } = last.statement; // said again, lest the strength goes to what another device has answered
    app.amend(last.assignment, "answered", { choice, strength: STRENGTHS[level] });
  },
  /** A swipe goes towards the better one; across it are the two others. */
  swipe(way, app) {
    const keys = app.theatre.stacked ? { up: "a", down: "d", right: "s", left: "x" } : { left: "a", right: "d", up: "s", down: "x" };
    const { choice, label } = choices(app)[keys[way]];
    return { label, commit: () => commit(app, choice) };
  },
  words(answer, app) {
    const { label } = Object.values(choices(app)).find(({ choice }) => choice === said(answer));
    const level = levelOf(answer.statement.strength);
    return label + (level > 0 ? `, ${text.strengths[level]}` : "");
  },
  /** How much better the last answer's winner is, if that can be said. */
  strengths(answer, app) {
    if (!app.study.strength || typeof answer.statement.choice !== "number") return null;
    return [1, 2, 3].map((level) => ({ level, words: text.strengths[level], isOn: levelOf(answer.statement.strength) === level }));
  },
  glyph: (answer, app) => ({ 0: app.theatre.stacked ? "▲" : "◀", 1: app.theatre.stacked ? "▼" : "▶", tie: "=" })[said(answer)] ?? "×",
  tone: (answer) => ({ 0: "side-0", 1: "side-1" })[said(answer)] ?? "",
  lit: (answer) => [FIRST, "tie", null, SECOND].indexOf(said(answer)),
};
