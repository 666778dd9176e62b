// Instances of a view: what is where, in one buffer, shapes of one mesh side by side.

import { mix } from "./linear.js";

export const FLOATS = 16; // an instance: place 3, order 1, turn 4, radii 3, half length 1, colour 4
const TRAIL_EVERY = 0.1; // seconds between two dots on the floor
const TRAIL_DOTS = 60;
const DOT = 0.028; // radius, in metres

let buffer = new Float32Array(FLOATS * 64);

const meshOf = ({ type, mesh }) => (type === "mesh" ? `mesh ${mesh}` : type === "box" || type === "cylinder" ? type : "round");

/** Poses at a frame that may lie between two. tint: one colour for all; null for their own.
    Returns { runs: [{ kind, start, count, clear }], data }; runs of shapes that one sees through come last. */
export function packShapes(segment, frame, tint = null) {
  const standing = tint ? [] : segment.geometry.standing;
  const shapes = [...segment.shapes, ...standing];
  if (buffer.length < shapes.length * FLOATS) buffer = new Float32Array(shapes.length * FLOATS);
  const groups = new Map();
  shapes.forEach((shape, order) => {
    const clear = !tint && shape.rgba[3] < 1;
    const kind = meshOf(shape);
    const key = `${Number(clear)} ${kind}`;
    if (shape.rgba[3] > 0) groups.set(key, [...(groups.get(key) ?? []), { shape, order, clear, kind }]);
  });
  const runs = [];
  let filled = 0;
  for (const key of [...groups.keys()].sort()) {
    const members = groups.get(key);
    runs.push({ kind: members[0].kind, start: filled, count: members.length, clear: members[0].clear });
    for (const { shape, order } of members) {
      const at = filled * FLOATS;
      if (order < segment.shapes.length) setPose(at, segment, frame, order);
      else {
        buffer.set(shape.place, at);
        buffer.set(shape.turn, at + 4);
      }
      buffer[at + 3] = order;
      buffer.set(radiiOf(shape), at + 8);
      buffer[at + 11] = shape.type === "capsule" || shape.type === "cylinder" ? shape.size[1] : 0;
      buffer.set(tint ?? shape.rgba, at + 12);
      filled += 1;
    }
  }
  return { runs, data: buffer.slice(0, filled * FLOATS) };
}

function radiiOf({ type, size }) {
  if (type === "mesh") return [1, 1, 1];
  return type === "ellipsoid" || type === "box" ? size : [size[0], size[0], size[0]];
}

function setPose(at, { place, turn, shapes, frames }, frame, shape) {
  const first = Math.min(Math.floor(frame), frames - 1);
  const share = Math.min(frame - first, 1);
  const a = first * shapes.length + shape;
  const b = Math.min(first + 1, frames - 1) * shapes.length + shape;
  for (let axis = 0; axis < 3; axis += 1) buffer[at + axis] = mix(place[a * 3 + axis], place[b * 3 + axis], share);
  let [along, norm] = [0, 0];
  for (let part = 0; part < 4; part += 1) along += turn[a * 4 + part] * turn[b * 4 + part];
  for (let part = 0; part < 4; part += 1) {
    const value = mix(turn[a * 4 + part], along < 0 ? -turn[b * 4 + part] : turn[b * 4 + part], share);
    buffer[at + 4 + part] = value;
    norm += value * value;
  }
  for (let part = 0; part < 4; part += 1) buffer[at + 4 + part] /= Math.sqrt(norm) || 1;
}

/** A dot on the floor for every tenth of a second that has passed: their spacing is the speed. */
export function packTrail(segment, frame, tint) {
  const every = Math.max(1, Math.round(TRAIL_EVERY / segment.dt));
  const newest = Math.floor(Math.min(frame, segment.frames - 1) / every);
  const floor = segment.geometry.floor ?? 0;
  const dots = [];
  for (let dot = Math.max(0, newest - TRAIL_DOTS + 1); dot <= newest; dot += 1) {
    const spot = dot * every * 3;
    dots.push(segment.root[spot], segment.root[spot + 1], floor + 0.004, 0, 1, 0, 0, 0, DOT, DOT, 0.004, 0, ...tint, 1);
  }
  return { runs: [{ kind: "round", start: 0, count: dots.length / FLOATS, clear: false }], data: new Float32Array(dots) };
}
