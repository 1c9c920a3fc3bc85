// App passwords: one for each program, shown once, revoked one by one.

import { remove, get, post } from "../../api.js";
import { h } from "../../dom.js";
import { time } from "../../format.js";
import { button, copyButton, section } from "../../parts/bits.js";
import { ask, dialog } from "../../parts/dialog.js";
import { empty, fetched } from "../../parts/states.js";
import { table } from "../../parts/table.js";
import { toast } from "../../parts/toast.js";

const SCOPES = { imap: "IMAP", pop3: "POP3", smtp: "Sending", sieve: "Filters" };
const DAY = 24 * 60 * 60 * 1000;

export function appPasswords(path, signal) {
  const place = `${path}/app-passwords`;
  const shown = fetched(
    () => get(place, {}, signal),
    ({ items }, refresh) =>
      items.length
        ? table("App passwords", columns(place, refresh), items)
        : empty("No app passwords", "Give each mail program one of its own: it can be revoked without touching the others."),
  );
  const add = async () => {
    const made = await ask("Create an app password", creating(place));
    if (!made) return;
    await Promise.all([shown.refresh(), show(made)]);
  };
  return section(
    "App passwords",
    {
      text: "For mail programs. They let nobody into this console.",
      actions: [button("Create app password", add, { symbol: "plus" })],
    },
    shown,
  );
}

function creating(place) {
  return {
    fields: [
      { name: "name", label: "Name", required: true, maxlength: 100, placeholder: "Phone", autocomplete: "off" },
      ...Object.entries(SCOPES).map(([name, label]) => ({ name, label, type: "checkbox", value: true })),
      {
        name: "days",
        label: "Expires",
        type: "select",
        options: [
          ["", "Never"],
          ["30", "After 30 days"],
          ["90", "After 90 days"],
          ["365", "After a year"],
        ],
      },
    ],
    label: "Create",
    submit: ({ name, days, ...chosen }) =>
      post(place, {
        name: name.trim(),
        scopes: Object.keys(SCOPES).filter((scope) => chosen[scope]),
        expires_at: days ? new Date(Date.now() + Number(days) * DAY).toISOString() : null,
      }),
  };
}

function show(made) {
  return dialog(`App password for ${made.name}`, (close) =>
    h(
      "div",
      { class: "secret-shown" },
      h("p", {}, "Enter it in the program now: it is not shown again."),
      h("p", { class: "secret" }, h("code", {}, made.password), copyButton(made.password, "the app password")),
      h("p", { class: "muted small" }, "Spaces, hyphens and case do not matter."),
      button("Done", () => close(), { kind: "primary" }),
    ),
  );
}

function columns(place, refresh) {
  const revoke = (one) => async () => {
    const done = await ask(`Revoke ${one.name}?`, {
      intro: "The program that uses it is logged out at once and cannot log in again.",
      fields: [],
      label: "Revoke",
      danger: true,
      submit: () => remove(`${place}/${one.id}`),
    });
    if (!done) return;
    toast(`${one.name} is revoked.`);
    await refresh();
  };
  return [
    { label: "Name", main: true, cell: (one) => one.name },
    { label: "For", cell: (one) => one.scopes.map((scope) => SCOPES[scope]).join(", ") },
    { label: "Last used", cell: (one) => (one.last_used_at ? time(one.last_used_at) : h("span", { class: "muted" }, "never")) },
    { label: "Expires", cell: (one) => (one.expires_at ? time(one.expires_at) : h("span", { class: "muted" }, "never")) },
    { label: "Actions", hidden: true, cell: (one) => button("Revoke", revoke(one), { kind: "small" }) },
  ];
}
