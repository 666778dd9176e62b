// Segments in a page that is one file: a canvas with a few controls, put where somebody asks for it.

import { watchPointers } from "./pointers.js";
import { fromBase64, gunzip, readGeometry, readPoses } from "./poses.js";
import { Viewer, hasWebGL2 } from "./viewer.js";

let geometry = null; // a promise of the one geometry of the page
let look = null; // the one canvas of the page: a browser has few WebGL contexts

/** Make every button with data-poses show its segments in 3-D before its picture; where there is no WebGL2, hide them. */
export function watchButtons() {
  for (const button of document.querySelectorAll("button[data-poses]")) {
    button.hidden = !hasWebGL2();
    button.addEventListener("click", () => toggle(button));
    if ("open" in button.dataset) toggle(button);
  }
}

function toggle(button) {
  look ??= makeLook();
  const before = look.button;
  if (before) close();
  if (before !== button) open(button);
}

/** The segments of a button: their poses, packed as base64 with a blank between two. */
async function open(button) {
  const figure = button.closest("figure");
  look.button = button;
  button.setAttribute("aria-pressed", "true");
  figure.classList.add("looked-at");
  figure.prepend(look.root);
  geometry ??= readShapes();
  const shapes = await geometry;
  const segments = await Promise.all(button.dataset.poses.split(" ").map((text) => readPoses(fromBase64(text), shapes)));
  if (look.button !== button) return; // another one was opened meanwhile
  look.viewer.load(segments);
  look.viewer.clock.speed = look.viewer.clock.naturalSpeed();
  look.scrub.max = look.viewer.clock.last;
  look.ghost.hidden = segments.length !== 2;
  look.names.replaceChildren(...(segments.length > 1 ? segments.map((_, view) => nameOf(view)) : []));
  layout();
  look.viewer.start();
  if (!matchMedia("(prefers-reduced-motion: reduce)").matches) look.viewer.clock.play(true);
}

function close() {
  look.viewer.stop();
  look.viewer.clock.play(false);
  look.button.closest("figure").classList.remove("looked-at");
  look.button.setAttribute("aria-pressed", "false");
  look.root.remove();
  look.button = null;
}

/** The letter of an option, as its clip has it. */
function nameOf(view) {
  const name = document.createElement("span");
  name.textContent = String.fromCharCode(65 + view);
  return name;
}

async function readShapes() {
  const packed = document.getElementById("shapes").textContent;
  return readGeometry(new TextDecoder().decode(await gunzip(fromBase64(packed))));
}

function makeLook() {
  const make = (name, values = {}, ...children) => {
    const element = Object.assign(document.createElement(name), values);
    element.append(...children);
    return element;
  };
  const canvas = make("canvas", { tabIndex: 0 });
  canvas.setAttribute("aria-label", "The segments in 3-D: arrows step, drag turns");
  const play = make("button", { type: "button", textContent: "Play" });
  const scrub = make("input", { type: "range", min: 0, step: 1, value: 0 });
  scrub.setAttribute("aria-label", "Frame");
  const ghost = make("button", { type: "button", textContent: "Overlay" });
  const reset = make("button", { type: "button", textContent: "Reset" });
  const names = make("div", { className: "look-names" });
  const root = make("div", { className: "look" }, canvas, names, make("div", { className: "look-bar" }, play, scrub, ghost, reset));
  const viewer = new Viewer(canvas);
  const { clock, camera } = viewer;
  viewer.onDraw = () => {
    if (document.activeElement !== scrub || clock.playing) scrub.value = Math.round(clock.frame);
  };
  viewer.onChange = () => {
    play.textContent = clock.playing ? "Pause" : "Play";
  };
  play.addEventListener("click", () => clock.play());
  scrub.addEventListener("input", () => clock.seek(Number(scrub.value)));
  reset.addEventListener("click", () => camera.reset());
  ghost.addEventListener("click", () => {
    viewer.ghost = !viewer.ghost;
    ghost.setAttribute("aria-pressed", String(viewer.ghost));
    viewer.changed();
  });
  canvas.addEventListener("keydown", (event) => {
    const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!by) return;
    event.preventDefault();
    clock.step(by);
  });
  watchPointers(canvas, camera, { wheel: "ctrl" });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => viewer.restyle());
  new ResizeObserver(() => layout()).observe(canvas);
  return { root, viewer, names, scrub, ghost, button: null };
}

/** Views side by side, with a line between them. */
function layout() {
  const { viewer } = look;
  const [count, { clientWidth, clientHeight: height }] = [viewer.segments.length, viewer.canvas];
  if (!count || !clientWidth) return;
  const width = (clientWidth - 2 * (count - 1)) / count;
  viewer.layout(viewer.segments.map((_, view) => ({ x: view * (width + 2), y: 0, width, height })));
}
