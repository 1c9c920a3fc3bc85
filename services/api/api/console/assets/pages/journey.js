// A message's whole life as a timeline: from its arrival, whichever way it went, to what became of it.

import { get } from "../api.js";
import { h } from "../dom.js";
import { bytes, time } from "../format.js";
import { href } from "../router.js";
import { facts, heading, section } from "../parts/bits.js";
import { empty } from "../parts/states.js";

const TOLD = {
  received: ["idle", "Received"],
  filed: ["ok", "Filed"],
  removed: ["idle", "Removed"],
  queued: ["idle", "Queued for other hosts"],
  delivered: ["ok", "Delivered"],
  deferred: ["warn", "Put off"],
  failed: ["bad", "Refused"],
  held: ["idle", "Held"],
  cancelled: ["idle", "Cancelled"],
  report_filed: ["warn", "Report filed"],
  report_queued: ["warn", "Report queued"],
};

// The page of a message that is known by its trace alone.
export async function trace({ parameters: { id }, signal }) {
  const found = await journeyOf(id, signal);
  const sender = found?.events.find((event) => event.sender !== null)?.sender;
  return h(
    "div",
    {},
    heading(sender || "Message", { back: { href: href("/queue"), text: "Queue" } }),
    found
      ? [
          facts([
            ["Size", found.size === null ? null : bytes(found.size)],
            ["Message-ID", found.message_id && h("code", {}, found.message_id)],
            ["Trace in the logs", h("code", {}, found.trace_id)],
          ]),
          section("What happened", {}, timeline(found.events)),
        ]
      : empty("Nothing is known of this message", "It was never here, or what is known of it has been purged."),
  );
}

// null where nothing is known.
export async function journeyOf(id, signal) {
  return get(`/messages/${encodeURIComponent(id)}/journey`, {}, signal).catch((error) => {
    if (error.status === 404 || error.status === 422) return null;
    throw error;
  });
}

// `next`: items for what is still to come.
export function timeline(events, next = []) {
  return h("ol", { class: "timeline" }, events.map(happened), next);
}

export function step(kind, title, at, about, said) {
  return h(
    "li",
    { class: kind },
    h("div", { class: "step-head" }, h("strong", {}, title), at && time(at)),
    about && h("p", { class: "muted small" }, about),
    said && h("p", { class: "reply" }, h("code", {}, said)),
  );
}

function happened(event) {
  const [kind, title] = TOLD[event.kind];
  return step(
    kind,
    event.recipient ? [title, h("span", { class: "whom" }, event.recipient)] : title,
    event.at,
    about(event),
    event.kind === "received" ? null : (event.detail ?? event.status),
  );
}

function about(event) {
  if (event.kind === "received") return [event.detail, event.verdicts && h("span", { class: "verdicts" }, event.verdicts)];
  if (event.mailbox) return `in ${event.mailbox}`;
  if (!event.host) return event.sender ? `from ${event.sender}` : null;
  return [`${event.host} (${event.host_address})`, event.tls ?? "in the clear", `${event.seconds.toFixed(1)} s`].join(" · ");
}
