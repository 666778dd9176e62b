// What the page says beside the question: saving, progress, pace, the last answer, the strip of recent ones.

import { h, icon } from "./dom.js";
import { labelOf } from "./keys.js";
import { text } from "./texts.js";
import { SPEEDS } from "./viewer/viewer.js";

const STRIP = 14; // recent answers shown

export function showSaving(app) {
  const { state, waiting } = app.outbox;
  const words = { saved: text.saved, saving: text.saving, offline: text.offline(waiting) }[state];
  if (app.saving.dataset.state === state && app.saving.textContent === words) return;
  app.saving.dataset.state = state;
  app.saving.replaceChildren(h("i", { class: "dot" }), h("span", { text: words }));
  app.saving.title = state === "offline" ? text.offlineMore : text.log;
  if (state === "offline" && app.saidState !== "offline") app.live.textContent = text.offlineMore;
  app.saidState = state;
}

export function showProgress(app) {
  const { done, total } = app.progress();
  app.count.textContent = app.query?.practice ? text.practiceOf(app.practised + 1, app.study.practice) : text.of(done, total);
  app.meter.setAttribute("aria-valuenow", String(done));
  app.meter.setAttribute("aria-valuemax", String(total || Math.max(1, done)));
  app.meter.setAttribute("aria-valuetext", text.of(done, total));
  app.meter.hidden = !total;
  app.meter.firstChild.style.transform = `scaleX(${total ? Math.min(1, done / total) : 0})`;
  const pace = app.log.pace();
  const left = total && done < total ? ` · ${text.left(((total - done) * (pace ?? 0)) / 60)}` : "";
  app.pace.textContent = pace === null ? "" : text.pace(pace) + left;
}

export function showLast(app) {
  const newest = app.log.newest();
  const quiet = app.isTouch && app.kind.canSwipe ? app.kind.touchHint : text.nothingYet;
  app.lastLine.replaceChildren(...(newest ? lastParts(app, newest) : [h("span", { class: "quiet", text: quiet }), noteButton(app)]));
  showStrip(app);
}

function lastParts(app, newest) {
  const kind = app.kindOf(newest.assignment);
  const strengths = kind.strengths?.(newest, app);
  const bare = { ...newest, statement: { ...newest.statement, strength: undefined } };
  return [
    h("span", { class: "what" }, h("small", { text: String(app.numberOf(newest.assignment)) }), h("b", { text: kind.words(bare, app) })),
    strengths && strengthButtons(app, kind, strengths),
    h("button", { type: "button", class: "plain", "aria-keyshortcuts": "Z", onclick: () => app.undo() }, h("kbd", { text: labelOf("Z") }), text.undo),
    noteButton(app),
  ].filter(Boolean);
}

function strengthButtons(app, kind, strengths) {
  const button = ({ level, words, isOn }) =>
    h("button", { type: "button", "aria-pressed": String(isOn), onclick: () => kind.strengthen(level, app) }, h("kbd", { text: String(level) }), words);
  return h("span", { class: "strengths", role: "group", "aria-label": text.howMuch }, strengths.map(button));
}

function noteButton(app) {
  const has = app.query && app.log.notes.get(app.query.id);
  return h("button", { type: "button", class: `plain note-button ${has ? "has" : ""}`, "aria-keyshortcuts": "N", onclick: () => app.panels.open("note") }, h("kbd", { text: labelOf("N") }), text.note);
}

function showStrip(app) {
  const chip = (id, answer) => {
    const isHere = app.query?.id === id;
    const kind = app.kindOf(id);
    const words = answer ? kind.words(answer, app) : text.openQuestion;
    return h(
      "button",
      {
        type: "button",
        class: `chip ${answer ? kind.tone(answer) : "open"}`,
        "aria-current": isHere ? "true" : undefined,
        "aria-label": text.question(app.numberOf(id), words),
        title: words,
        onclick: () => app.revisit(id),
      },
      h("small", { text: String(app.numberOf(id)) }),
      h("b", { text: answer ? kind.glyph(answer, app) : "·" }),
    );
  };
  const recent = [...app.log.standing].filter(([id]) => app.feed.known.has(id)).slice(-STRIP);
  const chips = recent.map(([id, answer]) => chip(id, answer));
  if (app.query && !app.standing) chips.push(chip(app.query.id, null));
  app.strip.replaceChildren(...chips);
  app.strip.scrollLeft = app.strip.scrollWidth;
}

export function showTransport(app) {
  const { clock, ghost, camera } = app.theatre;
  const playing = clock.playing ? "pause" : "play";
  if (app.playButton.dataset.shown !== playing) {
    app.playButton.dataset.shown = playing;
    app.playButton.replaceChildren(icon(playing));
    app.playButton.setAttribute("aria-label", text[playing]);
  }
  [...app.speedButtons.children].forEach((button, at) => button.setAttribute("aria-pressed", String(SPEEDS[at] === clock.speed)));
  app.speedCycle.textContent = `${clock.speed}×`;
  app.speedCycle.setAttribute("aria-label", `${text.speed} ${clock.speed}×`);
  app.loopButton.setAttribute("aria-pressed", String(clock.loop));
  app.ghostButton.setAttribute("aria-pressed", String(ghost));
  app.ghostButton.hidden = app.segments.length !== 2;
  app.followButton.setAttribute("aria-pressed", String(camera.follow));
}

/** The hairline over the answers: how much of what must be seen has been. */
export function showGate(app) {
  const { clock } = app.theatre;
  const isOpen = app.unlocked();
  const share = isOpen ? 1 : Math.min(...clock.seen.map((_, view) => clock.coverage(view))) / app.study.min_watched;
  app.gate.firstChild.style.transform = `scaleX(${share})`;
  app.main.classList.toggle("locked", !isOpen);
  if (app.wasOpen !== isOpen) {
    app.wasOpen = isOpen;
    if (isOpen && !app.standing) app.live.textContent = text.open;
    app.kind.refresh?.(app);
  }
  const words = isOpen ? "" : clock.playing ? text.unlock(clock.remaining()) : text.unlockPaused;
  if (app.gateText.textContent !== words) app.gateText.textContent = words;
}
