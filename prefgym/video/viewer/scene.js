// Draws views with WebGL2: one context, any number of views on it, no dependency.

import { lookAt, multiply, normalize, orthographic, invert } from "./linear.js";
import { rootAt } from "./camera.js";
import { ballMesh, boxMesh, cylinderMesh, modelMesh, quadMesh } from "./meshes.js";
import { FLOATS, packShapes, packTrail } from "./pack.js";
import { isSoftware, makeProgram } from "./program.js";
import { DEPTH_FS, FLOOR_VS, PICTURE_FS, PICTURE_VS, SKY_FS, SKY_VS, SOLID_VS, floorFs, solidFs } from "./shaders.js";

const SUN = normalize([-0.42, -0.5, 1.15]);
const NUMBERS = [-8, 55]; // metres that are painted on the floor

export class Scene {
  /** Throws where there is no WebGL2. quality: draw as on a graphics card even where there is none. */
  constructor(canvas, { quality = false, onRestored = () => {} } = {}) {
    this.canvas = canvas;
    this.soft = !quality && isSoftware();
    this.shadowSize = this.soft ? 512 : 1024;
    const gl = canvas.getContext("webgl2", { antialias: !this.soft, alpha: false, powerPreference: "high-performance" });
    if (!gl) throw new Error("no WebGL2");
    this.gl = gl;
    canvas.addEventListener("webglcontextlost", (event) => event.preventDefault());
    canvas.addEventListener("webglcontextrestored", () => {
      this.build();
      onRestored();
    });
    this.build();
  }

  build() {
    const { gl, soft } = this;
    this.fence = null;
    this.programs = {
      solid: makeProgram(gl, SOLID_VS, solidFs(soft)),
      floor: makeProgram(gl, FLOOR_VS, floorFs(soft)),
      sky: makeProgram(gl, SKY_VS, SKY_FS),
      depth: makeProgram(gl, SOLID_VS, DEPTH_FS),
      picture: makeProgram(gl, PICTURE_VS, PICTURE_FS),
    };
    this.instances = gl.createBuffer();
    this.meshes = new Map([
      ["round", this.upload(soft ? ballMesh(18, 8) : ballMesh(32, 16))],
      ["cylinder", this.upload(cylinderMesh(32))],
      ["box", this.upload(boxMesh())],
      ["quad", this.upload(quadMesh())],
    ]);
    this.modelMeshes = new WeakMap(); // of each geometry
    this.shadow = depthTexture(gl, this.shadowSize);
    this.shadowFrame = gl.createFramebuffer();
    gl.bindFramebuffer(gl.FRAMEBUFFER, this.shadowFrame);
    gl.framebufferTexture2D(gl.FRAMEBUFFER, gl.DEPTH_ATTACHMENT, gl.TEXTURE_2D, this.shadow, 0);
    gl.drawBuffers([gl.NONE]);
    gl.bindFramebuffer(gl.FRAMEBUFFER, null);
    this.numbers = numberTexture(gl);
    this.picture = gl.createTexture();
    for (const what of [gl.DEPTH_TEST, gl.CULL_FACE, gl.SCISSOR_TEST]) gl.enable(what);
  }

  upload({ vertices, indices }) {
    const { gl } = this;
    const array = gl.createVertexArray();
    gl.bindVertexArray(array);
    gl.bindBuffer(gl.ARRAY_BUFFER, gl.createBuffer());
    gl.bufferData(gl.ARRAY_BUFFER, new Float32Array(vertices), gl.STATIC_DRAW);
    gl.vertexAttribPointer(0, 4, gl.FLOAT, false, 28, 0);
    gl.vertexAttribPointer(1, 3, gl.FLOAT, false, 28, 16);
    gl.bindBuffer(gl.ELEMENT_ARRAY_BUFFER, gl.createBuffer());
    gl.bufferData(gl.ELEMENT_ARRAY_BUFFER, new Uint32Array(indices), gl.STATIC_DRAW);
    for (const location of [0, 1]) gl.enableVertexAttribArray(location);
    for (const location of [2, 3, 4, 5]) gl.vertexAttribDivisor(location, 1);
    gl.bindVertexArray(null);
    return { array, count: indices.length };
  }

