// One message that leaves: its recipients, what can be done about it, and its life so far.

import { get, post } from "../api.js";
import { h } from "../dom.js";
import { bytes, moment, plural, time } from "../format.js";
import { href, reload } from "../router.js";
import { badge, button, doing, facts, heading, section } from "../parts/bits.js";
import { ask } from "../parts/dialog.js";
import { table } from "../parts/table.js";
import { toast } from "../parts/toast.js";
import { journeyOf, step, timeline } from "./journey.js";
import { progress, sender } from "./queue.js";

const STATES = {
  waiting: ["warn", "Waiting"],
  leased: ["warn", "On its way"],
  held: ["idle", "Held"],
  delivered: ["ok", "Delivered"],
  failed: ["bad", "Failed"],
  cancelled: ["idle", "Cancelled"],
};

export async function message({ parameters: { id }, signal }) {
  const found = await get(`/queue/${encodeURIComponent(id)}`, {}, signal);
  const journey = await journeyOf(found.trace_id, signal);
  return h(
    "div",
    {},
    heading(sender(found), { back: { href: href("/queue"), text: "Queue" }, about: progress(found), actions: actions(found) }),
    facts([
      ["Queued", time(found.queued_at)],
      ["Size", bytes(found.size)],
      ["Given up", found.open_count ? time(found.expires_at) : null],
      ["Account", found.account_id && h("a", { href: href(`/accounts/${found.account_id}`) }, found.sender || "its account")],
      ["Trace in the logs", h("code", {}, found.trace_id)],
    ]),
    section("Recipients", {}, table("Recipients", COLUMNS, found.recipients)),
    section("What happened", {}, timeline(journey?.events ?? [], toCome(found))),
  );
}

const COLUMNS = [
  { label: "Recipient", main: true, cell: (recipient) => recipient.address },
  { label: "State", cell: (recipient) => badge(...STATES[recipient.state]) },
  { label: "Attempts", number: true, cell: (recipient) => recipient.attempts.length },
  {
    label: "Next",
    cell: (recipient) => (recipient.state === "waiting" ? time(recipient.due_at) : h("span", { class: "muted" }, "–")),
  },
];

function actions(found) {
  const act = async (action, said) => {
    const { recipient_count: many } = await post(`/queue/${found.id}/actions`, { action });
    toast(many ? said : "There was nothing left to do: the recipients are settled.");
    await reload();
  };
  const waiting = found.open_count - found.held_count;
  return [
    waiting > 0 && doing("Try now", () => act("retry", "It is tried now.")),
    waiting > 0 && doing("Hold", () => act("hold", "It is held until somebody releases it.")),
    found.held_count > 0 && doing("Release", () => act("release", "It is released."), { kind: "primary" }),
    found.open_count > 0 && button("Cancel …", () => cancel(found, act), { kind: "danger-quiet" }),
  ].filter(Boolean);
}

function cancel(found, act) {
  return ask("Cancel this message?", {
    intro: `${plural(found.open_count, "recipient")} will not get it. This cannot be undone.`,
    fields: [{ name: "told", label: "Tell the sender, with a report", type: "checkbox", value: Boolean(found.sender) }],
    label: "Cancel message",
    danger: true,
    submit: async ({ told }) => {
      await act(told ? "return" : "cancel", "It is cancelled.");
    },
  });
}

// The next moment for those that are still open.
function toCome(found) {
  const open = found.recipients.filter((recipient) => recipient.state === "waiting");
  if (found.recipients.some((recipient) => recipient.state === "leased"))
    return [step("next", "On its way", null, "an attempt is running")];
  if (open.length)
    return [
      step(
        "next",
        found.recipients.some((recipient) => recipient.attempts.length) ? "Tried again" : "Tried",
        found.due_at,
        `until it is given up on ${moment(found.expires_at)}`,
      ),
    ];
  return [];
}
