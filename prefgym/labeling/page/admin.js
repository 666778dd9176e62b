// The admin page: how far the study is, who answers how, what people disagree about.

import { adminApi } from "./admin_api.js";
import { Disputed } from "./admin_disputed.js";
import { icon } from "./admin_dom.js";
import { Progress } from "./admin_progress.js";
import { Raters } from "./admin_raters.js";
import { Invitations, exporting } from "./admin_side.js";
import { words } from "./admin_texts.js";
import { h } from "./dom.js";

const EVERY = 2500; // ms between two looks at the server
const root = document.getElementById("admin");

class Admin {
  constructor(study) {
    this.api = adminApi(study);
    this.seen = null;
    this.looks = 0;
    this.progress = new Progress();
    this.raters = new Raters({
      exclude: (rater, excluded) => this.change(() => this.api.exclude(rater, excluded)),
      withdraw: (rater) => this.change(() => this.api.withdraw(rater)),
    });
    this.disputed = new Disputed();
    this.invitations = new Invitations({
      invite: (wish) => this.change(() => this.api.invite(wish)),
      revoke: (number) => this.change(() => this.api.revoke(number)),
    });
    this.build();
  }

  build() {
    this.name = h("span", { class: "study" });
    this.status = h("span", { class: "status", role: "status" });
    this.pause = h("button", { type: "button", class: "answer small", onclick: () => this.change(() => this.api.pause(!this.overview.study.paused)) });
    this.problem = h("p", { class: "problem", role: "alert", hidden: true });
    this.heading = h("h1", { class: "visually-hidden" });
    const jump = Object.entries(words.sections).map(([id, text]) => h("a", { href: `#${id}`, text }));
    root.replaceChildren(
      h(
        "header",
        { class: "top" },
        h("div", { class: "brand" }, h("span", { class: "logo", "aria-hidden": "true" }), this.name, h("span", { class: "task", text: words.admin })),
        h("nav", { class: "jump", "aria-label": words.jump }, jump),
        h("div", { class: "session" }, this.status, this.pause),
      ),
      h(
        "main",
        {},
        this.heading,
        this.problem,
        this.progress.figures,
        h(
          "div",
          { class: "columns" },
          h("div", { class: "wide" }, this.progress.section, this.raters.section, this.raters.agreement, this.disputed.section),
          h("aside", {}, this.progress.aside, this.invitations.section, exporting((format, raters) => this.api.file(format, raters))),
        ),
      ),
    );
  }

  /** Do something, say what went wrong, and look at once at what has changed. */
  async change(act) {
    try {
      const done = await act();
      await this.look(true);
      this.raters.redraw();
      return done;
    } catch (problem) {
      this.tell(problem);
      return null;
    }
  }

  /** Look at the server; figures are asked for again when an answer has come, all of it when something was done. */
  async look(all = false) {
    const overview = await this.api.overview();
    const newest = JSON.stringify([overview.answers, overview.recent[0]?.event]);
    const isNew = all || newest !== this.seen;
    this.overview = overview;
    const [raters, invitations, agreement, disputed] = await Promise.all([
      isNew || this.looks % 4 === 0 ? this.api.raters() : null,
      isNew || this.looks % 4 === 0 ? this.api.invitations() : null,
      isNew ? this.api.agreement() : null,
      isNew ? this.api.disputed() : null,
    ]);
    [this.seen, this.looks] = [newest, this.looks + 1];
    this.showTop(overview);
    this.progress.show(overview);
    if (raters) this.raters.show(raters, overview.now);
    if (invitations) this.invitations.show(invitations, overview.now);
    if (agreement) this.raters.showAgreement(agreement);
    if (disputed) this.disputed.show(disputed, overview.study.kind);
    this.problem.hidden = true;
  }

  showTop({ study, studies }) {
    document.title = words.title(study.name);
    this.heading.textContent = words.title(study.name);
    const { paused } = study;
    this.status.className = `status ${paused ? "off" : "on"}`;
    this.status.replaceChildren(h("i", { class: "dot" }), paused ? words.paused : words.collecting);
    this.pause.replaceChildren(icon(paused ? "play" : "pause"), paused ? words.resume : words.pause);
    if (this.name.dataset.state === JSON.stringify(studies)) return;
    this.name.dataset.state = JSON.stringify(studies);
    const choose = ({ target }) => start(target.value);
    const choice = h("select", { "aria-label": words.study, onchange: choose }, studies.map(([id, name]) => h("option", { value: id, selected: id === study.id, text: name })));
    this.name.replaceChildren(studies.length > 1 ? choice : study.name);
  }

  tell(problem) {
    this.problem.hidden = false;
    this.problem.textContent = problem.status === 0 ? `${words.offline}: ${problem.message}` : `${words.failed}: ${problem.message}`;
  }

  async run() {
    while (current === this) {
      try {
        if (!document.hidden) await this.look();
      } catch (problem) {
        if (problem.status === 401) return showLogin();
        this.tell(problem);
      }
      await new Promise((done) => setTimeout(done, EVERY));
    }
  }
}

let current = null;

function start(study = null) {
  current = new Admin(study);
  current.run();
}

/** Ask for the token; the link has it already, as a rule. */
function showLogin(problem = "") {
  current = null;
  const token = h("input", { type: "password", name: "token", required: true, autocomplete: "off" });
  const send = (event) => {
    event.preventDefault();
    enter(token.value.trim());
  };
  root.replaceChildren(
    h(
      "main",
      { class: "login" },
      h("h1", { text: words.login.title }),
      h("p", { text: words.login.text }),
      h("form", { onsubmit: send }, h("label", { class: "field" }, h("b", { text: words.login.token }), token), h("button", { type: "submit", class: "answer small primary", text: words.login.go })),
      h("p", { class: "problem", role: "alert", hidden: !problem, text: problem }),
    ),
  );
  token.focus();
}

async function enter(token) {
  try {
    await adminApi(null).logIn(token);
    start();
  } catch (problem) {
    showLogin(problem.message);
  }
}

/** The token in the address, which is cleaned at once: it does not belong into a history or a bookmark. */
function takeToken() {
  const token = new URLSearchParams(location.hash.slice(1)).get("t");
  if (token) history.replaceState(null, "", location.pathname);
  return token;
}

const token = takeToken();
if (token) enter(token);
else start();
