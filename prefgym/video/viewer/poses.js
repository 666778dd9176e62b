// Geometry and poses as prefgym/video/geometry.py and poses.py write them; the format is described there.

import { rotate, turnTo } from "./linear.js";

const SMOOTH = 8; // frames to either side over which the camera's path is a mean

/** Geometry of a task from its JSON (text or parsed). */
export function readGeometry(json) {
  const geometry = typeof json === "string" ? JSON.parse(json) : json;
  if (geometry.version !== 1) throw new Error(`geometry of version ${geometry.version}: reload the page`);
  for (const mesh of Object.values(geometry.meshes)) {
    if (typeof mesh.vertices !== "string") continue; // read before
    const units = new Uint16Array(fromBase64(mesh.vertices).buffer);
    mesh.vertices = Float32Array.from(units, (unit, at) => mesh.low[at % 3] + mesh.step[at % 3] * unit);
    const faces = fromBase64(mesh.faces).buffer;
    mesh.faces = mesh.num_vertices <= 65536 ? new Uint16Array(faces) : new Uint32Array(faces);
  }
  return geometry;
}

export const fromBase64 = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));

export async function gunzip(bytes) {
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).arrayBuffer();
}

/** A segment to draw, from the bytes of its poses. */
export async function readPoses(bytes, geometry, dt) {
  const motion = decode(await gunzip(bytes));
  const shapes = geometry.moving.map((shape) => ({ ...shape }));
  for (const [index, size, rgba] of motion.changes) Object.assign(shapes[index], { size, rgba });
  const root = followed(motion, geometry.follow);
  const segment = { kind: "poses", dt: dt ?? geometry.dt, geometry, shapes, ...motion, root, path: smoothPath(root, motion.frames) };
  return Object.assign(segment, sizeOf(segment));
}

/** Undo `encode` of poses.py. Positions: place[frame][shape][3]; quaternions: turn[frame][shape][4]; roots[frame][tree][3]. */
export function decode(buffer) {
  const size = new DataView(buffer).getUint32(0, true);
  const header = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, size)));
  if (header.version !== 1) throw new Error(`poses of version ${header.version}: reload the page`);
  const { frames, trees, turns, tree } = header;
  const [unit, axisUnit, turnUnit] = header.units;
  const rows = readRows(buffer, 4 + size, 3 * trees + turns.reduce((sum, count) => sum + 3 + count, 0), frames);
  const [place, turn, roots] = [turns.length * 3, turns.length * 4, trees * 3].map((width) => new Float32Array(width * frames));
  for (let frame = 0; frame < frames; frame += 1) {
    for (let k = 0; k < 3 * trees; k += 1) roots[frame * 3 * trees + k] = rows[k * frames + frame] * unit;
    let row = 3 * trees;
    turns.forEach((count, shape) => {
      const at = frame * turns.length + shape;
      const part = (k) => rows[(row + k) * frames + frame];
      for (let k = 0; k < 3; k += 1) place[at * 3 + k] = (part(k) + rows[(tree[shape] * 3 + k) * frames + frame]) * unit;
      const own = count === 4 ? unitTurn([3, 4, 5, 6].map((k) => part(k) * turnUnit)) : count === 3 ? turnTo(...[3, 4, 5].map((k) => part(k) * axisUnit)) : [1, 0, 0, 0];
      turn.set(own, at * 4);
      row += 3 + count;
    });
  }
  return { frames, trees, origin: header.origin, changes: header.changes, place, turn, roots };
}

function unitTurn(q) {
  const norm = Math.hypot(...q) || 1;
  return q.map((part) => part / norm);
}

/** Byte planes, zigzag, then one or two sums along each row. */
function readRows(buffer, start, count, frames) {
  const order = new Uint8Array(buffer, start, count);
  const planes = [0, 1, 2, 3].map((k) => new Uint8Array(buffer, start + count + k * count * frames, count * frames));
  const rows = new Int32Array(count * frames);
  for (let row = 0; row < count; row += 1) {
    let [speed, value] = [0, 0];
    for (let at = row * frames; at < (row + 1) * frames; at += 1) {
      const folded = planes[0][at] | (planes[1][at] << 8) | (planes[2][at] << 16) | (planes[3][at] << 24);
      const change = (folded >>> 1) ^ -(folded & 1);
      speed = order[row] === 2 ? speed + change : change;
      value += speed;
      rows[at] = value;
    }
  }
  return rows;
}

/** The root that the camera follows, frame by frame; where it follows none, the middle of the floor. */
function followed({ frames, trees, roots }, follow) {
  const root = new Float32Array(frames * 3);
  if (follow >= 0) for (let frame = 0; frame < frames; frame += 1) root.set(roots.subarray((frame * trees + follow) * 3, (frame * trees + follow) * 3 + 3), frame * 3);
  return root;
}

/** What the camera follows: a mean of the root's path, a function of the frame alone, so that scrubbing repeats exactly. */
function smoothPath(root, frames) {
  const path = new Float32Array(frames * 2);
  for (let frame = 0; frame < frames; frame += 1) {
    const reach = Math.min(SMOOTH, frame, frames - 1 - frame);
    for (let near = frame - reach; near <= frame + reach; near += 1)
      for (const axis of [0, 1]) path[frame * 2 + axis] += root[near * 3 + axis] / (2 * reach + 1);
  }
  return path;
}

/** Radius of a ball that holds all shapes and half their height (the largest of five frames); half their width and the
    middle of their box (in the first). */
function sizeOf(segment) {
  const boxes = [0, 0.25, 0.5, 0.75, 1].map((share) => boxAt(segment, Math.round(share * (segment.frames - 1))));
  const most = (measure) => Math.max(...boxes.map(({ half }) => measure(half)));
  return { extent: most((half) => Math.hypot(...half)), tall: most((half) => half[2]), width: boxes[0].half[1], middle: boxes[0].middle };
}

function boxAt({ geometry, shapes, place, turn }, frame) {
  const low = [Infinity, Infinity, Infinity];
  const high = [-Infinity, -Infinity, -Infinity];
  const grow = (shape, at, q) => {
    const along = rotate(q, [0, 0, 1]);
    const reach = reachOf(shape);
    for (let axis = 0; axis < 3; axis += 1) {
      const own = reach.radius + reach.half * Math.abs(along[axis]);
      low[axis] = Math.min(low[axis], at[axis] - own);
      high[axis] = Math.max(high[axis], at[axis] + own);
    }
  };
  shapes.forEach((shape, k) => {
    const at = frame * shapes.length + k;
    if (shape.rgba[3] >= 1) grow(shape, place.subarray(at * 3, at * 3 + 3), turn.subarray(at * 4, at * 4 + 4));
  });
  if (geometry.follow < 0) for (const shape of geometry.standing) grow(shape, shape.place, shape.turn);
  return { half: low.map((value, axis) => (high[axis] - value) / 2), middle: low.map((value, axis) => (high[axis] + value) / 2) };
}

function reachOf({ type, size }) {
  if (type === "capsule" || type === "cylinder") return { radius: size[0], half: size[1] };
  return { radius: type === "sphere" ? size[0] : Math.max(...size), half: 0 };
}