  resize(width, height) {
    if (this.canvas.width === width && this.canvas.height === height) return;
    this.canvas.width = width;
    this.canvas.height = height;
  }

  /** views: [{ x, y, width, height (pixels from the top left), segment, frame, target, trailTint, ghost, ghostFrame, ghostTint }] */
  draw(views, camera, palette) {
    const { gl } = this;
    if (gl.isContextLost()) return;
    for (const view of views) {
      if (view.segment.kind === "poses") this.drawView(view, camera, palette);
      else this.drawPicture(view, palette);
    }
    if (this.fence) gl.deleteSync(this.fence);
    this.fence = gl.fenceSync(gl.SYNC_GPU_COMMANDS_COMPLETE, 0);
    gl.flush();
  }

  /** Whether the last picture is still being made: never queue a second one, or keys wait behind it. */
  busy() {
    const { gl } = this;
    return Boolean(this.fence) && !gl.isContextLost() && gl.getSyncParameter(this.fence, gl.SYNC_STATUS) !== gl.SIGNALED;
  }

  /** Draw into a rectangle of the canvas from here on. */
  aim({ x, y, width, height }) {
    const { gl } = this;
    gl.bindFramebuffer(gl.FRAMEBUFFER, null);
    for (const set of ["viewport", "scissor"]) gl[set](x, this.canvas.height - y - height, width, height);
  }

  drawView(view, camera, palette) {
    const { gl, programs } = this;
    const { segment, target } = view;
    const { geometry } = segment;
    const eye = camera.eye(target);
    const lens = camera.lens(target, view.width / view.height);
    const unit = camera.home.distance > 2 ? 1 : 0.1; // metres a tile
    const base = geometry.floor ?? -1e3;
    const light = this.drawShadow(view, unit);
    const { runs, data } = light.solids;
    this.aim(view);
    gl.clear(gl.DEPTH_BUFFER_BIT);
    gl.activeTexture(gl.TEXTURE0);
    gl.bindTexture(gl.TEXTURE_2D, this.shadow);
    gl.activeTexture(gl.TEXTURE1);
    gl.bindTexture(gl.TEXTURE_2D, this.numbers);
    const shared = { shadow: 0, light: light.matrix, camera: lens, base, unit };
    const solid = { ...shared, eye, sun: SUN, sky: palette.sky, ground: palette.bounce, flatness: 0 };
    programs.solid.use(solid);
    this.drawPacked({ runs: runs.filter(({ clear }) => !clear), data }, geometry);
    if (view.trailTint && geometry.follow >= 0 && geometry.floor !== null) {
      programs.solid.use({ flatness: 1 });
      this.drawPacked(packTrail(segment, view.frame, view.trailTint), geometry);
    }
    if (geometry.floor !== null) {
      const { tileA, tileB, rule, horizon, shade } = palette;
      programs.floor.use({
        ...{ ...shared, centre: target.slice(0, 2), tileA, tileB, rule, horizon, shade, numbers: 1, numbered: Number(geometry.roams) },
        ...{ side: eye[1] <= target[1] ? 1 : -1, reach: Math.max(9 * unit, camera.distance * 2.4) },
      });
      this.drawMesh("quad");
    }
    programs.sky.use({ back: invert(lens), zenith: palette.zenith, horizon: palette.horizon });
    this.drawMesh("quad");
    this.blend(() => {
      programs.solid.use(solid);
      this.drawPacked({ runs: runs.filter(({ clear }) => clear), data }, geometry);
    });
    if (view.ghost?.kind === "poses") this.drawGhost(view, lens, eye);
  }

