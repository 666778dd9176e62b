// The scrub bar: one track an option as long as it is, what was seen, marks or presses, one playhead.

import { h } from "./dom.js";
import { text } from "./texts.js";

const TICK_GAPS = [0.05, 0.1, 0.2, 0.25, 0.5, 1, 2, 5, 10, 20, 60];
const KEYS = { ArrowLeft: (clock) => clock.frame - 1, ArrowRight: (clock) => clock.frame + 1, PageDown: (clock) => clock.frame - 10, PageUp: (clock) => clock.frame + 10, Home: () => 0, End: (clock) => clock.last };
const MARK_KEYS = { good: "+", bad: "−" };
const tone = (good) => (good ? "good" : "bad");

export class Timeline {
  /** seek(frame) goes there; onMark({ good, start, end }) paints a stretch. */
  constructor(clock, { seek, onMark }) {
    Object.assign(this, { clock, seek, onMark, current: [] });
    this.tracks = h("div", { class: "tracks" });
    this.marks = h("div", { class: "marks", hidden: true });
    this.ticks = h("div", { class: "ticks", "aria-hidden": "true" });
    this.head = h("div", { class: "head", "aria-hidden": "true" });
    this.bar = h("div", { class: "bar", role: "slider", tabindex: "0", "aria-label": text.timeline, "aria-valuemin": "0", "aria-valuenow": "0" }, this.tracks, this.marks, this.head);
    this.element = h("div", { class: "timeline" }, this.bar, this.ticks);
    this.bar.addEventListener("keydown", (event) => {
      const to = KEYS[event.key]?.(clock);
      if (to === undefined || event.altKey || event.ctrlKey || event.metaKey) return;
      event.preventDefault();
      event.stopPropagation();
      seek(to);
    });
    this.bar.addEventListener("pointerdown", (event) => this.drag(event));
  }

  frameAt({ clientX }) {
    const { left, width } = this.bar.getBoundingClientRect();
    return Math.max(0, Math.min(this.clock.last, ((clientX - left) / width) * this.clock.last));
  }

  /** On the tracks a drag scrubs; on the row of marks it paints a stretch, with Shift a bad one. */
  drag(event) {
    const isPainting = this.isMark && event.target.closest(".marks");
    const from = this.frameAt(event);
    this.bar.setPointerCapture(event.pointerId);
    this.seek(from);
    const stretch = (now) => {
      const to = this.frameAt(now);
      return { good: !now.shiftKey, start: Math.round(Math.min(from, to)), end: Math.min(this.clock.last, Math.round(Math.max(from, to))) + 1 };
    };
    const move = (now) => {
      if (isPainting) this.showMarks([...this.current, { ...stretch(now), live: true }]);
      this.seek(this.frameAt(now));
    };
    const stop = (now) => {
      this.bar.removeEventListener("pointermove", move);
      if (!isPainting) return;
      const added = stretch(now);
      if (now.type === "pointerup" && added.end - added.start > 1) this.onMark(added);
      else this.showMarks(this.current);
    };
    this.bar.addEventListener("pointermove", move);
    for (const name of ["pointerup", "pointercancel"]) this.bar.addEventListener(name, stop, { once: true });
  }

  /** Begin with other segments. `below`: whether a row of marks or presses stands under the tracks, and of which of them. */
  load(segments, tags, { isMark = false, isLive = false }) {
    const { clock } = this;
    this.isMark = isMark;
    this.bar.setAttribute("aria-valuemax", String(clock.last));
    this.element.classList.toggle("many", segments.length > 2);
    this.tracks.replaceChildren(...segments.map((segment, view) => this.track(segment, view, segments.length, tags[view])));
    this.covers = [...this.tracks.querySelectorAll(".cover")];
    this.fills = [...this.tracks.querySelectorAll(".fill")];
    this.frames = segments.map(({ frames }) => frames);
    this.showTicks();
    this.marks.hidden = !isMark && !isLive;
    this.marks.classList.toggle("presses", isLive);
    this.showMarks([]);
  }

  track(segment, view, count, tag) {
    const length = h("div", { class: "length" }, h("div", { class: "cover" }), h("div", { class: "fill" }));
    length.style.width = `${((segment.frames - 1) / Math.max(1, this.clock.last)) * 100}%`;
    return h("div", { class: `track tint-${count === 1 ? "single" : view % 4}` }, count > 1 && h("span", { class: "tag", text: tag }), length);
  }

  showTicks() {
    const seconds = this.clock.last * this.clock.dt;
    const every = TICK_GAPS.find((gap) => seconds / gap <= 8) ?? 120;
    const ticks = Array.from({ length: Math.floor(seconds / every + 1e-6) + 1 }, (_, index) => {
      const tick = h("span", { text: `${Number((index * every).toFixed(2))}${index ? "" : " s"}` });
      tick.style.left = `${((index * every) / Math.max(1e-9, seconds)) * 100}%`;
      return tick;
    });
    this.ticks.replaceChildren(...ticks);
  }

  /** Stretches of steps, [start, end). The one that is being painted is `live`. */
  showMarks(stretches) {
    if (!stretches.some(({ live }) => live)) this.current = stretches;
    const share = (frame) => `${(Math.min(frame, this.clock.last) / Math.max(1, this.clock.last)) * 100}%`;
    const marks = stretches.map(({ good, start, end, live }) => {
      const mark = h("span", { class: `mark ${tone(good)} ${live ? "live" : ""}` }, h("b", { text: MARK_KEYS[tone(good)] }));
      mark.style.left = share(start);
      mark.style.right = `calc(100% - ${share(end)})`;
      return mark;
    });
    this.marks.replaceChildren(...marks);
  }

  /** Moments at which somebody pressed good or bad. */
  showPresses(presses) {
    const pins = presses.map(({ step, good }) => {
      const pin = h("span", { class: `press ${tone(good)}`, text: MARK_KEYS[tone(good)] });
      pin.style.left = `${(step / Math.max(1, this.clock.last)) * 100}%`;
      return pin;
    });
    this.marks.replaceChildren(...pins);
  }

  /** Only transforms change while it plays, so that nothing is laid out anew. */
  update() {
    const { clock } = this;
    this.head.style.transform = `translateX(${(clock.frame / Math.max(1, clock.last)) * 100}%)`;
    const whole = Math.round(clock.frame);
    if (whole !== this.said && !(clock.playing && Math.abs(whole - this.said) < 10)) {
      this.said = whole;
      this.bar.setAttribute("aria-valuenow", String(whole));
      this.bar.setAttribute("aria-valuetext", text.frame(whole, clock.last, (whole * clock.dt).toFixed(2)));
    }
    this.fills.forEach((fill, view) => {
      fill.style.transform = `scaleX(${Math.min(1, clock.frame / Math.max(1, this.frames[view] - 1))})`;
      this.covers[view].style.transform = `scaleX(${clock.coverage(view)})`;
    });
  }
}
