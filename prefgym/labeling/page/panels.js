// Dialogs: start and guide, keys, note, own answers. <dialog> keeps the focus and closes with Escape by itself.

import { api } from "./api.js";
import { h, keycaps } from "./dom.js";
import { guide, help, helpTitles, text } from "./texts.js";

/** Lines of a paragraph as one, but for those that begin an item of a list. */
const unwrapped = (paragraph) => paragraph.trim().replace(/\s*\n(?!\s*[-*\d])/g, " ");

const name = (words) => h("span", { class: "name", text: words });

export class Panels {
  constructor(app) {
    this.app = app;
  }

  get isOpen() {
    return document.querySelector("dialog[open]") !== null;
  }

  open(what) {
    if (what === "note" && !this.app.query) return;
    const titles = { help: text.keys, guide: guide.how, note: text.noteLabel, log: text.log };
    this.show(what, titles[what], (dialog) => this[what](dialog));
  }

  /** Nothing plays, is seen, or opens answers behind a dialog. */
  show(kind, title, fill, { mustAnswer = false, onClose } = {}) {
    const { app } = this;
    const dialog = h("dialog", { class: `panel ${kind}`, "aria-labelledby": "panel-title" });
    const close = h("button", { type: "button", class: "plain close", onclick: () => dialog.close() }, h("kbd", { text: "Esc", "aria-hidden": "true" }), h("span", { class: "visually-hidden", text: text.close }));
    dialog.append(h("div", { class: "panel-head" }, h("h2", { id: "panel-title", text: title, tabindex: "-1", autofocus: kind === "help" || kind === "log" }), !mustAnswer && close), ...fill(dialog));
    const wasPlaying = app.theatre.clock.playing;
    const openedAt = performance.now();
    app.theatre.clock.play(false);
    app.theatre.clock.counting = false;
    dialog.addEventListener("cancel", (event) => mustAnswer && event.preventDefault());
    dialog.addEventListener("click", (event) => event.target === dialog && !mustAnswer && dialog.close());
    dialog.addEventListener("keydown", (event) => kind === "help" && event.key === "?" && dialog.close());
    dialog.addEventListener("close", () => {
      dialog.remove();
      app.theatre.clock.counting = true;
      app.shownAt += performance.now() - openedAt; // reading is not judging
      if (wasPlaying || (onClose && app.theatre.autoplays)) app.theatre.clock.play(Boolean(app.query) && !app.isWaiting);
      onClose?.();
    });
    document.body.append(dialog);
    dialog.showModal();
  }

  /** The first thing a rater sees: what it is about, what is recorded, and a button. Resolves when work may begin. */
  welcome({ told, change, isReturning }) {
    return new Promise((resolve) => {
      const { me, study } = this.app;
      const mustAgree = !me.consented && Boolean(study.consent);
      const fill = (dialog) => {
        const agree = async ({ currentTarget }) => {
          if (mustAgree) {
            currentTarget.disabled = true;
            try {
              await api.consent();
            } catch {
              currentTarget.disabled = false;
              dialog.querySelector(".problem").textContent = guide.consentOffline;
              return;
            }
            me.consented = true;
          }
          dialog.close();
        };
        const start = h("button", { type: "button", class: "answer primary", autofocus: true, onclick: agree }, name(mustAgree ? guide.agree : isReturning ? guide.back : guide.start));
        const other = change && h("button", { type: "button", class: "answer", onclick: change }, name(guide.notMe(me.name)));
        return [told && h("p", { class: "told", text: told }), ...this.about(mustAgree), h("p", { class: "panel-foot actions" }, h("span", { class: "problem", role: "alert" }), other, start)].filter(Boolean);
      };
      this.show("guide", isReturning ? study.name : guide.welcome, fill, { mustAnswer: mustAgree, onClose: resolve });
    });
  }

  about(withConsent) {
    const { study } = this.app;
    const paragraphs = (words) => words.split(/\n\s*\n/).filter((one) => one.trim()).map((one) => h("p", { class: "lead", text: unwrapped(one) }));
    const steps = guide.steps[study.kind].map((words) => h("li", { text: words }));
    return [
      ...paragraphs(study.instructions),
      h("ol", { class: "look" }, steps),
      study.practice > 0 && h("p", { class: "lead", text: guide.practice(study.practice) }),
      ...(withConsent ? [h("h3", { text: guide.consent }), ...paragraphs(study.consent)] : []),
      h("p", { class: "lead small", text: guide.recorded }),
    ].filter(Boolean);
  }

