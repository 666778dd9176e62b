// One frame clock for all views. The frame is the state; views only draw it, between two frames while it plays.

export const SPEEDS = [0.25, 0.5, 1, 2, 4];
const END_HOLD = 0.4; // seconds the last frame stays before the loop begins again
const SHORTEST = 2.5; // seconds a segment lasts at least at its natural speed
const ENOUGH = 0.95; // share of the frames of each view that must have been on the screen

export class Clock {
  /** onChange(): called when it is played, paused, moved by hand, or its speed changes; not for every frame. */
  constructor(onChange = () => {}) {
    this.onChange = onChange;
    this.loop = true;
    this.playing = false;
    this.counting = true; // false while something covers the views: frames drawn meanwhile are not seen
    this.speed = 1;
    this.load([{ frames: 1 }], 0.05);
  }

  /** segments: what the views show; dt: seconds of simulation between frames. */
  load(segments, dt) {
    this.dt = dt;
    this.frame = 0;
    this.held = 0;
    this.drawn = null; // frame of the last picture, where motion has gone on from it
    this.last = Math.max(...segments.map(({ frames }) => frames)) - 1;
    this.seen = segments.map(({ frames }) => new Uint8Array(frames));
    this.plays = 0;
    this.seeks = 0;
  }

  /** The fastest speed up to real time at which the segment lasts two and a half seconds. */
  naturalSpeed() {
    const seconds = this.last * this.dt;
    return [...SPEEDS].reverse().find((speed) => speed <= 1 && seconds / speed >= SHORTEST) ?? SPEEDS[0];
  }

  /** A picture of this frame is on the screen: the motion from the picture before to it was seen, or one frame alone.
      views: the places of the views that were drawn; all of them if it is left out. */
  shown(views) {
    const from = this.drawn ?? this.frame;
    this.drawn = this.frame;
    if (!this.counting) return;
    this.seen.forEach((frames, view) => {
      if (!views || views.includes(view)) frames.fill(1, Math.floor(from), Math.min(Math.floor(this.frame), frames.length - 1) + 1);
    });
  }

  /** Share of a view's frames that were on the screen. */
  coverage(view) {
    const frames = this.seen[view];
    return frames.reduce((sum, one) => sum + one, 0) / frames.length;
  }

  /** Seconds of watching, at this speed, until every view was seen once. */
  remaining() {
    return (Math.max(...this.seen.map((frames) => frames.reduce((sum, one) => sum + 1 - one, 0))) * this.dt) / this.speed;
  }

  /** Whether enough of every view was seen for an answer. */
  unlocked(enough = ENOUGH) {
    return this.seen.every((_, view) => this.coverage(view) >= enough);
  }

  play(on = !this.playing) {
    if (on && this.frame >= this.last) this.jump(0);
    if (on && !this.playing) this.plays += 1;
    this.playing = on;
    this.held = 0;
    this.onChange();
  }

  /** Advance by seconds of wall time; true if something moved. */
  tick(seconds) {
    if (!this.playing) return false;
    if (this.frame < this.last) {
      this.frame = Math.min(this.last, this.frame + (seconds * this.speed) / this.dt);
      return true;
    }
    this.held += seconds;
    if (this.held < END_HOLD) return false;
    this.held = 0;
    if (!this.loop) {
      this.play(false);
      return true;
    }
    this.plays += 1;
    this.jump(0);
    return true;
  }

  /** Go to a whole frame and stop there. */
  seek(frame, stepping = false) {
    if (!stepping) this.seeks += 1;
    this.playing = false;
    this.jump(Math.max(0, Math.min(this.last, Math.round(frame))));
    this.onChange();
  }

  /** Step by whole frames, and stop. */
  step(by) {
    this.seek((by > 0 ? Math.floor(this.frame) : Math.ceil(this.frame)) + by, true);
  }

  /** Choose the next faster (1) or slower (-1) speed. */
  faster(by) {
    const at = SPEEDS.indexOf(this.speed) + by;
    this.speed = SPEEDS[Math.max(0, Math.min(SPEEDS.length - 1, at))];
    this.onChange();
  }

  jump(frame) {
    this.frame = frame;
    this.drawn = null;
  }
}
