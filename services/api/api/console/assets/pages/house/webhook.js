// One webhook: what it is sent, what came of each event, and sending it again.

import { get, page, patch, post, remove } from "../../api.js";
import { h } from "../../dom.js";
import { count, plural, time } from "../../format.js";
import { go, href, reload, rememberQuery } from "../../router.js";
import { badge, button, doing, facts, heading, section } from "../../parts/bits.js";
import { ask, confirmByName, dialog } from "../../parts/dialog.js";
import { empty } from "../../parts/states.js";
import { pages, table } from "../../parts/table.js";
import { toast } from "../../parts/toast.js";
import { choice } from "../accounts.js";
import { changesOf, eventsOf, fieldsOf, showSecret, stateOf } from "./webhooks.js";

const DAY = 24 * 60 * 60 * 1000;
const STATES = { pending: ["warn", "Waiting"], delivered: ["ok", "Delivered"], failed: ["bad", "Given up"] };

export async function webhook({ parameters: { id }, query, signal }) {
  const path = `/webhooks/${encodeURIComponent(id)}`;
  const found = await get(path, {}, signal);
  const log = deliveries(path, query, signal);
  return h(
    "div",
    {},
    heading(found.url, {
      back: { href: href("/webhooks"), text: "Webhooks" },
      about: stateOf(found),
      actions: actions(path, found, log),
    }),
    facts([
      ["Events", eventsOf(found)],
      ["Description", found.description || null],
      ["Failing", found.failing_since && time(found.failing_since)],
      ["Since", time(found.created_at)],
    ]),
    log,
    section(
      "Delete this webhook",
      { text: "Nothing is sent to it any more, and the log of what was sent is gone." },
      button("Delete …", () => end(path, found), { kind: "danger-quiet" }),
    ),
  );
}

function actions(path, found, log) {
  const turn = async (enabled) => {
    await patch(path, { enabled });
    toast(enabled ? "It is on: what has waited is sent." : "It is paused: what happens meanwhile waits.");
    await reload();
  };
  const trial = async () => {
    await post(`${path}/test`);
    toast("An event is on its way to it.");
    await log.refresh();
  };
  const edit = async () => {
    const done = await ask("Edit this webhook", {
      fields: fieldsOf(found),
      submit: (values) => patch(path, changesOf(values)),
    });
    if (done) await reload();
  };
  const secret = async () => {
    const made = await ask("Make a new secret?", {
      intro: "For a day events are signed with the one before too.",
      fields: [],
      label: "Make a new secret",
      submit: () => post(`${path}/secret`),
    });
    if (made) await showSecret(made.secret);
  };
  return [
    found.enabled && doing("Send a test", trial),
    button("Edit", edit),
    button("New secret …", secret),
    found.enabled ? doing("Pause", () => turn(false)) : doing("Turn on", () => turn(true), { kind: "primary" }),
  ].filter(Boolean);
}

function deliveries(path, query, signal) {
  const wanted = { state: query.state ?? "" };
  const list = pages(
    "Deliveries",
    columns(path, () => list.refresh()),
    (cursor) => page(`${path}/deliveries`, wanted, cursor, signal),
    () =>
      wanted.state
        ? empty("No event fits", "Of this state there is none.")
        : empty("Nothing was sent yet", "It is told what happens from its making on."),
  );
  const narrow = (event) => {
    wanted.state = event.target.value;
    rememberQuery(wanted);
    list.refresh();
  };
  const recover = async () => {
    const done = await ask("Send again what was given up", {
      intro: "As after the receiver was away for long. Events are kept for some days.",
      fields: [
        {
          name: "days",
          label: "What happened in",
          type: "select",
          options: [
            ["1", "The last day"],
            ["7", "The last week"],
            ["30", "The last month"],
          ],
        },
      ],
      label: "Send again",
      submit: ({ days }) =>
        post(`${path}/deliveries/recovery`, { since: new Date(Date.now() - Number(days) * DAY).toISOString() }),
    });
    if (!done) return;
    toast(`Sent again: ${plural(done.event_count, "event")}.`);
    await list.refresh();
  };
  const states = [["", "Any state"], ...Object.entries(STATES).map(([state, [, text]]) => [state, text])];
  const element = section(
    "Deliveries",
    { text: "Newest first, each with what came of it.", actions: [button("Send again …", recover)] },
    h("div", { class: "filters" }, choice("State of a delivery", states, wanted.state, narrow)),
    list,
  );
  element.refresh = list.refresh;
  return element;
}

function columns(path, refresh) {
  const again = (delivery) => async () => {
    await post(`${path}/deliveries/${delivery.event_id}/redelivery`);
    toast("It is sent again.");
    await refresh();
  };
  return [
    {
      label: "Event",
      main: true,
      cell: (delivery) =>
        h(
          "button",
          { type: "button", class: "link", on: { click: () => attempts(path, delivery) } },
          delivery.event_type,
        ),
    },
    { label: "State", cell: (delivery) => badge(...STATES[delivery.state]) },
    { label: "Attempts", number: true, cell: (delivery) => count(delivery.attempts) },
    { label: "Answer", wide: true, cell: (delivery) => delivery.error ?? delivery.status ?? "" },
    { label: "Happened", cell: (delivery) => time(delivery.event_at) },
    {
      label: "Next try",
      cell: (delivery) =>
        delivery.state === "pending" && delivery.due_at ? time(delivery.due_at) : h("span", { class: "muted" }, "–"),
    },
    { label: "Actions", hidden: true, cell: (delivery) => doing("Send again", again(delivery), { kind: "small" }) },
  ];
}

async function attempts(path, delivery) {
  try {
    const { log, event_id: id } = await get(`${path}/deliveries/${delivery.event_id}`);
    await dialog(
      delivery.event_type,
      () =>
        h(
          "div",
          { class: "secret-shown" },
          facts([
            ["Event", h("code", {}, id)],
            ["Happened", time(delivery.event_at)],
          ]),
          log.length ? table("Attempts", ATTEMPTS, log) : h("p", {}, "It was not tried yet."),
        ),
      { wide: true },
    );
  } catch (error) {
    toast(error.message);
  }
}

const ATTEMPTS = [
  { label: "Attempt", number: true, main: true, cell: (attempt) => count(attempt.attempt) },
  { label: "Answer", wide: true, cell: (attempt) => attempt.error ?? attempt.status ?? "" },
  { label: "Took", cell: (attempt) => `${attempt.seconds.toFixed(2)} s` },
  { label: "When", cell: (attempt) => time(attempt.started_at) },
];

async function end(path, found) {
  const done = await confirmByName("Delete a webhook", {
    name: found.url,
    intro: "What waits for it is not sent. This cannot be undone.",
    label: "Delete webhook",
    submit: () => remove(path),
  });
  if (!done) return;
  toast("The webhook is deleted.");
  await go("/webhooks", { replacing: true });
}
