// The table of raters, and what may be done about one; who agrees with whom.

import { nothing, openDialog, renew, section } from "./admin_dom.js";
import { interval, lengthBar, sparkline } from "./admin_charts.js";
import { words } from "./admin_texts.js";
import { h } from "./dom.js";

const SHARES = {
  with_others: { from: 0, to: 1, ends: ["0", "100 %"] },
  gold: { from: 0, to: 1, ends: ["0", "100 %"] },
  first_place: { from: 0, to: 1, ends: ["0", "100 %"] },
  repeats: { from: 0, to: 1, ends: ["0", "100 %"] },
};
const PRESENT = 120; // seconds after which somebody is no longer shown as present

export class Raters {
  /** actions: exclude(rater, excluded) and withdraw(rater), both promises. */
  constructor(actions) {
    this.actions = actions;
    this.sort = { key: "answers", down: true };
    this.rows = [];
    this.box = h("div", { class: "scroll", tabindex: "0", role: "group", "aria-label": words.sections.raters });
    this.section = section("raters", words.sections.raters, words.ratersMore, this.box);
    this.matrix = h("div", { class: "scroll", tabindex: "0", role: "group", "aria-label": words.sections.agreement });
    this.agreement = section("agreement", words.sections.agreement, words.agreementMore, this.matrix);
  }

  show(rows, now) {
    [this.rows, this.now] = [rows, now];
    renew(this.box, [rows, this.sort, Math.floor(now / 30)], () => (rows.length ? this.table() : nothing(words.noRaters)));
  }

  /** Draw the table again, although something in it has the focus, and give it back. */
  redraw() {
    const { rater, column } = document.activeElement?.dataset ?? {};
    this.box.dataset.state = "";
    this.box.replaceChildren(this.rows.length ? this.table() : nothing(words.noRaters));
    const again = column ? `[data-column="${column}"]` : rater ? `[data-rater="${rater}"]` : null;
    if (again) this.box.querySelector(again)?.focus();
  }

  table() {
    const value = (row) => (SHARES[this.sort.key] ? (row[this.sort.key]?.value ?? -1) : (row[this.sort.key] ?? -1));
    const sorted = [...this.rows].sort((a, b) => (value(a) > value(b) ? 1 : -1) * (this.sort.down ? -1 : 1));
    const medians = this.rows.map((row) => row.median_seconds).filter((one) => one !== null).sort((a, b) => a - b);
    const quartile = (share) => medians[Math.min(medians.length - 1, Math.floor(medians.length * share))] ?? 0;
    const scale = { band: [quartile(0.25), quartile(0.75)], high: Math.max(1, 2.5 * quartile(0.75)), most: Math.max(1, ...this.rows.map((row) => row.answers)) };
    const axis = (key) => h("td", {}, SHARES[key] && h("span", { class: "axis" }, SHARES[key].ends.map((text) => h("span", { text }))));
    return h(
      "table",
      { class: "raters" },
      h("thead", {}, h("tr", {}, Object.keys(words.columns).map((key) => this.heading(key))), h("tr", { class: "axes", "aria-hidden": "true" }, Object.keys(words.columns).map(axis))),
      h("tbody", {}, sorted.map((row) => this.row(row, scale))),
    );
  }

  heading(key) {
    if (key === "actions") return h("th", { scope: "col" }, h("span", { class: "visually-hidden", text: words.columns[key] }));
    const turn = () => {
      this.sort = { key, down: this.sort.key === key ? !this.sort.down : key !== "name" };
      this.redraw();
    };
    const order = this.sort.key === key ? (this.sort.down ? "descending" : "ascending") : undefined;
    return h("th", { scope: "col", "aria-sort": order }, h("button", { type: "button", "data-column": key, onclick: turn, text: words.columns[key] }));
  }

