// Webhooks: where events are sent to, each signed with a secret that is shown once.

import { page, post } from "../../api.js";
import { h } from "../../dom.js";
import { time } from "../../format.js";
import { go, href } from "../../router.js";
import { badge, button, copyButton, heading } from "../../parts/bits.js";
import { ask, dialog } from "../../parts/dialog.js";
import { empty } from "../../parts/states.js";
import { pages } from "../../parts/table.js";
import { knownTenants, tenantColumn, tenantField } from "./tenants.js";

const PLAIN = { autocomplete: "off", autocapitalize: "none", spellcheck: "false" };
const OFF_FOR = { gone: "Off: it answered that it is gone", failing: "Off: it failed for days" };

export async function webhooks({ signal }) {
  const known = await knownTenants(signal);
  const list = pages(
    "Webhooks",
    columns(known),
    (cursor) => page("/webhooks", {}, cursor, signal),
    () => empty("No webhooks", "Programs are told what happens as it happens, and events are sent again until they are taken."),
  );
  const add = async () => {
    const made = await ask("Add a webhook", {
      fields: [...fieldsOf(), ...tenantField(known, "All tenants")],
      label: "Add webhook",
      submit: ({ tenant, ...values }) => post("/webhooks", { ...changesOf(values), tenant_id: tenant ? Number(tenant) : null }),
    });
    if (!made) return;
    await showSecret(made.secret);
    await go(`/webhooks/${made.id}`);
  };
  return h(
    "div",
    {},
    heading("Webhooks", { actions: [button("Add webhook", add, { kind: "primary", symbol: "plus" })] }),
    list,
  );
}

// What can be said of one, now or later.
export function fieldsOf(webhook) {
  return [
    {
      name: "url",
      label: "URL",
      type: "url",
      required: true,
      maxlength: 1000,
      value: webhook?.url,
      hint: "By HTTPS, at a public address.",
      ...PLAIN,
    },
    {
      name: "event_types",
      label: "Events",
      value: webhook?.event_types.join(" "),
      hint: "As message.bounced account.created, with spaces between; empty: all.",
      ...PLAIN,
    },
    { name: "description", label: "Description", maxlength: 200, value: webhook?.description, autocomplete: "off" },
  ];
}

export const changesOf = ({ url, event_types: types, description }) => ({
  url: url.trim(),
  event_types: types.split(/[\s,]+/).filter(Boolean),
  description,
});

export const eventsOf = (webhook) => webhook.event_types.join(", ") || "all";

export function stateOf(webhook) {
  if (!webhook.enabled) return badge(webhook.disabled_reason ? "bad" : "idle", OFF_FOR[webhook.disabled_reason] ?? "Paused");
  return webhook.failing_since ? badge("warn", "Failing") : badge("ok", "On");
}

export function showSecret(secret) {
  return dialog("The secret of the webhook", (close) =>
    h(
      "div",
      { class: "secret-shown" },
      h("p", {}, "What it is sent is signed with it. Give it to the receiver now: it is not shown again."),
      h("p", { class: "secret" }, h("code", {}, secret), copyButton(secret, "the secret")),
      button("Done", () => close(), { kind: "primary" }),
    ),
  );
}

function columns(known) {
  return [
    {
      label: "URL",
      main: true,
      cell: (webhook) => h("a", { class: "row-link", href: href(`/webhooks/${webhook.id}`) }, webhook.url),
    },
    { label: "State", cell: stateOf },
    { label: "Events", wide: true, cell: eventsOf },
    ...tenantColumn(known, "all"),
    { label: "Since", cell: (webhook) => time(webhook.created_at) },
  ];
}