  guide(dialog) {
    const foot = [
      h("button", { type: "button", class: "plain danger", onclick: () => this.askWithdrawal(dialog) }, name(guide.withdraw)),
      h("button", { type: "button", class: "answer primary", autofocus: true, onclick: () => dialog.close() }, name(guide.back)),
    ];
    return [...this.about(Boolean(this.app.study.consent)), h("p", { class: "panel-foot actions apart" }, foot)];
  }

  askWithdrawal(dialog) {
    const withdraw = async () => {
      try {
        await api.withdraw();
      } catch (problem) {
        foot.querySelector(".problem").textContent = problem.message;
        return;
      }
      this.app.onEnd("withdrawn");
    };
    const foot = dialog.querySelector(".panel-foot");
    foot.replaceChildren(
      h("span", { class: "problem", role: "alert", text: guide.withdrawAsk }),
      h("button", { type: "button", class: "answer", onclick: () => dialog.close() }, name(text.cancel)),
      h("button", { type: "button", class: "answer bad large", onclick: withdraw }, name(guide.withdrawYes)),
    );
  }

  help() {
    const { app } = this;
    const groups = [["answer", help[app.study.kind](!app.theatre.stacked)], ...["watch", "camera", "mend"].map((group) => [group, help[group]()])];
    const toggle = h("input", { type: "checkbox", id: "letter-keys", onchange: () => app.setLetters(toggle.checked) });
    toggle.checked = app.lettersOn;
    const lines = (pairs) => pairs.map(([keys, words]) => h("div", {}, h("dt", {}, keycaps(keys)), h("dd", { text: words })));
    return [
      h("div", { class: "key-groups" }, groups.map(([group, pairs]) => h("section", {}, h("h3", { text: helpTitles[group] }), h("dl", {}, lines(pairs))))),
      h("p", { class: "panel-foot" }, toggle, h("label", { for: "letter-keys" }, h("b", { text: text.lettersOn }), ` ${text.lettersMore}`)),
    ];
  }

  note(dialog) {
    const { app } = this;
    const field = h("textarea", { rows: "4", maxlength: "2000", placeholder: text.noteHint, "aria-label": text.noteLabel, autofocus: true });
    field.value = app.log.notes.get(app.query.id) ?? "";
    const save = () => {
      app.note(field.value.trim());
      dialog.close();
    };
    field.addEventListener("keydown", (event) => event.key === "Enter" && (event.ctrlKey || event.metaKey) && save());
    return [
      h("p", { class: "lead", text: app.query.text }),
      field,
      h(
        "p",
        { class: "panel-foot actions" },
        h("button", { type: "button", class: "answer", onclick: () => dialog.close() }, name(text.cancel)),
        h("button", { type: "button", class: "answer primary", onclick: save }, keycaps("Ctrl Enter"), name(text.save)),
      ),
    ];
  }

  log() {
    const { app } = this;
    const { events } = app.log;
    const numbers = new Map([...new Set(events.map(({ assignment }) => assignment))].map((id, at) => [id, at + 1]));
    const last = new Map(events.filter(({ type }) => type !== "note").map((event) => [event.assignment, event]));
    const state = (event) => (event.type === "note" || event.type === "retract" ? "" : last.get(event.assignment) === event ? text.logHolds : text.logPast);
    const row = (event, at) =>
      h(
        "tr",
        { class: state(event) === text.logPast ? "past" : "" },
        [String(at + 1), String(numbers.get(event.assignment)), this.wordsOf(event), event.seconds ? `${event.seconds.toFixed(1)} s` : "", state(event)].map((words) => h("td", { text: words })),
      );
    const head = h("thead", {}, h("tr", {}, text.logHead.map((title) => h("th", { text: title }))));
    const table = h("table", {}, head, h("tbody", {}, events.map(row).reverse()));
    return [h("p", { class: "lead", text: text.logLead }), events.length ? h("div", { class: "log-lines", tabindex: "0" }, table) : h("p", { class: "quiet", text: text.nothingYet })];
  }

  wordsOf({ assignment, type, status, statement }) {
    if (type === "retract") return text.logBack;
    if (type === "note") return text.logNote(statement.text);
    if (Object.keys(statement).join() === "strength") return text.strengths[Math.max(1, Math.round(statement.strength * 3))];
    return this.app.kindOf(assignment).words({ status, statement }, this.app);
  }
}
