// What keys do besides answering.

/** Actions by the name of their key. */
export function actionsOf(app) {
  const { theatre, panels } = app;
  const { clock } = theatre;
  const onStage = document.activeElement === app.stage;
  const step = (by) => app.query && clock.step(by);
  return {
    " ": () => app.play(),
    ",": () => step(-1),
    ".": () => step(1),
    "[": () => theatre.faster(-1),
    "]": () => theatre.faster(1),
    arrowleft: () => (onStage ? theatre.camera.turn(6, 0) : step(-1)),
    arrowright: () => (onStage ? theatre.camera.turn(-6, 0) : step(1)),
    ...(onStage ? { arrowup: () => theatre.camera.turn(0, 4), arrowdown: () => theatre.camera.turn(0, -4) } : {}),
    "+": () => theatre.camera.zoom(0.9),
    "=": () => theatre.camera.zoom(0.9),
    "-": () => theatre.camera.zoom(1.11),
    l: () => theatre.toggleLoop(),
    g: () => theatre.toggleGhost(),
    f: () => theatre.toggleFollow(),
    r: () => theatre.resetCamera(),
    q: () => theatre.setSolo(0),
    e: () => theatre.setSolo(app.segments.length - 1),
    z: () => app.undo(),
    n: () => panels.open("note"),
    i: () => panels.open("guide"),
    h: () => panels.open("log"),
    "?": () => panels.open("help"),
  };
}
