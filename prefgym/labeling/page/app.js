// The rater at work: shows one question after another and writes down what was answered.

import { Refused, Unreachable, api } from "./api.js";
import { actionsOf } from "./actions.js";
import { Feed } from "./feed.js";
import { Idle } from "./idle.js";
import { watchKeys } from "./keys.js";
import { kindOf } from "./kinds.js";
import { Log } from "./log.js";
import { newId } from "./outbox.js";
import { Panels } from "./panels.js";
import { PracticeTalk } from "./practice.js";
import { CannotDraw, loadSegment } from "./segments.js";
import { buildShell, buildViews, mountShell } from "./shell.js";
import { showGate, showLast, showProgress, showSaving, showTransport } from "./status.js";
import { nudge, say, showSwipe } from "./talk.js";
import { text } from "./texts.js";
import { Theatre } from "./theatre.js";
import { watchPointers } from "./viewer/viewer.js";

export const CLIENT = "prefgym-page/1";
const CALM = 350; // ms without a further press after an answer until the next one is believed
const POLL = 4000; // ms between two looks for something to do
const RENEW = 20_000; // ms between two renewals of what is before the rater

export class App {
  constructor(root, { vault, outbox, me, events, owner, onEnd }) {
    Object.assign(this, { root, vault, outbox, me, owner, onEnd, study: me.study, views: [], segments: [], draft: null, times: [] });
    this.log = new Log(events);
    this.feed = new Feed({ vault, log: this.log, load: loadSegment, onArrival: () => this.arrived(), onProblem: (problem) => this.trouble(problem) });
    this.kind = kindOf(null, this.study.kind);
    this.lettersOn = localStorage.getItem("prefgym-letters") !== "off";
    this.isTouch = matchMedia("(pointer: coarse)").matches;
    this.workMs = 0;
    this.practised = this.study.practice - (me.progress.practice_left ?? 0);
    this.timers = [];
    buildShell(this);
    this.theatre = new Theatre(
      this.stage,
      {
        changed: () => this.timeline && showTransport(this),
        drawn: (frame, seconds) => this.drawn(frame, seconds),
        ended: () => this.kind.ended?.(this),
        reshaped: () => this.query && this.dress(),
      },
      { fixed: this.study.camera === "fixed" },
    );
    mountShell(this);
    this.panels = new Panels(this);
    this.practice = new PracticeTalk(this);
    this.nothing = new Idle(this);
    this.listen();
  }

  // ---- input ----------------------------------------------------------------------------------------------------

  listen() {
    watchPointers(this.stage, this.theatre.camera, {
      onSwipe: this.kind.swipe && ((way) => this.canWork() && this.kind.swipe(way, this).commit()),
      onSwipeMove: (swipe) => showSwipe(this, swipe),
    });
    watchKeys({ press: (name, event) => this.press(name, event), release: (name) => this.release(name), lettersOn: () => this.lettersOn });
    document.addEventListener("click", (event) => {
      if (event.detail > 0) event.target.closest("button")?.blur(); // a click leaves the keys to the page
    });
    document.addEventListener("visibilitychange", () => {
      if (document.hidden) this.theatre.clock.play(false);
    });
  }

  /** Leave everything as it is: another tab is at work, or there is nothing more to do here. */
  stop() {
    this.isStopped = true;
    this.theatre.stop();
    for (const timer of this.timers) clearInterval(timer);
  }

  press(name, event) {
    if (this.isStopped) return false;
    this.pressedAt = event.timeStamp;
    if (this.practice.isOpen) return this.practice.press(name);
    if (this.query && !this.isWaiting && this.kind.press(name, event, this)) return true;
    const action = actionsOf(this)[name];
    action?.();
    return Boolean(action);
  }

  release(name) {
    this.kind.release?.(name, this);
    if (name === "q" || name === "e" || name === null) this.theatre.setSolo(null);
  }

  play() {
    if (this.query) this.theatre.clock.play();
  }

  setLetters(isOn) {
    this.lettersOn = isOn;
    localStorage.setItem("prefgym-letters", isOn ? "on" : "off");
  }

  // ---- questions ------------------------------------------------------------------------------------------------

  async start() {
    await this.feed.restore();
    this.answeredBefore = this.numAnswered();
    this.theatre.run();
    showSaving(this);
    showLast(this);
    this.timers = [
      setInterval(() => !document.hidden && this.query && this.feed.renew(), RENEW),
      setInterval(() => !this.query && !document.hidden && this.look(), POLL),
    ];
    this.next();
    await this.feed.fill(this.outbox.waiting);
  }

  /** Look whether there is something to do by now, and whether there ever will be. */
  async look() {
    try {
      this.me = await api.me();
    } catch (problem) {
      this.trouble(problem);
      return;
    }
    this.answeredBefore = this.numAnswered();
    await this.feed.fill(this.outbox.waiting);
  }

