// An order of the segments with ties, best first: by number keys, by tapping or by dragging. The best ones alone will do.

import { answerButton, answered, skipped } from "./bar.js";
import { h } from "./dom.js";
import { text } from "./texts.js";

const UNRANKED = -1;

/** Ranks per view from groups of views, best group first: [[2], [0, 3]] of four is [1, -1, 0, 1]. */
export function ranksOf(groups, count) {
  const ranks = new Array(count).fill(UNRANKED);
  groups.forEach((group, rank) => group.forEach((view) => (ranks[view] = rank)));
  return ranks;
}

/** The inverse of `ranksOf`. */
export function groupsOf(ranks) {
  const groups = [];
  ranks.forEach((rank, view) => rank !== UNRANKED && (groups[rank] ??= []).push(view));
  return groups.filter(Boolean);
}

/** Take a view out, and put it at a place among those that are placed; ties of the others stay. */
export function moved(groups, view, to) {
  const rest = groups.map((group) => group.filter((one) => one !== view)).filter((group) => group.length);
  const at = Math.max(0, Math.min(rest.flat().length, to));
  let before = 0;
  let index = 0;
  while (index < rest.length && before + rest[index].length <= at) before += rest[index++].length;
  rest.splice(index, 0, [view]);
  return rest;
}

const allViews = (app) => app.segments.map((_, view) => view);

export const ranking = {
  hint: text.rank.hint,
  touchHint: text.rank.touchHint,
  begin(app) {
    app.draft = app.standing?.status === "answered" ? groupsOf(app.standing.statement.rank) : [];
  },
  bar(app) {
    this.slots = h("ol", { class: "slots", "aria-label": text.rank.hint });
    this.submit = answerButton({ keys: "Enter", label: text.rank.submit, tone: "primary", run: () => this.send(app) });
    return [
      h("div", { class: "ranker" }, h("span", { class: "pole", text: text.rank.best }), this.slots, h("span", { class: "pole", text: text.rank.worst })),
      h("div", { class: "middle" }, answerButton({ keys: "X", label: text.cannot, run: () => app.commit(skipped) }), this.submit),
    ];
  },
  refresh(app) {
    const flat = app.draft.flat();
    this.submit.setAttribute("aria-disabled", String(flat.length === 0 || !app.unlocked()));
    const items = [];
    app.draft.forEach((group, place) =>
      group.forEach((view, within) => {
        if (items.length) items.push(this.joint(app, place, within));
        items.push(this.chip(app, view));
      }),
    );
    for (let place = flat.length; place < app.segments.length; place += 1) {
      if (items.length) items.push(h("li", { class: "joint", "aria-hidden": "true" }, h("span", { text: ">" })));
      items.push(h("li", { class: "slot empty" }, h("span", { class: "visually-hidden", text: `${text.rank.free} ` }), h("span", { text: text.rank.place(place) })));
    }
    this.slots.replaceChildren(...items);
    app.views.forEach(({ badge }, view) => {
      const place = app.draft.findIndex((group) => group.includes(view));
      badge.textContent = place < 0 ? "" : text.rank.place(app.draft.slice(0, place).flat().length);
    });
  },
  /** Between two chips: better than, or as good as. */
  joint(app, place, within) {
    const tied = within > 0;
    const toggle = () => {
      const groups = structuredClone(app.draft);
      if (tied) groups.splice(place, 1, groups[place].slice(0, within), groups[place].slice(within));
      else groups.splice(place - 1, 2, [...groups[place - 1], ...groups[place]]);
      this.set(app, groups);
    };
    const name = tied ? text.rank.tie : text.rank.over;
    return h("li", { class: "joint" }, h("button", { type: "button", class: "tie", "aria-pressed": String(tied), "aria-label": name, text: tied ? "=" : ">", onclick: toggle }));
  },
  chip(app, view) {
    const name = `${view + 1}`;
    const chip = h(
      "button",
      { type: "button", class: `slot filled tint-${view % 4}`, "data-view": view, "aria-description": text.rank.chip, "aria-label": text.rank.segment(name) },
      h("span", { text: name }),
    );
    chip.addEventListener("keydown", (event) => {
      const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      if (!by) return;
      event.preventDefault();
      event.stopPropagation();
      this.set(app, moved(app.draft, view, app.draft.flat().indexOf(view) + by));
      this.slots.querySelector(`[data-view="${view}"]`).focus();
    });
    chip.addEventListener("pointerdown", (event) => this.drag(app, view, event));
    return h("li", {}, chip);
  },
  set(app, groups) {
    app.draft = groups;
    app.refresh();
  },
  /** Drag a chip along the tray, or a view's label onto it; a tap on a label puts it next. */
  drag(app, view, event) {
    event.preventDefault();
    const from = { x: event.clientX, y: event.clientY };
    const flying = h("div", { class: `slot filled flying tint-${view % 4}`, text: `${view + 1}` });
    document.body.append(flying);
    const follow = ({ clientX, clientY }) => {
      flying.style.transform = `translate(${clientX - 22}px, ${clientY - 22}px)`;
    };
    follow(event);
    const stop = (end) => {
      removeEventListener("pointermove", follow);
      removeEventListener("pointercancel", stop);
      removeEventListener("pointerup", stop);
      flying.remove();
      if (end.type !== "pointerup") return;
      const isTap = Math.hypot(end.clientX - from.x, end.clientY - from.y) < 8;
      if (isTap && !app.draft.flat().includes(view)) this.place(app, view, false);
      else if (!isTap) this.drop(app, view, end);
    };
    addEventListener("pointermove", follow);
    addEventListener("pointerup", stop);
    addEventListener("pointercancel", stop);
  },
  drop(app, view, { clientX, clientY }) {
    const tray = this.slots.getBoundingClientRect();
    if (clientY < tray.top - 60 || clientY > tray.bottom + 60) return;
    const places = [...this.slots.querySelectorAll(".slot")].map((slot) => slot.getBoundingClientRect());
    const to = places.filter(({ left, width }) => left + width / 2 < clientX).length;
    const was = app.draft.flat().indexOf(view);
    this.set(app, moved(app.draft, view, was >= 0 && was < to ? to - 1 : to));
  },
  /** Put a view next; the last place fills itself. */
  place(app, view, tied) {
    if (view >= app.segments.length) return;
    const groups = app.draft.map((group) => group.filter((one) => one !== view)).filter((group) => group.length);
    if (tied && groups.length) groups.at(-1).push(view);
    else groups.push([view]);
    const free = allViews(app).filter((one) => !groups.flat().includes(one));
    if (free.length === 1 && !tied) groups.push(free);
    this.set(app, groups);
  },
  send(app) {
    if (app.draft.length) app.commit(answered({ rank: ranksOf(app.draft, app.segments.length) }));
    else app.say(text.rank.hint);
  },
  press(name, event, app) {
    if (/^[1-9]$/.test(name)) this.place(app, Number(name) - 1, event.shiftKey);
    else if (name === "backspace") this.set(app, app.draft.map((group, at) => (at === app.draft.length - 1 ? group.slice(0, -1) : group)).filter((group) => group.length));
    else if (name === "enter") this.send(app);
    else if (name === "x") app.commit(skipped);
    else return false;
    return true;
  },
  words({ status, statement }) {
    if (status === "skipped") return text.cannot;
    return groupsOf(statement.rank).map((group) => group.map((view) => view + 1).join(" = ")).join(" > ");
  },
  glyph: (answer) => (answer.status === "skipped" ? "×" : ranking.words(answer).replaceAll(" ", "")),
  tone: () => "",
  lit: () => -1,
};
