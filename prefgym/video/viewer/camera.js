// The one camera of all views, in MuJoCo's convention, and the pointers that move it.

import { lookAt, multiply, perspective, mix } from "./linear.js";

const LENS = 30; // degrees, top to bottom, where the camera follows a robot: a long lens keeps legs parallel
const LENGTHS = 5.4; // distance of such a camera in radii of the robot
const MOST_LENGTHS = 3.2; // most radii of what stands and moves, from a camera that stands still
const FLAT = 0.15; // height by radius below which a robot lies in a plane, and is looked at from above
const DEGREES = Math.PI / 180;

export class OrbitCamera {
  constructor(onChange = () => {}) {
    this.onChange = onChange;
    this.fixed = false; // a study may forbid to move it
    this.follow = true;
    this.travel = 0; // degrees turned and zoom steps, for the answer's provenance
    this.lookat = [0, 0, 1];
    this.home = { azimuth: 90, elevation: -12, distance: 4, fovy: 45 };
    Object.assign(this, this.home);
  }

  /** Choose where to look from, for segments of one task: all from one distance, or the eye would compare sizes. */
  frame(segments) {
    const [first] = segments.filter(({ kind }) => kind === "poses");
    if (!first) return;
    const { geometry, middle, width, tall } = first;
    const extent = Math.max(...segments.map((segment) => segment.extent ?? 0));
    if (geometry.home) {
      const { azimuth, elevation, distance, lookat } = geometry.home;
      this.lookat = lookat;
      this.home = { azimuth, elevation, distance: Math.min(distance, extent * MOST_LENGTHS), fovy: geometry.fovy };
    } else {
      this.lookat = [0, 0, Math.max(0.4, middle[2] - (geometry.floor ?? 0)) + (geometry.floor ?? 0)];
      // The wider a robot is across, the more from above.
      const elevation = tall < FLAT * extent ? -50 : -8.5 - 16 * Math.min(1, width / extent) ** 2;
      this.home = { azimuth: geometry.azimuth, elevation, distance: Math.max(3.4, extent * LENGTHS), fovy: LENS };
    }
    this.anchor = null;
    this.reset();
  }

  /** What a view of a segment looks at. Not following, it stays where it was when that was switched off. */
  target(segment, frame) {
    const [x, y] = this.anchor ?? pathAt(segment, frame);
    return [this.lookat[0] + x, this.lookat[1] + y, this.lookat[2]];
  }

  /** Follow the robot, or stand still at the mean place of these segments. */
  setFollow(on, segments = [], frame = 0) {
    if (this.fixed) return;
    this.follow = on;
    const spots = segments.map((segment) => pathAt(segment, frame));
    this.anchor = on ? null : [0, 1].map((axis) => spots.reduce((sum, spot) => sum + spot[axis], 0) / Math.max(1, spots.length));
    this.onChange();
  }

  /** Turn by degrees. */
  turn(right, up) {
    if (this.fixed) return;
    this.azimuth = (this.azimuth - right + 360) % 360;
    this.elevation = Math.max(-88, Math.min(-1.5, this.elevation - up));
    this.travel += Math.hypot(right, up);
    this.onChange();
  }

  /** Above 1 goes away. */
  zoom(factor) {
    if (this.fixed) return;
    const near = this.home.distance;
    this.distance = Math.max(near / 6, Math.min(near * 7, this.distance * factor));
    this.travel += Math.abs(Math.log(factor)) * 40;
    this.onChange();
  }

  reset() {
    Object.assign(this, this.home);
    this.follow = true;
    this.anchor = null;
    this.travel = 0;
    this.onChange();
  }

  /** For the provenance of an answer. */
  state() {
    const round = (value) => Math.round(value * 100) / 100;
    const [azimuth, elevation, distance, travel] = [this.azimuth, this.elevation, this.distance, this.travel].map(round);
    return { azimuth, elevation, distance, travel, follow: this.follow };
  }

  eye(target) {
    return eyeOf(this, target);
  }

  /** Matrix from the world to the view. */
  lens(target, aspect) {
    const near = Math.max(0.004, Math.min(0.08, this.distance * 0.02));
    return multiply(perspective(fovFor(this.fovy, aspect), aspect, near, 220), lookAt(this.eye(target), target));
  }

  /** Where a point of the world is in a view, as shares of its width and height from the top left. */
  project(point, target, aspect) {
    const lens = this.lens(target, aspect);
    const [x, y, , w] = [0, 1, 2, 3].map((row) => lens[row] * point[0] + lens[4 + row] * point[1] + lens[8 + row] * point[2] + lens[12 + row]);
    return [(x / Math.abs(w) + 1) / 2, (1 - y / Math.abs(w)) / 2];
  }
}

/** MuJoCo's convention: azimuth 90 looks along +y, a negative elevation looks down. */
export function eyeOf({ azimuth, elevation, distance }, target) {
  const [turn, rise] = [azimuth * DEGREES, elevation * DEGREES];
  return [
    target[0] - distance * Math.cos(rise) * Math.cos(turn),
    target[1] - distance * Math.cos(rise) * Math.sin(turn),
    target[2] - distance * Math.sin(rise),
  ];
}

/** In a tall view the angle is kept across, so that a robot is not cut off at its sides; a wide and low one comes closer. */
function fovFor(fovy, aspect) {
  const scale = aspect < 1.05 ? 1.05 / aspect : Math.max(0.72, Math.min(1, Math.sqrt(1.35 / aspect)));
  return (2 * Math.atan(Math.tan((fovy * DEGREES) / 2) * scale)) / DEGREES;
}

/** Place of the robot at a whole frame. */
export function rootAt(segment, frame) {
  const at = Math.min(Math.round(frame), segment.frames - 1) * 3;
  return segment.root ? segment.root.subarray(at, at + 3) : [0, 0, 0];
}

/** Smooth path of the robot at a frame that may lie between two. */
export function pathAt(segment, frame) {
  if (!segment.path) return [0, 0];
  const first = Math.min(Math.floor(frame), segment.frames - 1);
  const second = Math.min(first + 1, segment.frames - 1);
  const share = Math.min(frame - first, 1);
  return [0, 1].map((axis) => mix(segment.path[first * 2 + axis], segment.path[second * 2 + axis], share));
}
