// Invitations and export.

import { icon, nothing, openDialog, renew, section } from "./admin_dom.js";
import { words } from "./admin_texts.js";
import { h } from "./dom.js";

const { invite: told } = words;
const HOURS = { day: 24, week: 168, always: null };

export class Invitations {
  /** actions: invite(wish) and revoke(number), both promises. */
  constructor(actions) {
    this.actions = actions;
    this.box = h("div", {});
    const begin = h("button", { type: "button", class: "answer small full", onclick: () => this.ask() }, icon("plus"), told.begin);
    this.section = section("invitations", words.sections.invitations, null, this.box, begin);
  }

  show(rows, now) {
    renew(this.box, [rows, Math.floor(now / 60)], () => {
      if (!rows.length) return nothing(words.noInvitations);
      const sorted = [...rows].sort((a, b) => isOpen(b, now) - isOpen(a, now) || b.id - a.id);
      return h("ul", { class: "invitations" }, sorted.map((row) => this.row(row, now)));
    });
  }

  row(row, now) {
    const left = row.expires_at === null ? Infinity : row.expires_at - now;
    const name = row.name ?? words.unnamed(row.id);
    const state = [words.invitation(row), left < Infinity && words.expires(left)].filter(Boolean).join(", ");
    const revoke = () => {
      document.activeElement.blur();
      this.actions.revoke(row.id);
    };
    return h(
      "li",
      { class: isOpen(row, now) || row.num_raters ? "" : "past" },
      h("b", { text: name }),
      h("span", { class: "quiet", text: state }),
      isOpen(row, now) && h("button", { type: "button", class: "plain", "aria-label": words.revokeOf(name), onclick: revoke, text: words.revoke }),
    );
  }

  ask() {
    const name = h("input", { type: "text", name: "name", maxlength: "100", autocomplete: "off", "aria-describedby": "name-more" });
    const pick = (group, value, text, checked) => h("label", {}, h("input", { type: "radio", name: group, value, checked }), h("span", { text }));
    const send = async (event) => {
      event.preventDefault();
      const form = new FormData(event.target);
      const made = await this.actions.invite({
        name: form.get("name").trim() || null,
        max_raters: form.get("uses") === "one" ? 1 : null,
        hours: HOURS[form.get("lasts")],
      });
      if (made) showLink(dialog, made.link, form.get("uses") === "many");
    };
    const dialog = openDialog(
      told.title,
      { class: "small" },
      h(
        "form",
        { class: "invite", onsubmit: send },
        h("label", { class: "field" }, h("b", { text: told.name }), name),
        h("p", { id: "name-more", class: "quiet", text: told.nameMore }),
        h("fieldset", {}, h("legend", { text: told.uses }), pick("uses", "one", told.one, true), pick("uses", "many", told.many)),
        h("fieldset", {}, h("legend", { text: told.lasts }), pick("lasts", "day", told.day), pick("lasts", "week", told.week, true), pick("lasts", "always", told.always)),
        h(
          "div",
          { class: "buttons" },
          h("button", { type: "button", class: "answer small", onclick: () => dialog.close(), text: words.confirm.no }),
          h("button", { type: "submit", class: "answer small primary", text: told.make }),
        ),
      ),
    );
  }
}

/** Whether somebody can still come by an invitation. */
function isOpen({ expires_at: end, max_raters: most, num_raters: used }, now) {
  return (end === null || end > now) && (most === null || used < most);
}

/** Show a new link, which nobody can be told again. */
function showLink(dialog, link, forMany) {
  const field = h("input", { type: "text", readonly: true, value: link, "aria-label": told.link, onfocus: () => field.select() });
  const copy = h("button", {
    type: "button",
    class: "answer small primary",
    onclick: async () => {
      field.select();
      await navigator.clipboard.writeText(link);
      copy.textContent = told.copied;
    },
    text: told.copy,
  });
  dialog.querySelector("form").replaceWith(
    h("p", { role: "status", text: told.made }),
    h("div", { class: "link" }, field, copy),
    forMany && h("p", { class: "quiet", text: told.crowd }),
    h("div", { class: "buttons" }, h("button", { type: "button", class: "answer small", onclick: () => dialog.close(), text: words.close })),
  );
  field.focus();
}

/** The form of the export; fileOf(format, raters) is the address of a file. */
export function exporting(fileOf) {
  const pick = (value, text, more, checked) =>
    h("label", {}, h("input", { type: "radio", name: "format", value, checked }), h("b", { text }), h("span", { class: "quiet", text: more }));
  const good = h("input", { type: "checkbox" });
  const go = h("a", { class: "answer small full", download: "" }, icon("download"), words.export.go);
  const form = h(
    "form",
    { class: "export" },
    h(
      "fieldset",
      {},
      h("legend", { class: "visually-hidden", text: words.export.format }),
      pick("jsonl", words.export.jsonl, words.export.jsonlMore, true),
      pick("csv", words.export.csv, words.export.csvMore),
    ),
    h("label", { class: "check" }, good, words.export.good),
    go,
  );
  const aim = () => go.setAttribute("href", fileOf(new FormData(form).get("format"), good.checked ? "good" : "all"));
  form.addEventListener("change", aim);
  form.addEventListener("submit", (event) => event.preventDefault());
  aim();
  return section("export", words.sections.export, null, form);
}