  /** Fill the shadow map; returns the light's matrix, and the shapes as they were packed. */
  drawShadow({ segment, frame, target }, unit) {
    const { gl, programs } = this;
    const { geometry, extent, middle } = segment;
    const at = geometry.follow >= 0 ? [...rootAt(segment, frame).slice(0, 2), target[2] * 0.2] : middle;
    const half = geometry.follow >= 0 ? Math.max(1.7 * unit, extent * 2.2) : extent * 1.6;
    const far = Math.max(7 * unit, half * 2.5);
    const matrix = multiply(orthographic(half, 2 * far), lookAt(at.map((part, axis) => part + SUN[axis] * far), at));
    const solids = packShapes(segment, frame);
    gl.bindFramebuffer(gl.FRAMEBUFFER, this.shadowFrame);
    for (const set of ["viewport", "scissor"]) gl[set](0, 0, this.shadowSize, this.shadowSize);
    gl.clear(gl.DEPTH_BUFFER_BIT);
    gl.enable(gl.POLYGON_OFFSET_FILL);
    gl.polygonOffset(1.5, 3);
    programs.depth.use({ camera: matrix });
    this.drawPacked({ runs: solids.runs.filter(({ clear }) => !clear), data: solids.data }, geometry);
    gl.disable(gl.POLYGON_OFFSET_FILL);
    return { matrix, solids };
  }

  /** Another segment over this one, in one colour. */
  drawGhost({ ghost, ghostFrame, ghostTint }, lens, eye) {
    const { gl, programs } = this;
    const packed = packShapes(ghost, ghostFrame, [...ghostTint, 0.5]);
    gl.colorMask(false, false, false, false); // depth first, so that limbs do not add up
    programs.depth.use({ camera: lens });
    this.drawPacked(packed, ghost.geometry);
    gl.colorMask(true, true, true, true);
    gl.depthFunc(gl.LEQUAL);
    this.blend(() => {
      programs.solid.use({ shadow: 0, camera: lens, eye, flatness: 1 });
      this.drawPacked(packed, ghost.geometry);
    });
    gl.depthFunc(gl.LESS);
  }

  /** A picture of a clip, in its own proportions. */
  drawPicture(view, palette) {
    const { gl, programs } = this;
    this.aim(view);
    gl.clearColor(...palette.horizon, 1);
    gl.clear(gl.COLOR_BUFFER_BIT | gl.DEPTH_BUFFER_BIT);
    this.showPicture(view, view.segment, view.frame, 1);
    if (view.ghost?.kind === "clip") this.blend(() => this.showPicture(view, view.ghost, view.ghostFrame, 0.4));
  }

  showPicture(view, segment, frame, strength) {
    const { gl } = this;
    this.aim(contained(view, segment));
    gl.activeTexture(gl.TEXTURE0);
    gl.bindTexture(gl.TEXTURE_2D, this.picture);
    gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA8, gl.RGBA, gl.UNSIGNED_BYTE, pictureAt(segment, frame));
    setTexture(gl, { MIN_FILTER: gl.LINEAR, WRAP_S: gl.CLAMP_TO_EDGE, WRAP_T: gl.CLAMP_TO_EDGE });
    gl.disable(gl.DEPTH_TEST);
    this.programs.picture.use({ picture: 0, strength });
    this.drawMesh("quad");
    gl.enable(gl.DEPTH_TEST);
  }

  blend(draw) {
    const { gl } = this;
    gl.enable(gl.BLEND);
    gl.blendFunc(gl.SRC_ALPHA, gl.ONE_MINUS_SRC_ALPHA);
    draw();
    gl.disable(gl.BLEND);
  }

  /** White shapes on black: nothing but shape, for checks against other renderers. One byte a pixel, bottom row first. */
  mask(segment, frame, camera, target, width, height) {
    const { gl, programs } = this;
    this.resize(width, height);
    this.aim({ x: 0, y: 0, width, height });
    gl.clearColor(0, 0, 0, 1);
    gl.clear(gl.COLOR_BUFFER_BIT | gl.DEPTH_BUFFER_BIT);
    programs.depth.use({ camera: camera.lens(target, width / height) });
    this.drawPacked(packShapes(segment, frame), segment.geometry);
    const pixels = new Uint8Array(width * height * 4);
    gl.readPixels(0, 0, width, height, gl.RGBA, gl.UNSIGNED_BYTE, pixels);
    return pixels.filter((_, at) => at % 4 === 0);
  }

  drawPacked({ runs, data }, geometry) {
    if (!runs.length) return;
    const { gl } = this;
    gl.bindBuffer(gl.ARRAY_BUFFER, this.instances);
    gl.bufferData(gl.ARRAY_BUFFER, data, gl.STREAM_DRAW);
    for (const { kind, start, count } of runs) {
      const { array, count: corners } = this.meshes.get(kind) ?? this.modelMesh(geometry, kind);
      gl.bindVertexArray(array);
      gl.bindBuffer(gl.ARRAY_BUFFER, this.instances);
      for (const part of [0, 1, 2, 3]) {
        gl.enableVertexAttribArray(2 + part);
        gl.vertexAttribPointer(2 + part, 4, gl.FLOAT, false, FLOATS * 4, (start * FLOATS + part * 4) * 4);
      }
      gl.drawElementsInstanced(gl.TRIANGLES, corners, gl.UNSIGNED_INT, 0, count);
    }
  }

  drawMesh(name) {
    const { gl } = this;
    const { array, count } = this.meshes.get(name);
    gl.bindVertexArray(array);
    for (const location of [2, 3, 4, 5]) gl.disableVertexAttribArray(location);
    gl.drawElements(gl.TRIANGLES, count, gl.UNSIGNED_INT, 0);
  }

  /** A mesh of a geometry, uploaded when it is first drawn. */
  modelMesh(geometry, kind) {
    if (!this.modelMeshes.has(geometry)) this.modelMeshes.set(geometry, new Map());
    const meshes = this.modelMeshes.get(geometry);
    if (!meshes.has(kind)) meshes.set(kind, this.upload(modelMesh(geometry.meshes[kind.slice(5)])));
    return meshes.get(kind);
  }
}