  arrived() {
    if (!this.query) this.next();
    else if (this.isWaiting) this.show(this.query);
  }

  trouble(problem) {
    if (problem instanceof Refused && problem.code === "withdrawn") this.onEnd("withdrawn");
    else if (problem instanceof Refused && problem.status === 401) this.onEnd("signedOut");
    else if (problem instanceof CannotDraw) this.onEnd("flat");
    else if (!this.query) this.idle();
    else if (!(problem instanceof Refused || problem instanceof Unreachable)) throw problem;
  }

  next() {
    const head = this.me.paused ? undefined : this.feed.head();
    if (head) this.show(head);
    else this.idle();
  }

  kindOf(id) {
    return kindOf(this.feed.known.get(id), this.study.kind);
  }

  numberOf(id) {
    const at = [...this.log.standing.keys()].indexOf(id);
    return at < 0 ? this.log.standing.size + 1 : at + 1;
  }

  progress() {
    const { answered, total } = this.me.progress;
    return { done: answered + this.numAnswered() - (this.answeredBefore ?? 0), total };
  }

  /** Answers that stand, practice left out. */
  numAnswered() {
    return [...this.log.standing.keys()].filter((id) => !this.feed.known.get(id)?.practice).length;
  }

  /** Show a question at once when it has been fetched, else as soon as it has come. */
  show(query) {
    const segments = this.feed.ready.get(query.id);
    Object.assign(this, { query, isWaiting: !segments });
    this.feed.isShown = query.id;
    this.kind = kindOf(query);
    this.stage.classList.toggle("waiting", !segments);
    this.nothing.hide();
    if (!segments) {
      this.hint.textContent = text.waiting; // no key answers the question that is still on the screen
      this.theatre.clock.play(false);
      this.feed.fetch(query).then(() => this.query === query && this.isWaiting && this.show(query), (problem) => this.trouble(problem));
      return;
    }
    this.standing = this.log.standing.get(query.id);
    this.setStage(segments);
    const isSameStage = this.views.length === segments.length;
    if (!isSameStage) this.dress();
    this.theatre.draw(); // at once: a key is answered by a picture first, then by words
    if (this.pressedAt) this.times.push(performance.now() - this.pressedAt);
    this.pressedAt = 0;
    if (isSameStage) this.dress();
    this.feed.prefetch();
    this.feed.trim();
  }

  /** Load the segments, and what was seen of them when the question before was on the same ones. */
  setStage(segments) {
    const { clock } = this.theatre;
    const before = new Map(this.segments.map(({ id }, view) => [id, clock.seen[view]]));
    this.segments = segments;
    this.shownAt = performance.now();
    this.activeMs = 0;
    this.theatre.load(segments, { playing: !this.panels.isOpen });
    if (segments.every(({ id }) => before.has(id))) clock.seen = segments.map(({ id }) => before.get(id));
    if (this.wasSeen === this.query.id) clock.seen.forEach((frames) => frames.fill(1));
    this.kind.begin?.(this);
  }

  /** Words, views and answer bar; again when the stage was turned from beside to stacked. */
  dress() {
    const { query, theatre } = this;
    const names = this.viewNames();
    if (names.join() !== theatre.names.join()) buildViews(this, names);
    Object.assign(theatre, { views: this.views, names });
    this.title.textContent = query.text;
    this.hint.textContent = this.hintOf(query);
    this.bar.className = `answers kind-${query.kind}`;
    this.bar.replaceChildren(...this.kind.bar(this));
    this.main.classList.toggle("practising", query.practice);
    this.views.forEach(({ element }, view) => element.setAttribute("aria-label", text.view(names[view], ((this.segments[view].frames - 1) * theatre.clock.dt).toFixed(2))));
    this.timeline.load(this.segments, names.map((name) => name.slice(0, this.segments.length === 2 ? 1 : 3)), this.kind);
    this.refresh();
    theatre.layout();
    showProgress(this);
    showTransport(this);
    showLast(this);
    this.wasOpen = undefined;
    this.timeline.update();
    showGate(this);
    this.live.textContent = text.ask(this.numberOf(query.id), query.text);
  }

  viewNames() {
    const { stacked, beside, single } = text.viewNames;
    const count = this.segments.length;
    if (count === 1) return single;
    if (count === 2 && this.query.kind === "comparison") return this.theatre.stacked ? stacked : beside;
    return this.segments.map((_, view) => `${view + 1}`);
  }

  hintOf(query) {
    if (this.standing) return text.previously(this.kind.words(this.standing, this));
    const ids = (one) => one.segments.map(({ id }) => id).sort().join();
    const together = this.feed.queue.filter((one) => ids(one) === ids(query)).length;
    const about = this.study.criteria.length > 1 && together > 1 ? `${text.criterion(1, together)}. ` : "";
    return about + ((this.isTouch && this.kind.touchHint) || this.kind.hint);
  }

