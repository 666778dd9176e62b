// What stands in the stead of a question: paused, nothing to do, no connection, all done and a code.

import { api } from "./api.js";
import { card, codeCard } from "./screens.js";
import { showLast, showProgress } from "./status.js";
import { screens } from "./texts.js";

export class Idle {
  constructor(app) {
    this.app = app;
  }

  /** Say why there is no question. The same thing is not said twice. */
  show() {
    const { app } = this;
    app.theatre.clock.play(false);
    app.main.classList.add("idle");
    app.main.classList.remove("locked", "practising");
    showProgress(app);
    showLast(app);
    const state = this.state();
    if (this.card?.isConnected && this.shown === state) return;
    this.shown = state;
    this.put(card(screens[state], { run: () => app.look() }));
    app.live.textContent = `${screens[state].title}. ${screens[state].words}`;
    if (state === "done" && app.study.has_code) this.showCode();
  }

  state() {
    const { me, feed } = this.app;
    if (me.paused) return "paused";
    if (feed.problem) return "unreachable";
    if (feed.isDone) return "done";
    return feed.isDone === null ? "starting" : "nothing";
  }

  hide() {
    this.app.main.classList.remove("idle");
    this.card?.remove();
  }

  put(shown) {
    this.card?.remove();
    this.card = shown;
    this.app.main.prepend(shown);
  }

  async showCode() {
    this.code ??= await api.completion().then(({ code }) => code, () => null);
    if (this.code && !this.app.query) this.put(codeCard(this.code));
  }
}
