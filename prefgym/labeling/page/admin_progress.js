// Figures, progress and the newest answers.

import { nothing, renew, section } from "./admin_dom.js";
import { progressChart } from "./admin_charts.js";
import { words } from "./admin_texts.js";
import { h } from "./dom.js";

const { figures: told } = words;

export class Progress {
  constructor() {
    this.figures = h("dl", { class: "figures" });
    this.chart = h("div", { class: "chart-box" });
    this.overlap = h("div", { class: "overlap" });
    this.feed = h("div", { class: "feed-box" });
    this.section = section("progress", words.sections.progress, null, this.chart, this.overlap);
    this.aside = section("now", words.now, null, this.feed);
  }

  show(overview) {
    this.showFigures(overview);
    const { timeline, goal, per_minute: perMinute, by_raters: rows } = overview;
    const width = Math.max(280, this.chart.clientWidth);
    renew(this.chart, [timeline, goal, perMinute, width], () => (timeline ? progressChart(timeline, { goal, perMinute, width }) : nothing(words.chart.none)));
    renew(this.overlap, rows, () => overlapBar(rows));
    renew(this.feed, overview.recent.map(({ event }) => event).concat(Math.floor(overview.now / 5)), () => this.recent(overview));
  }

  showFigures({ answers, goal, by_raters: rows, study, alpha, gold, per_minute: pace, active }) {
    const cell = (name, value, more) => h("div", {}, h("dt", { text: name }), h("dd", {}, h("b", { text: value }), " ", h("span", { text: more })));
    const asked = rows.reduce((sum, { questions }) => sum + questions, 0);
    const left = goal - answers;
    const wait = left <= 0 ? told.done : pace > 0 ? words.span((left / pace) * 60) : told.unknown;
    this.figures.replaceChildren(
      cell(told.answers, words.number(answers), told.ofGoal(goal)),
      cell(told.complete(study.overlap), words.number(rows[0].questions), told.ofGoal(asked)),
      alpha.value === null ? cell(told.alpha, "–", told.noAlpha) : cell(told.alpha, words.kappa(alpha.value), told.range(alpha.low, alpha.high)),
      gold ? cell(told.gold, words.percent(gold.value), told.share(gold.hits, gold.num)) : cell(told.gold, "–", told.noGold),
      cell(told.pace, told.perMinute(pace), told.active(active)),
      cell(told.left, wait, left > 0 && pace > 0 ? told.atThisPace : ""),
    );
  }

  recent({ recent, study, now }) {
    if (!recent.length) return nothing(words.noAnswers);
    const row = ({ rater, said, question, at }) =>
      h(
        "li",
        {},
        h("b", { text: rater }),
        h("span", { text: words.said(said, study.kind, study.kind === "comparison" ? 2 : 0) }),
        h("small", { text: `#${question}` }),
        h("small", { text: words.seconds(Math.max(0, now - at)) }),
      );
    return h("ol", { class: "feed" }, recent.map(row));
  }
}

/** Questions by the number of their raters. */
function overlapBar(rows) {
  const tone = (raters) => `part-${raters === 0 ? 0 : Math.max(1, Math.ceil((3 * raters) / rows[0].raters))}`;
  const parts = rows.map(({ raters, questions }) => {
    const part = h("span", { class: tone(raters) });
    part.style.flexGrow = questions;
    part.hidden = questions === 0;
    return part;
  });
  const key = ({ raters, questions }) => h("span", {}, h("i", { class: `key ${tone(raters)}` }), words.numRaters(raters), h("b", { text: words.number(questions) }));
  const few = rows.filter(({ questions, raters }) => questions > 0 || raters === rows[0].raters || raters === 0);
  const said = rows.map(({ raters, questions }) => words.byRaters(raters, questions)).join(", ");
  return [h("div", { class: "stack", role: "img", "aria-label": said }, parts), h("p", {}, few.map(key))];
}
