// Who asked for which change, and what came of it; opened, what was before and after.

import { page } from "../api.js";
import { h } from "../dom.js";
import { moment, time } from "../format.js";
import { rememberQuery } from "../router.js";
import { badge, facts, heading } from "../parts/bits.js";
import { dialog } from "../parts/dialog.js";
import { icon } from "../parts/icons.js";
import { empty } from "../parts/states.js";
import { pages } from "../parts/table.js";
import { patient } from "./accounts.js";

export function audit({ query, signal }) {
  const wanted = { actor: query.actor ?? "", target: query.target ?? "" };
  const columns = [
    {
      label: "What",
      main: true,
      cell: (entry) =>
        h("button", { type: "button", class: "row-link as-text", on: { click: () => open(entry) } }, words(entry.action)),
    },
    { label: "Who", cell: (entry) => who(entry.actor) },
    { label: "On", wide: true, cell: (entry) => h("code", {}, entry.target.replace(/^\/v1/, "")) },
    { label: "Outcome", cell: (entry) => outcome(entry.status) },
    { label: "When", cell: (entry) => time(entry.at) },
  ];
  const nothing = () =>
    wanted.actor || wanted.target
      ? empty("No entry fits", "Who is looked for as a whole, paths by how they begin.")
      : empty("Nothing was changed yet", "Every change over the API or this console is noted here.");
  const list = pages("Audit log", columns, (cursor) => page("/audit-log", wanted, cursor, signal), nothing);
  const narrow = (name) =>
    patient((event) => {
      wanted[name] = event.target.value.trim();
      rememberQuery(wanted);
      list.refresh();
    });
  const field = (name, label, placeholder) =>
    h(
      "label",
      { class: "search" },
      icon("search"),
      h("span", { class: "hidden" }, label),
      h("input", {
        type: "search",
        placeholder,
        value: wanted[name],
        autocomplete: "off",
        autocapitalize: "none",
        spellcheck: "false",
        on: { input: narrow(name) },
      }),
    );
  return h(
    "div",
    {},
    heading("Audit log"),
    h(
      "div",
      { class: "filters", role: "search" },
      field("actor", "Who", "Who, as: account alice@example.com"),
      field("target", "Path", "Path begins with /v1/accounts"),
    ),
    list,
  );
}

function words(action) {
  const text = action.replaceAll("_", " ");
  return text[0].toUpperCase() + text.slice(1);
}

const who = (actor) => actor.replace(/^account /, "");

function outcome(status) {
  if (status === null) return badge("warn", "Not known");
  return status < 400 ? badge("ok", "Done") : badge("bad", `Refused (${status})`);
}

function open(entry) {
  return dialog(
    words(entry.action),
    () =>
      h(
        "div",
        { class: "entry" },
        facts([
          ["Who", entry.actor],
          ["When", moment(entry.at)],
          ["Outcome", outcome(entry.status)],
          ["Path", h("code", {}, entry.target)],
          ["Trace in the logs", h("code", {}, entry.trace_id)],
        ]),
        changes(entry.before, entry.after),
      ),
    { wide: true },
  );
}

// Fields of which the value differs; of what was made or deleted, all.
function changes(before, after) {
  const names = Object.keys({ ...before, ...after }).filter(
    (name) => JSON.stringify(before?.[name]) !== JSON.stringify(after?.[name]),
  );
  if (!names.length) return h("p", { class: "muted" }, "Nothing more is known of it.");
  return h(
    "table",
    { class: "changes" },
    h("caption", { class: "hidden" }, "What was changed"),
    h(
      "thead",
      {},
      h(
        "tr",
        {},
        ["Field", "Before", "After"].map((text) => h("th", { scope: "col" }, text)),
      ),
    ),
    h(
      "tbody",
      {},
      names.map((name) =>
        h(
          "tr",
          {},
          h("th", { scope: "row" }, name.replaceAll("_", " ")),
          h("td", {}, said(before?.[name])),
          h("td", {}, said(after?.[name])),
        ),
      ),
    ),
  );
}

function said(value) {
  if (value === undefined || value === null) return h("span", { class: "muted" }, "–");
  return h("code", {}, typeof value === "string" ? value : JSON.stringify(value));
}
