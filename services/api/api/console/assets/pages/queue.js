// What leaves for other hosts, newest first.

import { page } from "../api.js";
import { h } from "../dom.js";
import { bytes, count, time } from "../format.js";
import { go, href, rememberQuery } from "../router.js";
import { badge, button, heading } from "../parts/bits.js";
import { ask } from "../parts/dialog.js";
import { icon } from "../parts/icons.js";
import { empty } from "../parts/states.js";
import { pages } from "../parts/table.js";
import { choice, patient } from "./accounts.js";

const STATES = [
  ["", "Any state"],
  ["waiting", "Waiting"],
  ["held", "Held"],
  ["leased", "On its way"],
  ["delivered", "Delivered"],
  ["failed", "Failed"],
  ["cancelled", "Cancelled"],
];

export function progress(message) {
  if (message.open_count === 0) return badge("idle", "Done");
  if (message.held_count === message.open_count) return badge("idle", "Held");
  if (message.open_count === message.recipient_count) return badge("warn", "Waiting");
  return badge("warn", `${count(message.open_count)} of ${count(message.recipient_count)} waiting`);
}

export const sender = (message) => message.sender || "Mail server";

async function follow() {
  const found = await ask("Follow a message", {
    intro: "Every message has a trace, which all logs carry: those of what came in, too.",
    fields: [
      {
        name: "id",
        label: "Trace",
        required: true,
        pattern: "\\s*[0-9a-f]{32}\\s*",
        placeholder: "32 letters and digits",
        autocomplete: "off",
        spellcheck: "false",
      },
    ],
    label: "Follow",
    submit: ({ id }) => id.trim(),
  });
  if (found) await go(`/messages/${found}`);
}

export function queue({ query, signal }) {
  const wanted = { domain: query.domain ?? "", sender: query.sender ?? "", state: query.state ?? "" };
  const columns = [
    {
      label: "From",
      main: true,
      cell: (message) => h("a", { class: "row-link", href: href(`/queue/${message.id}`) }, sender(message)),
    },
    { label: "State", cell: progress },
    { label: "Recipients", number: true, cell: (message) => count(message.recipient_count) },
    { label: "Size", number: true, cell: (message) => bytes(message.size) },
    { label: "Queued", cell: (message) => time(message.queued_at) },
    { label: "Next try", cell: (message) => (message.due_at ? time(message.due_at) : h("span", { class: "muted" }, "–")) },
  ];
  const nothing = () =>
    Object.values(wanted).some(Boolean)
      ? empty("No message fits", "Domains and senders are looked for as a whole.")
      : empty("The queue is empty", "Mail for other hosts shows here while it leaves, and for a while after.");
  const list = pages("Queue", columns, (cursor) => page("/queue", wanted, cursor, signal), nothing);
  const narrow = (name) => (event) => {
    wanted[name] = event.target.value.trim();
    rememberQuery(wanted);
    list.refresh();
  };
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
        on: { input: patient(narrow(name)) },
      }),
    );
  return h(
    "div",
    {},
    heading("Queue", { actions: [button("Follow a message …", follow)] }),
    h(
      "div",
      { class: "filters", role: "search" },
      field("domain", "Domain of a recipient", "For the domain example.net"),
      field("sender", "Sender", "From alice@example.com"),
      choice("State of a recipient", STATES, wanted.state, narrow("state")),
    ),
    list,
  );
}
