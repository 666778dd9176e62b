// Where there is no WebGL2: clips on a 2-D canvas, with the interface of the scene.

import { contained, pictureAt } from "./scene.js";

export class FlatScene {
  constructor(canvas) {
    this.canvas = canvas;
    this.soft = false;
    this.pen = canvas.getContext("2d", { alpha: false });
  }

  resize(width, height) {
    Object.assign(this.canvas, { width, height });
  }

  busy() {
    return false;
  }

  draw(views, _, palette) {
    for (const view of views) {
      this.pen.fillStyle = `rgb(${palette.horizon.map((part) => Math.round(part * 255)).join(" ")})`;
      this.pen.fillRect(view.x, view.y, view.width, view.height);
      this.show(view, view.segment, view.frame, 1);
      if (view.ghost) this.show(view, view.ghost, view.ghostFrame, 0.4);
    }
  }

  show(view, segment, frame, strength) {
    if (segment.kind !== "clip") throw new Error("poses need WebGL2: ask for the clip of this segment");
    const { x, y, width, height } = contained(view, segment);
    this.pen.globalAlpha = strength;
    this.pen.drawImage(pictureAt(segment, frame), x, y, width, height);
    this.pen.globalAlpha = 1;
  }
}
