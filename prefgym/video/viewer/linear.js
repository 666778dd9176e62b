// Vectors of three numbers, quaternions (w, x, y, z) as MuJoCo has them, and matrices of sixteen, column by column.

export const mix = (a, b, share) => a + (b - a) * share;
export const dot = (a, b) => a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
export const cross = (a, b) => [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]];

export function normalize(v) {
  const length = Math.hypot(...v) || 1;
  return v.map((part) => part / length);
}

/** Turn a vector by a quaternion. */
export function rotate([w, x, y, z], v) {
  const axis = [x, y, z];
  const once = cross(axis, v).map((part, k) => part + w * v[k]);
  return cross(axis, once).map((part, k) => v[k] + 2 * part);
}

/** Shortest turn of the z axis onto an axis that need not have length one. */
export function turnTo(x, y, z) {
  const length = Math.hypot(x, y, z) || 1;
  const w = 1 + z / length;
  if (w < 1e-9) return [0, 1, 0, 0];
  const norm = Math.hypot(w, x / length, y / length);
  return [w / norm, -y / length / norm, x / length / norm, 0];
}

export function lookAt(eye, target) {
  const back = normalize(eye.map((part, axis) => part - target[axis]));
  const right = normalize(cross([0, 0, 1], back));
  const up = cross(back, right);
  const columns = [0, 1, 2].flatMap((k) => [right[k], up[k], back[k], 0]);
  return [...columns, -dot(right, eye), -dot(up, eye), -dot(back, eye), 1];
}

export function perspective(fovy, aspect, near, far) {
  const scale = 1 / Math.tan((fovy * Math.PI) / 360);
  return [scale / aspect, 0, 0, 0, 0, scale, 0, 0, 0, 0, (far + near) / (near - far), -1, 0, 0, (2 * far * near) / (near - far), 0];
}

export const orthographic = (half, depth) => [1 / half, 0, 0, 0, 0, 1 / half, 0, 0, 0, 0, -2 / depth, 0, 0, 0, -1, 1];

export function multiply(a, b) {
  const product = new Array(16).fill(0);
  for (let column = 0; column < 4; column += 1)
    for (let row = 0; row < 4; row += 1)
      for (let k = 0; k < 4; k += 1) product[column * 4 + row] += a[k * 4 + row] * b[column * 4 + k];
  return product;
}

/** Gauss-Jordan elimination on [m | 1]: once a view and picture, so clarity before speed. */
export function invert(m) {
  const rows = [0, 1, 2, 3].map((row) => [
    ...[0, 1, 2, 3].map((column) => m[column * 4 + row]),
    ...[0, 1, 2, 3].map((column) => Number(column === row)),
  ]);
  for (let pivot = 0; pivot < 4; pivot += 1) {
    const best = [0, 1, 2, 3].slice(pivot).reduce((a, b) => (Math.abs(rows[b][pivot]) > Math.abs(rows[a][pivot]) ? b : a));
    [rows[pivot], rows[best]] = [rows[best], rows[pivot]];
    rows[pivot] = rows[pivot].map((value) => value / rows[pivot][pivot] || 0);
    for (let other = 0; other < 4; other += 1) {
      if (other === pivot) continue;
      const factor = rows[other][pivot];
      rows[other] = rows[other].map((value, at) => value - factor * rows[pivot][at]);
    }
  }
  return [0, 1, 2, 3].flatMap((column) => rows.map((row) => row[4 + column]));
}
