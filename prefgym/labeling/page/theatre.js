// The stage: the segments of a question in the viewer, on one clock and one camera, and what of them was on the screen.

import { h } from "./dom.js";
import { text } from "./texts.js";
import { Viewer, rootAt } from "./viewer/viewer.js";

const STACK = 0.95; // two views stand on top of one another in a box narrower than this share of its height
const STALL = 0.25; // seconds: the clock does not make up for a longer pause between two pictures

const reducedMotion = matchMedia("(prefers-reduced-motion: reduce)");

export class Theatre {
  /** handlers: changed() when playing, speed or camera change; drawn(frame, seconds) after each picture; ended(); reshaped(). */
  constructor(stage, handlers, { fixed }) {
    Object.assign(this, { stage, handlers, fixed, views: [], names: [], segments: [], solo: null, onScreen: 0, pictures: 0 });
    this.canvas = h("canvas", { "aria-hidden": "true" });
    stage.prepend(this.canvas);
    this.viewer = new Viewer(this.canvas);
    this.clock = this.viewer.clock;
    this.camera = this.viewer.camera;
    this.camera.fixed = fixed;
    this.viewer.onChange = () => handlers.changed();
    this.viewer.onDraw = () => this.drawn();
    this.sinceDraw = 0;
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.viewer.restyle());
    new ResizeObserver(() => this.layout()).observe(stage);
  }

  /** Whether a question plays by itself. */
  get autoplays() {
    return !reducedMotion.matches;
  }

  get ghost() {
    return this.viewer.ghost;
  }

  get isStackable() {
    return this.segments.length === 2 && this.stage.clientWidth < this.stage.clientHeight * STACK;
  }

  /** Begin the loop of pictures. */
  run() {
    this.before = performance.now();
    const next = (now) => {
      this.frame(now);
      this.running = requestAnimationFrame(next);
    };
    this.running = requestAnimationFrame(next);
  }

  stop() {
    cancelAnimationFrame(this.running);
  }

  /** Show other segments from their first frame. The camera stays where it is among segments of one robot. */
  load(segments, { playing }) {
    const world = segments[0].geometry ?? segments[0].kind;
    const sameView = this.world === world;
    this.world = world;
    this.segments = segments;
    this.stacked = this.isStackable;
    this.viewer.load(segments, { sameView });
    if (!sameView || !this.speedChosen) {
      this.clock.speed = this.clock.naturalSpeed();
      this.speedChosen = false;
    }
    this.setSolo(null);
    this.soloMs = 0;
    this.clock.playing = playing && this.autoplays;
    this.clock.plays = Number(this.clock.playing);
    this.onScreen = 0;
  }

  /** What an answer needs to be understood later: how it was looked at. */
  provenance() {
    const { clock, viewer } = this;
    return {
      camera: { fixed: this.fixed, ...this.camera.state() },
      ...{ speed: clock.speed, plays: clock.plays, seeks: clock.seeks, loop: clock.loop, ghost: viewer.ghost },
      solo_ms: Math.round(this.soloMs),
      stacked: Boolean(this.stacked),
      viewport: { width: innerWidth, height: innerHeight, pixel_ratio: Number(devicePixelRatio.toFixed(2)) },
      drawing: this.segments[0].kind === "clip" ? "clip" : viewer.scene.soft ? "webgl2 in software" : "webgl2",
    };
  }

  setSpeed(speed) {
    this.speedChosen = true;
    this.clock.speed = speed;
    this.handlers.changed();
  }

  faster(by) {
    this.speedChosen = true;
    this.clock.faster(by);
  }

  toggleLoop() {
    this.clock.loop = !this.clock.loop;
    this.handlers.changed();
  }

  toggleGhost() {
    this.viewer.ghost = this.segments.length === 2 && !this.viewer.ghost;
    this.viewer.changed();
  }

  toggleFollow() {
    this.viewer.setFollow(!this.camera.follow);
  }

  resetCamera() {
    if (!this.fixed) this.camera.reset();
  }

  /** Show one view alone; null for all. */
  setSolo(view) {
    if (this.solo === view || (view !== null && this.segments.length < 2)) return;
    this.solo = view;
    this.stage.classList.toggle("solo", view !== null);
    this.views.forEach(({ element }, index) => element.classList.toggle("away", view !== null && view !== index));
    this.layout();
  }

  /** Tell the viewer where the views are. */
  layout() {
    if (!this.views.length) return;
    const box = this.canvas.getBoundingClientRect();
    const rects = this.views.map(({ element }, view) => {
      if (this.solo !== null && this.solo !== view) return null;
      const { left, top, width, height } = element.getBoundingClientRect();
      return { x: left - box.left, y: top - box.top, width, height };
    });
    if (JSON.stringify(rects) !== this.laidOut) this.viewer.layout(rects);
    this.laidOut = JSON.stringify(rects);
    if (this.isStackable === this.stacked) return;
    this.stacked = this.isStackable;
    this.handlers.reshaped();
  }

  frame(now) {
    const seconds = Math.min(STALL, (now - this.before) / 1000);
    this.before = now;
    if (!this.segments.length || document.hidden) return;
    this.sinceDraw += seconds;
    if (this.solo !== null) this.soloMs += seconds * 1000;
    const was = this.clock.frame;
    this.viewer.advance(seconds);
    if (was < this.clock.last && this.clock.frame >= this.clock.last && this.clock.playing) this.handlers.ended();
  }

  /** Give all drawing commands of one picture. */
  draw() {
    this.viewer.draw();
  }

  drawn() {
    this.onScreen = this.clock.frame;
    this.pictures += 1;
    const passed = this.sinceDraw;
    this.sinceDraw = 0;
    this.showBeyond();
    this.handlers.drawn(this.onScreen, passed);
  }

  /** A ghost that has left the picture: at the edge, how far ahead or behind it is. */
  showBeyond() {
    for (const [view, { beyond }] of this.views.entries()) {
      const other = 1 - view;
      const isHidden = !this.ghost || !this.viewer.rects[view] || this.segments[view].kind === "clip";
      const [x] = isHidden ? [0.5] : this.viewer.spot(other, view);
      beyond.hidden = x > -0.02 && x < 1.02;
      if (beyond.hidden) continue;
      const [there, here] = [other, view].map((one) => rootAt(this.segments[one], this.clock.frame)[0]);
      beyond.className = `beyond tint-${other} ${x < 0 ? "left" : "right"}`;
      beyond.textContent = text.beyond(this.names[other], there - here);
    }
  }
}