  /** Show the draft of an answer, or the one that was given. */
  refresh() {
    this.kind.refresh?.(this);
    const lit = this.standing ? this.kind.lit(this.standing, this) : -1;
    this.bar.querySelectorAll(".answer").forEach((button, at) => button.classList.toggle("given", at === lit));
  }

  canWork() {
    return Boolean(this.query) && !this.isStopped && !this.isWaiting && !this.practice.isOpen && !this.panels.isOpen;
  }

  unlocked() {
    return this.standing !== undefined || this.theatre.clock.unlocked(this.study.min_watched);
  }

  // ---- answers --------------------------------------------------------------------------------------------------

  /** Take an answer, if one may be given now. Twenty clicks in a second are one. */
  commit({ status, statement }) {
    if (!this.canWork()) return;
    const now = performance.now();
    if (now - this.committedAt < CALM) {
      this.committedAt = now;
      return;
    }
    if (!this.unlocked()) {
      nudge(this);
      return;
    }
    this.committedAt = now;
    const { query, standing } = this;
    const isSame = standing && standing.status === status && JSON.stringify(standing.statement) === JSON.stringify(statement);
    const event = isSame ? null : this.send(query.id, standing ? "amend" : "answer", status, statement);
    if (query.practice && !standing) this.practice.open(event);
    else this.next();
  }

  /** Write down an event: in the log of this page, then in the outbox. */
  send(assignment, type, status, statement) {
    const seconds = Number(((performance.now() - this.shownAt) / 1000).toFixed(3));
    const provenance = type === "answer" || type === "amend" ? this.provenance() : {};
    const event = { client_id: newId(), assignment, type, status, statement, seconds: type === "answer" ? seconds : 0, provenance };
    this.log.apply(event);
    this.outbox.push(this.owner, event);
    return event;
  }

  provenance() {
    const { clock } = this.theatre;
    const watched = this.segments.map((_, view) => Number(clock.coverage(view).toFixed(3)));
    return { client: CLIENT, ...this.theatre.provenance(), watched, visible_ms: Math.round(this.activeMs) };
  }

  amend(assignment, status, statement) {
    this.send(assignment, "amend", status, statement);
    showLast(this);
    this.live.textContent = this.kindOf(assignment).words(this.log.standing.get(assignment), this);
  }

  note(words) {
    if (!words) return;
    this.send(this.query.id, "note", "answered", { text: words });
    this.say(text.noteKept);
    showLast(this);
  }

  /** Take the newest answer back, with its amendments, and ask its question again. */
  undo() {
    const last = this.log.newest();
    if (!last) {
      this.say(text.nothingYet);
      return;
    }
    const words = this.kindOf(last.assignment).words(last, this);
    this.practice.close();
    this.send(last.assignment, "retract", "answered", {});
    const assignment = this.feed.reopen(last.assignment);
    this.wasSeen = last.assignment; // its answers are open at once
    if (assignment) this.show(assignment);
    else this.outbox.send().then(() => this.feed.fill()); // it was given on another device: the server has it
    this.say(text.taken(words));
  }

  /** Look at an answered question again; another answer takes the place of the first. */
  revisit(id) {
    this.practice.close();
    this.show(this.feed.known.get(id));
  }

  /** A receipt of the server: what it says of practice, and room for more. */
  received(receipt) {
    if (receipt.refused && receipt.refused.code !== "already-answered") this.refused(receipt);
    this.practice.heard(receipt);
    if (this.outbox.waiting <= 1) this.feed.fill();
  }

  /** The server did not take an event: say why, and ask the question again if it was an answer. */
  refused({ client_id, refused }) {
    const event = this.log.events.find((one) => one.client_id === client_id);
    if (event?.type === "answer") this.log.standing.delete(event.assignment);
    this.say(text.refused(refused.detail));
    showLast(this);
  }

  /** There is no question to show. */
  idle() {
    this.query = null;
    this.isWaiting = false;
    this.nothing.show();
  }

  say(words) {
    say(this, words);
  }

  // ---- what is shown --------------------------------------------------------------------------------------------

  drawn(frame, seconds) {
    if (this.isWaiting || !this.query) return;
    this.workMs += seconds * 1000;
    if (!this.panels.isOpen) {
      this.activeMs += seconds * 1000;
      this.kind.drawn?.(this, frame);
    }
    this.timeline.update();
    showGate(this);
    const minutes = `${Math.floor(this.workMs / 60_000)}:${String(Math.floor(this.workMs / 1000) % 60).padStart(2, "0")}`;
    if (this.timer.textContent !== minutes) this.timer.textContent = minutes;
  }
}
