// Questions about which people disagree, to look at.

import { icon, nothing, openDialog, renew, section } from "./admin_dom.js";
import { words } from "./admin_texts.js";
import { h } from "./dom.js";
import { loadSegment } from "./segments.js";
import { Viewer, watchPointers } from "./viewer/viewer.js";

const [WIDTH, HEIGHT] = [600, 190]; // pixels of a still
const STILL = 0.7; // which part of the way through a still is

export class Disputed {
  constructor() {
    this.box = h("div", { class: "disputes" });
    // One context draws all stills: browsers give a page few of them. It is laid out, but nobody sees it.
    this.stage = h("canvas", { class: "stage", "aria-hidden": "true" });
    this.section = section("disputed", words.sections.disputed, words.disputedMore, this.box, this.stage);
    this.cards = [];
    this.loaded = new Map();
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
      this.viewer?.restyle();
      this.cards.forEach((card) => this.still(card));
    });
  }

  show(rows, kind) {
    renew(this.box, rows, () => {
      this.cards = rows.map((row) => this.card(row, kind));
      this.cards.forEach((card) => this.still(card));
      return rows.length ? this.cards.map(({ element }) => element) : nothing(words.noDisputed);
    });
  }

  card(row, kind) {
    const num = row.segments.length;
    const picture = h("canvas", { width: WIDTH, height: HEIGHT, class: "picture", "aria-hidden": "true" });
    const votes = row.votes.map(({ said, raters }) => ({ said: words.said(said, kind, num), tone: toneOf(said, kind), count: raters.length, raters }));
    const parts = votes.map(({ tone, count, said, raters }) => {
      const part = h("span", { class: tone, title: `${said}: ${raters.join(", ")}`, text: count });
      part.style.flexGrow = count;
      return part;
    });
    const element = h(
      "button",
      { type: "button", class: "dispute", "aria-label": `${words.look(row.question)}: ${words.votes(votes)}` },
      picture,
      h("span", { class: "votes", "aria-hidden": "true" }, parts),
      h("span", { class: "facts" }, h("b", { text: `#${row.question}` }), h("span", { text: votes.map(({ said, count }) => `${count} ${said}`).join(", ") }), h("span", { class: "apart", text: words.disagreement(row.disagreement) })),
      ...row.notes.map(({ rater, text }) => h("span", { class: "quote" }, words.quote(text), " ", h("b", { text: rater }))),
    );
    const card = { row, element, picture, votes };
    element.addEventListener("click", () => this.look(card));
    for (const name of ["pointerenter", "focus"]) element.addEventListener(name, () => this.play(card));
    for (const name of ["pointerleave", "blur"]) element.addEventListener(name, () => this.rest(card));
    return card;
  }

  segments({ row }) {
    if (!this.loaded.has(row.question)) this.loaded.set(row.question, Promise.all(row.segments.map(loadSegment)));
    return this.loaded.get(row.question);
  }

  /** Draw both segments into a card, from one distance, or the eye would compare sizes. */
  draw({ picture }, segments, share) {
    this.viewer ??= new Viewer(this.stage, { quality: true });
    const { viewer } = this;
    viewer.load(segments);
    const [width, height] = [WIDTH / 2, HEIGHT / 2];
    viewer.ratio = 2;
    viewer.layout(segments.map((_, at) => ({ x: (at * width) / segments.length, y: 0, width: width / segments.length, height })));
    viewer.clock.jump(share * viewer.clock.last);
    viewer.draw();
    picture.getContext("2d").drawImage(this.stage, 0, 0);
  }

  async still(card) {
    try {
      this.draw(card, await this.segments(card), STILL);
    } catch {
      card.picture.replaceWith(nothing(words.cannotDraw));
    }
  }

  async play(card) {
    if (matchMedia("(prefers-reduced-motion: reduce)").matches || this.playing === card) return;
    this.playing = card;
    const segments = await this.segments(card).catch(() => null);
    const begin = performance.now();
    const step = (now) => {
      if (this.playing !== card || !segments) return;
      this.draw(card, segments, ((now - begin) / 2500) % 1);
      requestAnimationFrame(step);
    };
    requestAnimationFrame(step);
  }

  rest(card) {
    if (this.playing !== card) return;
    this.playing = null;
    this.still(card);
  }

  /** Open a question in a dialog, where it plays, and the camera turns. */
  async look(card) {
    const { row, votes } = card;
    this.rest(card);
    const segments = await this.segments(card).catch(() => null);
    if (!segments) return;
    const canvas = h("canvas", { class: "theatre", role: "img", "aria-label": words.question(row.question) });
    const slider = h("input", { type: "range", min: "0", "aria-label": words.frame });
    const toggle = h("button", { type: "button", class: "answer small" });
    const dialog = openDialog(
      words.question(row.question),
      { class: "look" },
      h("div", { class: "sides" }, segments.map((_, at) => h("span", { class: `side-${at}`, text: words.option(at, segments.length) }))),
      canvas,
      h("div", { class: "buttons" }, toggle, slider, h("button", { type: "button", class: "answer small", autofocus: true, onclick: () => dialog.close(), text: words.close })),
      h("p", { class: "quiet", text: `${votes.map(({ said, raters }) => `${said}: ${raters.join(", ")}`).join("; ")}. ${words.turn}` }),
      ...row.notes.map(({ rater, text }) => h("p", { class: "quote" }, words.quote(text), " ", h("b", { text: rater }))),
    );
    const viewer = new Viewer(canvas);
    viewer.load(segments);
    viewer.clock.speed = viewer.clock.naturalSpeed();
    slider.max = viewer.clock.last;
    const part = () => canvas.clientWidth / segments.length;
    viewer.layout(segments.map((_, at) => ({ x: at * part(), y: 0, width: part(), height: canvas.clientHeight })));
    const tell = () => {
      slider.value = viewer.clock.frame;
      const [name, text] = viewer.clock.playing ? ["pause", words.stop] : ["play", words.play];
      if (toggle.dataset.shows !== name) toggle.replaceChildren(icon(name), text);
      toggle.dataset.shows = name;
    };
    [viewer.onChange, viewer.onDraw] = [tell, tell];
    toggle.addEventListener("click", () => viewer.clock.play());
    slider.addEventListener("input", () => viewer.frame(Number(slider.value)));
    const deaf = watchPointers(canvas, viewer.camera);
    dialog.addEventListener("close", () => {
      viewer.stop();
      deaf();
    });
    if (matchMedia("(prefers-reduced-motion: reduce)").matches) viewer.frame(STILL * viewer.clock.last);
    else viewer.clock.play(true);
    viewer.start();
  }
}

/** Which colour a vote has: those of the sides for choices, of good and bad, or none. */
function toneOf(said, kind) {
  if (kind === "comparison" && /^[0-3]$/.test(said)) return `side-${said}`;
  if (kind === "thumbs" && said !== "silent") return `vote-${said}`;
  return "same";
}
