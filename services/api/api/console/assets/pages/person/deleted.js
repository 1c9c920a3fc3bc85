// What was deleted and can be given back: message by message, or all of the last while.

import { page, post } from "../../api.js";
import { h } from "../../dom.js";
import { bytes, plural, time } from "../../format.js";
import { button, doing, section } from "../../parts/bits.js";
import { ask } from "../../parts/dialog.js";
import { empty } from "../../parts/states.js";
import { pages } from "../../parts/table.js";
import { toast } from "../../parts/toast.js";

const HOUR = 60 * 60 * 1000; // milliseconds
const PERIODS = [
  ["1", "hour"],
  ["24", "day"],
  ["168", "week"],
  ["720", "30 days"],
];

export function deleted({ path, own, signal }) {
  const list = pages(
    "Deleted messages",
    columns(path, () => list.refresh()),
    (cursor) => page(`${path}/deleted-messages`, {}, cursor, signal),
    () => empty("Nothing to restore", "What is deleted for good from a mailbox shows here for a while."),
  );
  const restoreAll = async () => {
    const found = await ask("Restore what was deleted", {
      fields: [{ name: "hours", label: "In the last", type: "select", options: PERIODS }],
      intro: "Each message goes back to the mailbox where it was.",
      label: "Restore",
      submit: ({ hours }) => post(`${path}/restorations`, { since: new Date(Date.now() - Number(hours) * HOUR).toISOString() }),
    });
    if (!found) return;
    toast(`${plural(found.count, "message")} restored.`);
    await list.refresh();
  };
  return section(
    "Deleted messages",
    {
      text: own
        ? "They can be restored until they are removed for good."
        : "Looking at the mail of somebody else is noted in the audit log.",
      actions: [button("Restore all …", restoreAll)],
    },
    list,
  );
}

function columns(path, refresh) {
  const restore = (message) => async () => {
    const { count, messages } = await post(`${path}/restorations`, {
      messages: [{ mailbox_id: message.mailbox_id, uid: message.uid }],
    });
    toast(count ? `Restored to ${messages[0].mailbox}.` : "It was there no more.");
    await refresh();
  };
  return [
    { label: "Subject", main: true, cell: (message) => message.subject || "(no subject)" },
    { label: "From", cell: (message) => message.sender },
    { label: "Mailbox", cell: (message) => message.mailbox ?? h("span", { class: "muted" }, "gone") },
    { label: "Size", number: true, cell: (message) => bytes(message.size) },
    { label: "Deleted", cell: (message) => time(message.deleted_at) },
    { label: "Actions", hidden: true, cell: (message) => doing("Restore", restore(message), { kind: "small" }) },
  ];
}
