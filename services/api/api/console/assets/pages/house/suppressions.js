// Addresses that are not written to again: what bounced or complained, and what somebody put there.

import { page, post, remove } from "../../api.js";
import { h } from "../../dom.js";
import { time } from "../../format.js";
import { href, rememberQuery } from "../../router.js";
import { badge, button, doing, heading } from "../../parts/bits.js";
import { ask } from "../../parts/dialog.js";
import { empty } from "../../parts/states.js";
import { pages } from "../../parts/table.js";
import { toast } from "../../parts/toast.js";
import { choice } from "../accounts.js";
import { expiryField, expiryOf } from "./expiry.js";
import { knownTenants, tenantColumn, tenantField } from "./tenants.js";

const REASONS = { bounce: ["warn", "Bounced"], complaint: ["bad", "Complained"], manual: ["idle", "By hand"] };

export async function suppressions({ query, signal }) {
  const known = await knownTenants(signal);
  const wanted = { reason: query.reason ?? "" };
  const list = pages(
    "Suppressed addresses",
    columns(known, () => list.refresh()),
    (cursor) => page("/suppressions", wanted, cursor, signal),
    () => empty("Nobody is on the list", "Addresses come here by themselves when there is no such mailbox, or its owner complains."),
  );
  const add = async () => {
    const made = await ask("Write to an address no more", adding(known));
    if (!made) return;
    toast(`${made.address} is not written to.`);
    await list.refresh();
  };
  const narrow = (event) => {
    wanted.reason = event.target.value;
    rememberQuery(wanted);
    list.refresh();
  };
  const reasons = [["", "Any reason"], ...Object.entries(REASONS).map(([reason, [, text]]) => [reason, text])];
  return h(
    "div",
    {},
    heading("Suppression list", { actions: [button("Add address", add, { kind: "primary", symbol: "plus" })] }),
    h("div", { class: "filters" }, choice("Reason", reasons, wanted.reason, narrow)),
    list,
  );
}

function adding(known) {
  return {
    intro: "Mail for it fails untried, and the sender is told.",
    fields: [
      { name: "address", label: "Address", type: "email", required: true, autocomplete: "off", autocapitalize: "none" },
      ...tenantField(known),
      { name: "detail", label: "Why", maxlength: 500, autocomplete: "off" },
      expiryField,
    ],
    label: "Add address",
    submit: ({ address, tenant, detail, days }) =>
      post("/suppressions", {
        address: address.trim(),
        tenant_id: tenant ? Number(tenant) : (known[0]?.id ?? null),
        detail,
        expires_at: expiryOf(days),
      }),
  };
}

function columns(known, refresh) {
  const forget = (entry) => async () => {
    await remove(`/suppressions/${entry.id}`);
    await refresh();
    toast(`${entry.address} is written to again.`, { undo: () => restore(entry).then(refresh) });
  };
  return [
    { label: "Address", main: true, cell: (entry) => entry.address },
    { label: "Reason", cell: (entry) => badge(...REASONS[entry.reason]) },
    ...tenantColumn(known),
    { label: "Detail", wide: true, cell: (entry) => detailOf(entry) },
    { label: "Since", cell: (entry) => time(entry.created_at) },
    { label: "Until", cell: (entry) => (entry.expires_at ? time(entry.expires_at) : h("span", { class: "muted" }, "for good")) },
    { label: "Actions", hidden: true, cell: (entry) => doing("Remove", forget(entry), { kind: "small" }) },
  ];
}

function detailOf({ detail, trace_id: trace }) {
  return trace ? h("a", { href: href(`/messages/${trace}`) }, detail || "The message") : detail;
}

// What comes back was put there by hand.
const restore = ({ address, tenant_id, detail, expires_at }) => post("/suppressions", { address, tenant_id, detail, expires_at });
