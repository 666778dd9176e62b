// The viewer: segments side by side on one canvas, one clock, one camera. docs/viewer.md has an example.
//
//   const viewer = new Viewer(canvas);                      // WebGL2, or clips alone: viewer.drawsPoses
//   const geometry = readGeometry(await response.text());   // once a task
//   const segment = await readSegment(bytes, { mediaType, geometry, dt });
//   viewer.load([segment, other]);
//   viewer.layout([{ x, y, width, height }, ...]);          // CSS pixels of the canvas; null: a view that is hidden
//   viewer.start();                                         // or viewer.advance(seconds) from a loop of one's own
//   viewer.frame(12);                                       // a whole frame, paused; viewer.clock and viewer.camera do the rest

import { OrbitCamera, rootAt } from "./camera.js";
import { readClip } from "./clip.js";
import { Clock } from "./clock.js";
import { FlatScene } from "./flat.js";
import { readPalette } from "./palette.js";
import { readPoses } from "./poses.js";
import { Scene } from "./scene.js";

export { OrbitCamera, eyeOf, pathAt, rootAt } from "./camera.js";
export { closeClip, readClip } from "./clip.js";
export { Clock, SPEEDS } from "./clock.js";
export { readPalette } from "./palette.js";
export { watchPointers } from "./pointers.js";
export { decode, fromBase64, readGeometry, readPoses } from "./poses.js";

const SLOW = 0.036; // seconds a picture, above which fewer pixels are drawn
const LEAST_RATIO = 0.5; // pixels for each CSS pixel

/** A segment to draw. mediaType says whether bytes are poses or a clip; dt: seconds between two frames. */
export function readSegment(bytes, { mediaType, geometry, dt }) {
  return mediaType === "video/mp4" ? readClip(bytes, dt) : readPoses(bytes, geometry, dt);
}

/** Whether this browser draws poses. Without WebGL2, ask for clips. */
export function hasWebGL2() {
  const gl = document.createElement("canvas").getContext("webgl2");
  gl?.getExtension("WEBGL_lose_context")?.loseContext();
  return Boolean(gl);
}

export class Viewer {
  /** quality: all pixels and soft shadows even where that is slow. clips: draw clips alone, as where there is no WebGL2. */
  constructor(canvas, { quality = false, clips = false } = {}) {
    this.canvas = canvas;
    this.quality = quality;
    this.onChange = () => {}; // played, paused, moved by hand, camera turned
    this.onDraw = () => {}; // a picture was drawn
    this.clock = new Clock(() => this.changed());
    this.camera = new OrbitCamera(() => this.changed());
    this.drawsPoses = !clips && hasWebGL2();
    this.scene = this.drawsPoses ? new Scene(canvas, { quality, onRestored: () => this.changed() }) : new FlatScene(canvas);
    this.ratio = Math.min(this.scene.soft ? 0.6 : 2, devicePixelRatio);
    this.segments = [];
    this.rects = [];
    this.ghost = false; // whether each view also shows the other segment
    this.trail = true; // whether dots on the floor show where the robot was
    this.tints = null; // colours of the trails, by view; null: those of the sides
    this.slow = [];
    this.sinceDraw = 0;
    this.restyle();
  }

  /** Show segments of one task. sameView: keep the camera as it is. */
  load(segments, { sameView = false } = {}) {
    this.segments = segments;
    this.clock.load(segments, segments[0].dt);
    if (!sameView) this.camera.frame(segments);
    this.camera.travel = 0;
    this.dirty = true;
  }

  /** Where the views are, in CSS pixels of the canvas; null for a view that is not drawn. */
  layout(rects) {
    this.rects = rects;
    this.scene.resize(...[this.canvas.clientWidth, this.canvas.clientHeight].map((size) => Math.max(1, Math.round(size * this.ratio))));
    this.dirty = true;
  }

  /** Go to a whole frame and stop there. */
  frame(index) {
    this.clock.seek(index);
  }

  setFollow(on) {
    this.camera.setFollow(on, this.segments, this.clock.frame);
  }

  /** Read the colours of the page again: call it when the page turns light or dark. */
  restyle() {
    this.palette = readPalette(this.canvas);
    this.dirty = true;
  }

  changed() {
    this.dirty = true;
    this.onChange();
  }

  /** Go on by seconds of wall time; draw if anything has changed and the last picture is done. True if it drew. */
  advance(seconds) {
    this.dirty = this.clock.tick(seconds) || this.dirty;
    this.sinceDraw += seconds;
    if (!this.dirty || !this.segments.length || this.scene.busy()) return false;
    this.draw();
    this.govern(this.sinceDraw);
    this.sinceDraw = 0;
    return true;
  }

  /** Draw now, whether or not anything has changed. */
  draw() {
    this.dirty = false;
    const views = this.views();
    this.scene.draw(views, this.camera, this.palette);
    this.clock.shown(views.map(({ view }) => view));
    this.onDraw(views);
  }

  /** The views as the scene draws them, in pixels. */
  views() {
    const { frame } = this.clock;
    const tints = this.tints ?? (this.segments.length > 1 ? this.palette.tints : [this.palette.trail]);
    const made = this.rects.map((rect, view) => {
      if (!rect || !this.segments[view]) return null;
      const [x, y, width, height] = [rect.x, rect.y, rect.width, rect.height].map((value) => Math.round(value * this.ratio));
      const segment = this.segments[view];
      const ghost = this.ghost && this.segments.length === 2 ? this.segments[1 - view] : null;
      return {
        ...{ view, x, y, width, height, segment, frame, target: this.camera.target(segment, frame) },
        ...{ trailTint: this.trail ? tints[view % tints.length] : null },
        ...{ ghost, ghostFrame: frame, ghostTint: this.palette.ghosts[1 - view] ?? this.palette.ghosts[0] },
      };
    });
    return made.filter(Boolean);
  }

  /** Where the robot of a view is in another view, as shares from the top left; beyond 0 to 1 it has left the picture. */
  spot(view, within) {
    const { width, height } = this.rects[within];
    const target = this.camera.target(this.segments[within], this.clock.frame);
    return this.camera.project(rootAt(this.segments[view], this.clock.frame), target, width / height);
  }

  /** On slow machines fewer pixels, so that motion stays smooth. */
  govern(seconds) {
    if (!this.clock.playing || this.quality || seconds > 0.5) return;
    this.slow.push(seconds);
    if (this.slow.length < 10) return;
    const mean = this.slow.reduce((sum, value) => sum + value, 0) / this.slow.length;
    this.slow = [];
    if (mean > SLOW && this.ratio > LEAST_RATIO) {
      this.ratio = Math.max(LEAST_RATIO, this.ratio * 0.8);
      this.layout(this.rects);
    }
  }

  /** Draw whenever the browser shows a picture, until stop(). */
  start() {
    let before = performance.now();
    const loop = (now) => {
      this.advance(Math.min(0.25, (now - before) / 1000));
      before = now;
      this.running = requestAnimationFrame(loop);
    };
    this.stop();
    this.running = requestAnimationFrame(loop);
  }

  stop() {
    if (this.running) cancelAnimationFrame(this.running);
    this.running = null;
  }
}