/** The rectangle of a clip's picture within its view. */
export function contained({ x, y, width, height }, segment) {
  const scale = Math.min(width / segment.width, height / segment.height);
  const [own, tall] = [segment.width, segment.height].map((size) => Math.round(size * scale));
  return { x: x + Math.round((width - own) / 2), y: y + Math.round((height - tall) / 2), width: own, height: tall };
}

export const pictureAt = (segment, frame) => segment.pictures[Math.min(Math.round(frame), segment.frames - 1)];

function setTexture(gl, values) {
  for (const [name, value] of Object.entries(values)) gl.texParameteri(gl.TEXTURE_2D, gl[`TEXTURE_${name}`], value);
}

function depthTexture(gl, size) {
  const texture = gl.createTexture();
  gl.bindTexture(gl.TEXTURE_2D, texture);
  gl.texStorage2D(gl.TEXTURE_2D, 1, gl.DEPTH_COMPONENT24, size, size);
  setTexture(gl, { MIN_FILTER: gl.LINEAR, MAG_FILTER: gl.LINEAR, WRAP_S: gl.CLAMP_TO_EDGE, WRAP_T: gl.CLAMP_TO_EDGE });
  setTexture(gl, { COMPARE_MODE: gl.COMPARE_REF_TO_TEXTURE, COMPARE_FUNC: gl.LEQUAL });
  return texture;
}

/** The metres, eight by eight; the red channel is ink. */
function numberTexture(gl) {
  const sheet = Object.assign(document.createElement("canvas"), { width: 1024, height: 512 });
  const pen = sheet.getContext("2d");
  pen.fillRect(0, 0, 1024, 512);
  Object.assign(pen, { fillStyle: "#fff", textAlign: "center", textBaseline: "middle" });
  for (let metre = NUMBERS[0]; metre <= NUMBERS[1]; metre += 1) {
    const index = metre - NUMBERS[0];
    pen.font = `${metre % 5 === 0 ? 700 : 500} 44px system-ui, "Segoe UI", Inter, sans-serif`;
    pen.fillText(metre % 5 === 0 ? `${metre} m` : `${metre}`, (index % 8) * 128 + 64, Math.floor(index / 8) * 64 + 34);
  }
  const texture = gl.createTexture();
  gl.bindTexture(gl.TEXTURE_2D, texture);
  gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA8, gl.RGBA, gl.UNSIGNED_BYTE, sheet);
  gl.generateMipmap(gl.TEXTURE_2D);
  setTexture(gl, { MIN_FILTER: gl.LINEAR_MIPMAP_LINEAR });
  const sharp = gl.getExtension("EXT_texture_filter_anisotropic");
  if (sharp) gl.texParameterf(gl.TEXTURE_2D, sharp.TEXTURE_MAX_ANISOTROPY_EXT, 8);
  return texture;
}
