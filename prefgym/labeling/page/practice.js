// After an answer of practice: what the server says was meant, and a key to go on.

import { h, keycaps } from "./dom.js";
import { text } from "./texts.js";

export class PracticeTalk {
  constructor(app) {
    this.app = app;
    this.event = null;
  }

  get isOpen() {
    return this.event !== null;
  }

  /** Wait for what the server says of an answer. Without a connection it is noted, and work goes on. */
  open(event) {
    this.event = event;
    this.app.theatre.clock.play(false);
    if (this.app.outbox.state === "offline") this.tell("noted", text.practiceNoted, text.practiceLater);
    else this.tell("noted", text.practiceNoted, "");
  }

  heard({ client_id, practice }) {
    if (client_id !== this.event?.client_id) return;
    if (practice) this.tell(practice.right ? "right" : "wrong", practice.right ? text.practiceRight : text.practiceWrong, practice.text);
    else this.goOn();
  }

  tell(verdict, title, words) {
    const button = h("button", { type: "button", class: "answer primary", onclick: () => this.goOn() }, keycaps("Enter"), h("span", { class: "name", text: text.next }));
    this.app.bar.replaceChildren(h("div", { class: `feedback ${verdict}` }, h("b", { text: title }), h("span", { text: words }), button));
    this.app.live.textContent = `${title} ${words}`;
  }

  press(name) {
    if (name === "enter" || name === " ") this.goOn();
    return name === "enter" || name === " ";
  }

  close() {
    this.event = null;
  }

  goOn() {
    const { app } = this;
    this.close();
    app.practised += 1;
    app.next();
    if (app.query && !app.query.practice) app.say(text.practiceOver);
  }
}
