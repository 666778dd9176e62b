// Meshes: lists of vertices (x, y, z, end, normal) and triangles. "end" says which half of a shape a vertex is on (1, -1 or
// 0): the vertex shader pulls the halves apart, so that a sphere, a capsule and an ellipsoid are one mesh.

import { cross, dot, normalize } from "./linear.js";

const CREASE = Math.cos((40 * Math.PI) / 180); // faces that meet at a larger angle keep their edge

/** A ball cut at its equator. */
export function ballMesh(around, along) {
  const [vertices, indices, rings] = [[], [], []];
  for (const end of [1, -1])
    for (let ring = 0; ring <= along / 2; ring += 1) rings.push([end, end === 1 ? ring / (along / 2) : 1 - ring / (along / 2)]);
  for (const [end, share] of rings) {
    const tilt = (share * Math.PI) / 2;
    for (let step = 0; step <= around; step += 1) {
      const turn = (step / around) * 2 * Math.PI;
      const point = [Math.sin(tilt) * Math.cos(turn), Math.sin(tilt) * Math.sin(turn), end * Math.cos(tilt)];
      vertices.push(...point, end, ...point);
    }
  }
  for (let ring = 0; ring + 1 < rings.length; ring += 1) strip(indices, ring * (around + 1), (ring + 1) * (around + 1), around);
  return { vertices, indices };
}

export function cylinderMesh(around) {
  const [vertices, indices] = [[], []];
  const rings = [[1, 0, 1], [1, 1, 1], [1, 1, 0], [-1, 1, 0], [-1, 1, 1], [-1, 0, 1]]; // end, radius, whether on a lid
  for (const [end, radius, flat] of rings) {
    for (let step = 0; step <= around; step += 1) {
      const turn = (step / around) * 2 * Math.PI;
      const side = [Math.cos(turn), Math.sin(turn), 0];
      vertices.push(radius * side[0], radius * side[1], 0, end, ...(flat ? [0, 0, end] : side));
    }
  }
  for (const ring of [0, 2, 4]) strip(indices, ring * (around + 1), (ring + 1) * (around + 1), around);
  return { vertices, indices };
}

function strip(indices, upper, lower, around) {
  for (let step = 0; step < around; step += 1)
    indices.push(upper + step, lower + step, upper + step + 1, upper + step + 1, lower + step, lower + step + 1);
}

const SQUARE = [[-1, -1], [1, -1], [1, 1], [-1, 1]];

export function boxMesh() {
  const [vertices, indices] = [[], []];
  for (let axis = 0; axis < 3; axis += 1) {
    for (const end of [1, -1]) {
      const first = vertices.length / 7;
      for (const [u, v] of SQUARE) {
        const [point, normal] = [[0, 0, 0], [0, 0, 0]];
        point[axis] = normal[axis] = end;
        point[(axis + 1) % 3] = u * end;
        point[(axis + 2) % 3] = v;
        vertices.push(...point, 0, ...normal);
      }
      indices.push(first, first + 1, first + 2, first, first + 2, first + 3);
    }
  }
  return { vertices, indices };
}

export const quadMesh = () => ({ vertices: SQUARE.flatMap(([x, y]) => [x, y, 0, 0, 0, 0, 1]), indices: [0, 1, 2, 0, 2, 3] });

/** A mesh of the model, with normals that are smooth but for creases. */
export function modelMesh({ vertices, faces }) {
  const corners = Array.from({ length: vertices.length / 3 }, (_, k) => [...vertices.subarray(k * 3, k * 3 + 3)]);
  const around = corners.map(() => []);
  const normals = [];
  for (let face = 0; face < faces.length / 3; face += 1) {
    const [a, b, c] = [0, 1, 2].map((k) => corners[faces[face * 3 + k]]);
    const area = cross(b.map((x, k) => x - a[k]), c.map((x, k) => x - a[k]));
    normals.push({ area, unit: normalize(area) });
    for (let k = 0; k < 3; k += 1) around[faces[face * 3 + k]].push(face);
  }
  const made = { vertices: [], indices: [] };
  for (let face = 0; face < normals.length; face += 1) {
    for (let k = 0; k < 3; k += 1) {
      const corner = faces[face * 3 + k];
      const near = around[corner].filter((other) => dot(normals[other].unit, normals[face].unit) > CREASE);
      const sum = [0, 1, 2].map((axis) => near.reduce((total, other) => total + normals[other].area[axis], 0));
      made.indices.push(made.vertices.length / 7);
      made.vertices.push(...corners[corner], 0, ...normalize(sum));
    }
  }
  return made;
}
