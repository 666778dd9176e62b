// Which of three or more is best: a comparison of more options than there are hands.

import { answerButton, answered, skipped } from "./bar.js";
import { h } from "./dom.js";
import { text } from "./texts.js";

export const choice = {
  hint: text.choice.hint,
  bar(app) {
    const best = app.segments.map((_, view) =>
      answerButton({ keys: String(view + 1), label: text.choice.best(view + 1), tone: `side-${view % 4}`, run: () => app.commit(answered({ choice: view })) }),
    );
    const others = [
      answerButton({ keys: "S", label: text.equal, run: () => app.commit(answered({ choice: "tie" })) }),
      answerButton({ keys: "X", label: text.cannot, run: () => app.commit(skipped) }),
    ];
    return [h("div", { class: "middle wide" }, best, others)];
  },
  press(name, _, app) {
    if (name === "s") app.commit(answered({ choice: "tie" }));
    else if (name === "x") app.commit(skipped);
    else if (/^[1-9]$/.test(name) && Number(name) <= app.segments.length) app.commit(answered({ choice: Number(name) - 1 }));
    else return false;
    return true;
  },
  words({ status, statement }) {
    if (status === "skipped") return text.cannot;
    return statement.choice === "tie" ? text.equal : text.choice.best(statement.choice + 1);
  },
  glyph: ({ status, statement }) => (status === "skipped" ? "×" : statement.choice === "tie" ? "=" : String(statement.choice + 1)),
  tone: ({ statement }) => (typeof statement.choice === "number" ? `side-${statement.choice % 4}` : ""),
  lit: ({ status, statement }, app) => (status === "skipped" ? app.segments.length + 1 : statement.choice === "tie" ? app.segments.length : statement.choice),
};
