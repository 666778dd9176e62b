// Colours of the scene: CSS custom properties of the page, or else these, light or dark.

const TOKENS = {
  zenith: ["--scene-zenith", "#eef2f6", "#14171b"],
  horizon: ["--scene-horizon", "#dde3e9", "#20252b"],
  tileA: ["--scene-tile-a", "#d3d9df", "#2a3037"],
  tileB: ["--scene-tile-b", "#c9d0d7", "#242a30"],
  rule: ["--scene-rule", "#5d6874", "#929daa"],
  sky: ["--scene-sky-light", "#eaf0f7", "#cfd9e6"],
  bounce: ["--scene-bounce", "#a9a59f", "#4b4a4c"],
  shade: ["--scene-shade", "#98a1ac", "#6d747e"],
  trail: ["--scene-trail", "#6b7683", "#8b96a3"],
};
const SIDES = ["#2a63d4", "#a84a05", "#00785f", "#9a3aa6"];
const DARK_SIDES = ["#82aaff", "#ffa860", "#5fd0b1", "#dd9ae6"];
const GHOSTS = ["#2a63d4", "#c24e00"];
const DARK_GHOSTS = ["#5b8dff", "#ff7417"];

/** Read the colours that hold for an element now; dark: whether the page is dark, if the element does not say. */
export function readPalette(element = document.documentElement, dark = matchMedia("(prefers-color-scheme: dark)").matches) {
  const style = getComputedStyle(element);
  const pen = document.createElement("canvas").getContext("2d");
  const read = (name, usual) => {
    pen.fillStyle = style.getPropertyValue(name).trim() || usual;
    const value = parseInt(pen.fillStyle.slice(1), 16);
    return [value >> 16, (value >> 8) & 255, value & 255].map((part) => part / 255);
  };
  const scene = Object.fromEntries(Object.entries(TOKENS).map(([key, [name, light, night]]) => [key, read(name, dark ? night : light)]));
  const list = (name, colours) => colours.map((colour, at) => read(`--${name}-${at}`, colour));
  return { ...scene, tints: list("side", dark ? DARK_SIDES : SIDES), ghosts: list("ghost", dark ? DARK_GHOSTS : GHOSTS) };
}
