// The elements of the rater's page. They call the app; what they show is set by the app and by `status.js`.

import { h, icon } from "./dom.js";
import { text } from "./texts.js";
import { Timeline } from "./timeline.js";
import { SPEEDS } from "./viewer/viewer.js";

const tool = (name, label, keys, run, extra = {}) =>
  h("button", { type: "button", class: "tool", title: `${label}  (${keys})`, "aria-label": label, "aria-keyshortcuts": keys, onclick: run, ...extra }, icon(name));

const plain = (name, label, keys, run) =>
  h("button", { type: "button", class: "plain", "aria-keyshortcuts": keys, onclick: run }, icon(name), h("span", { text: label }));

/** Everything but the views and the answer bar, which change from question to question. */
export function buildShell(app) {
  app.title = h("h1", {});
  app.hint = h("p", { class: "hint" });
  app.gateText = h("span", { class: "gate-text" });
  app.stage = h("div", { class: "stage", tabindex: "0", role: "group", "aria-label": app.study.camera === "fixed" ? text.stageFixed : text.stageHelp });
  app.swipeLabel = h("div", { class: "swipe-label", "aria-hidden": "true" });
  app.stage.append(app.swipeLabel);
  app.gate = h("div", { class: "gate" }, h("div", { class: "gate-fill" }));
  app.bar = h("div", { class: "answers", role: "group", "aria-label": text.answerGroup });
  app.dock = h("div", { class: "dock" }, app.gate, app.bar);
  app.lastLine = h("div", { class: "last" });
  app.strip = h("nav", { class: "strip", "aria-label": text.history });
  app.live = h("div", { class: "visually-hidden", "aria-live": "polite" });
}

/** Put it on the page; the timeline and the tools need the theatre's clock. */
export function mountShell(app) {
  const { clock } = app.theatre;
  app.timeline = new Timeline(clock, { seek: (frame) => clock.seek(frame), onMark: (added) => app.kind.add?.(app, added) });
  app.transport = h("div", { class: "transport" }, playTools(app), app.timeline.element, viewTools(app));
  app.main = h("main", { class: "idle" }, h("div", { class: "ask" }, app.title, app.hint, app.gateText), app.stage, app.transport, app.dock, h("footer", { class: "foot" }, app.lastLine, app.strip));
  app.root.replaceChildren(topBar(app), app.main, app.live);
}

function topBar(app) {
  app.saving = h("button", { type: "button", class: "saving", onclick: () => app.panels.open("log") });
  app.count = h("span", { class: "count" });
  app.meter = h("div", { class: "meter", role: "progressbar", "aria-label": text.history, "aria-valuemin": "0" }, h("div", { class: "meter-fill" }));
  app.pace = h("span", { class: "pace" });
  app.timer = h("span", { class: "timer", title: text.session });
  return h(
    "header",
    { class: "top" },
    h("div", { class: "brand" }, h("span", { class: "logo", "aria-hidden": "true" }), h("span", { class: "study", text: app.study.name }), h("span", { class: "who", text: app.me.name })),
    h("div", { class: "progress" }, app.meter, app.count, app.pace),
    h("div", { class: "session" }, app.timer, app.saving, plain("guide", text.guide, "I", () => app.panels.open("guide")), plain("keys", text.keys, "?", () => app.panels.open("help"))),
  );
}

function playTools(app) {
  const { clock } = app.theatre;
  app.playButton = tool("play", text.play, "Space", () => app.play(), { class: "tool main" });
  return h("div", { class: "group" }, tool("back", text.stepBack, ",", () => clock.step(-1)), app.playButton, tool("on", text.stepOn, ".", () => clock.step(1)));
}

function viewTools(app) {
  const { theatre } = app;
  const speed = (value) => h("button", { type: "button", text: `${value}×`.replace("0.", "."), "aria-label": text.times(value), onclick: () => theatre.setSpeed(value) });
  const cycle = () => theatre.setSpeed(SPEEDS[(SPEEDS.indexOf(theatre.clock.speed) + 1) % SPEEDS.length]);
  app.speedButtons = h("div", { class: "speeds", role: "group", "aria-label": text.speed }, SPEEDS.map(speed));
  app.speedCycle = h("button", { type: "button", class: "speed-cycle", onclick: cycle });
  app.loopButton = tool("loop", text.loop, "L", () => theatre.toggleLoop());
  app.ghostButton = tool("ghost", text.ghost, "G", () => theatre.toggleGhost());
  app.followButton = tool("follow", text.follow, "F", () => theatre.toggleFollow());
  const camera = app.study.camera === "fixed" ? [] : [app.followButton, tool("reset", text.reset, "R", () => theatre.resetCamera())];
  return h("div", { class: "group right" }, app.speedButtons, app.speedCycle, app.loopButton, app.ghostButton, camera);
}

/** A label over each view; the views themselves are drawn on the one canvas behind. */
export function buildViews(app, names) {
  for (const { element } of app.views) element.remove();
  const count = names.length;
  app.stage.className = `stage views-${count === 3 || count > 4 ? "many" : count}`;
  app.views = names.map((name, view) => {
    const badge = h("span", { class: "badge" });
    const label = h("button", { type: "button", class: "label", title: text.holdAlone }, h("i", { class: "dot" }), h("span", { text: name }), badge);
    holdAlone(app, view, label);
    const beyond = h("span", { class: "beyond", hidden: true });
    const element = h("div", { class: `view tint-${count === 1 ? "single" : view % 4}`, role: "group" }, label, beyond);
    app.stage.append(element);
    return { element, badge, beyond };
  });
  if (count === 1) app.views[0].element.classList.add("unnamed");
  if (count > 4 || count === 3) app.stage.style.setProperty("--columns", String(Math.ceil(Math.sqrt(count))));
}

function holdAlone(app, view, label) {
  label.addEventListener("pointerdown", (event) => {
    if (app.kind.drag) app.kind.drag(app, view, event);
    else {
      label.setPointerCapture(event.pointerId);
      app.theatre.setSolo(view);
    }
  });
  for (const end of ["pointerup", "pointercancel"]) label.addEventListener(end, () => app.theatre.setSolo(null));
}