  row(row, scale) {
    const since = row.last_seen === null ? Infinity : Math.max(0, this.now - row.last_seen);
    const state = row.withdrawn ? words.withdrawn : row.excluded ? words.excluded : row.participant && words.participant(row.participant);
    const share = (key) => {
      if (!row[key]) return h("td", { class: "quiet", text: "–" });
      return h("td", { class: row[key].off ? "flag" : "" }, interval(row[key], SHARES[key]), h("span", { class: "figure", text: words.percent(row[key].value) }));
    };
    const seconds = row.median_seconds;
    return h(
      "tr",
      { class: row.excluded || row.withdrawn ? "past" : "" },
      h("th", { scope: "row" }, h("span", { class: `presence ${since < PRESENT ? "on" : ""}` }), h("span", { class: "name", text: row.name }), state && h("small", { class: "quiet", text: state })),
      h("td", { class: "count-cell" }, h("span", { class: "figure", text: words.number(row.answers) }), lengthBar(row.answers / scale.most)),
      seconds === null || !row.pace.length
        ? h("td", { class: "quiet", text: "–" })
        : h("td", {}, sparkline(row.pace, { ...scale, label: words.paceOf(seconds) }), h("span", { class: "figure", text: seconds.toFixed(1) })),
      ...Object.keys(SHARES).map(share),
      h("td", { class: "quiet", text: since === Infinity ? "–" : words.ago(since) }),
      h("td", { class: "actions" }, row.withdrawn ? null : this.manager(row)),
    );
  }

  manager(row) {
    return h("button", { type: "button", class: "plain", "aria-label": words.manageOf(row.name), "data-rater": row.id, onclick: () => this.manage(row), text: words.manage });
  }

  /** Say what is known of a rater, and let the admin leave out or withdraw this person. */
  manage(row) {
    const act = (run) => () => {
      dialog.close();
      run();
    };
    const fact = (name, value) => [h("dt", { text: words.facts[name] }), h("dd", { text: value })];
    const [turn, more] = row.excluded ? [words.reinstate, words.reinstateMore] : [words.exclude, words.excludeMore];
    const choice = (text, told, run, tone = "") =>
      h("div", { class: "choice" }, h("p", { text: told }), h("button", { type: "button", class: `answer small ${tone}`, onclick: act(run), text }));
    const dialog = openDialog(
      row.name,
      { class: "small" },
      h("dl", {}, fact("answers", words.number(row.answers)), fact("skipped", words.number(row.skipped)), row.participant && fact("participant", row.participant)),
      choice(turn, more, () => this.actions.exclude(row.id, !row.excluded)),
      choice(words.withdraw, words.withdrawMore, () => this.confirm(row), "bad"),
      h("div", { class: "buttons" }, h("button", { type: "button", class: "answer small", autofocus: true, onclick: () => dialog.close(), text: words.close })),
    );
  }

  /** Ask before something is erased. */
  confirm(row) {
    const close = (erase) => () => {
      dialog.close();
      if (erase) this.actions.withdraw(row.id);
    };
    const dialog = openDialog(
      words.confirm.title(row.name),
      { class: "small" },
      h("p", { text: words.confirm.text(row.answers) }),
      h(
        "div",
        { class: "buttons" },
        h("button", { type: "button", class: "answer small", autofocus: true, onclick: close(false), text: words.confirm.no }),
        h("button", { type: "button", class: "answer small bad", onclick: close(true), text: words.confirm.yes }),
      ),
    );
  }

  showAgreement(found) {
    renew(this.matrix, found, () => (found.raters.length < 2 ? nothing(words.noKappa) : kappaTable(found)));
  }
}

/** Cohen's kappa of each pair of raters; the stronger the tone, the better they agree. */
function kappaTable({ raters, kappa, shared }) {
  const cell = (row, column) => {
    if (row === column) return h("td", { class: "self" });
    const value = kappa[row][column];
    const td = h("td", { title: words.kappaOf(raters[row], raters[column], value, shared[row][column]), text: words.kappa(value) });
    td.style.setProperty("--strength", `${Math.round(22 * Math.max(0, value ?? 0))}%`);
    return td;
  };
  const head = h("tr", {}, h("td", {}), raters.map((name) => h("th", { scope: "col", text: name })));
  const rows = raters.map((name, row) => h("tr", {}, h("th", { scope: "row", text: name }), raters.map((_, column) => cell(row, column))));
  return h("table", { class: "kappas" }, h("thead", {}, head), h("tbody", {}, rows));
}
