// Segments and geometries, fetched and decoded once.

import { api } from "./api.js";
import { closeClip, hasWebGL2, readGeometry, readSegment } from "./viewer/viewer.js";

const geometries = new Map();
const drawsPoses = hasWebGL2();

function once(id, make) {
  if (!geometries.has(id)) {
    const made = make();
    geometries.set(id, made);
    made.catch(() => geometries.delete(id)); // the next try asks again
  }
  return geometries.get(id);
}

/** What cannot be drawn here. */
export class CannotDraw extends Error {}

/** Fetch and decode one segment of an assignment. */
export async function loadSegment({ id, num_steps, dt_s, geometry, media_type }) {
  if (media_type !== "video/mp4" && !drawsPoses) throw new CannotDraw("no WebGL2");
  const [shape, response] = await Promise.all([
    geometry ? once(geometry, async () => readGeometry(await (await api.geometry(geometry)).json())) : null,
    api.segment(id),
  ]);
  const segment = await readSegment(await response.arrayBuffer(), { mediaType: media_type, geometry: shape, dt: dt_s });
  return Object.assign(segment, { id, steps: num_steps, dt: dt_s });
}

/** Free what the segments of a question hold. */
export function forget(segments) {
  segments.forEach(closeClip);
}
