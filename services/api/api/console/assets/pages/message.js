// One message that leaves: its recipients, and each attempt to reach them, as a timeline.

import { get, post } from "../api.js";
import { h } from "../dom.js";
import { bytes, moment, plural, time } from "../format.js";
import { href, reload } from "../router.js";
import { badge, button, doing, facts, heading, section } from "../parts/bits.js";
import { ask } from "../parts/dialog.js";
import { toast } from "../parts/toast.js";
import { progress, sender } from "./queue.js";

const STATES = { waiting: ["warn", "Waiting"], leased: ["warn", "On its way"], held: ["idle", "Held"], delivered: ["ok", "Delivered"], failed: ["bad", "Failed"], cancelled: ["idle", "Cancelled"] };
const OUTCOMES = { delivered: ["ok", "Delivered"], deferred: ["warn", "Put off"], failed: ["bad", "Refused"] };

export async function message({ parameters: { id }, signal }) {
  const found = await get(`/queue/${encodeURIComponent(id)}`, {}, signal);
  return h("div", {},
    heading(sender(found), { back: { href: href("/queue"), text: "Queue" }, about: progress(found), actions: actions(found) }),
    facts([
      ["Queued", time(found.queued_at)],
      ["Size", bytes(found.size)],
      ["Recipients", plural(found.recipient_count, "recipient")],
      ["Given up", found.open_count ? time(found.expires_at) : null],
      ["Account", found.account_id && h("a", { href: href(`/accounts/${found.account_id}`) }, found.sender || "its account")],
      ["Trace in the logs", h("code", {}, found.trace_id)],
    ]),
    found.recipients.map((recipient) => life(found, recipient)));
}

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

function life(found, recipient) {
  return section(recipient.address, { actions: [badge(...STATES[recipient.state])] },
    h("ol", { class: "timeline" },
      step("idle", "Queued", found.queued_at, `from ${sender(found)}`),
      recipient.attempts.map(attempt),
      ending(found, recipient)));
}

function attempt(tried) {
  const [kind, text] = OUTCOMES[tried.outcome];
  const where = [`${tried.host} (${tried.address})`, tried.tls ?? "in the clear", `${tried.duration.toFixed(1)} s`].join(" · ");
  return step(kind, text, tried.started_at, where, tried.reply || tried.status);
}

function ending(found, recipient) {
  if (recipient.state === "cancelled") return step("idle", "Cancelled", recipient.settled_at);
  if (recipient.state === "waiting") return step("next", recipient.attempts.length ? "Tried again" : "Tried", recipient.due_at, `given up on ${moment(found.expires_at)}`);
  if (recipient.state === "leased") return step("next", "On its way", null, "an attempt is running");
  if (recipient.state === "held") return step("next", "Held", null, "until somebody releases it");
  return null;
}

function step(kind, title, at, about, reply) {
  return h("li", { class: kind },
    h("div", { class: "step-head" }, h("strong", {}, title), at && time(at)),
    about && h("p", { class: "muted small" }, about),
    reply && h("p", { class: "reply" }, h("code", {}, reply)));
}
