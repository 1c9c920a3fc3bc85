// API keys: what scripts do here with, each for some scopes, shown once.

import { page, post, remove } from "../../api.js";
import { h } from "../../dom.js";
import { time } from "../../format.js";
import { button, copyButton, heading } from "../../parts/bits.js";
import { ask, dialog } from "../../parts/dialog.js";
import { empty } from "../../parts/states.js";
import { pages } from "../../parts/table.js";
import { toast } from "../../parts/toast.js";
import { expiryField, expiryOf } from "./expiry.js";
import { knownTenants, tenantColumn, tenantField } from "./tenants.js";

export async function keys({ signal }) {
  const known = await knownTenants(signal);
  const list = pages(
    "API keys",
    columns(known, () => list.refresh()),
    (cursor) => page("/api-keys", {}, cursor, signal),
    () => empty("No API keys", "Give each script a key of its own, with the scopes that it needs."),
  );
  const add = async () => {
    const made = await ask("Create an API key", creating(known));
    if (made) await Promise.all([list.refresh(), show(made)]);
  };
  return h(
    "div",
    {},
    heading("API keys", { actions: [button("Create API key", add, { kind: "primary", symbol: "plus" })] }),
    list,
  );
}

function creating(known) {
  return {
    fields: [
      { name: "name", label: "Name", required: true, maxlength: 100, placeholder: "Provisioning", autocomplete: "off" },
      {
        name: "scopes",
        label: "Scopes",
        required: true,
        value: "accounts:read accounts:write",
        hint: "As domains:read or queue:write, with spaces between; admin is all of them.",
        autocomplete: "off",
        autocapitalize: "none",
        spellcheck: "false",
      },
      ...tenantField(known, "All tenants"),
      expiryField,
    ],
    label: "Create",
    submit: ({ name, scopes, tenant, days }) =>
      post("/api-keys", {
        name: name.trim(),
        scopes: scopes.split(/[\s,]+/).filter(Boolean),
        tenant_id: tenant ? Number(tenant) : null,
        expires_at: expiryOf(days),
      }),
  };
}

function show(made) {
  return dialog(`API key ${made.name}`, (close) =>
    h(
      "div",
      { class: "secret-shown" },
      h("p", {}, "Give it to the script now: it is not shown again."),
      h("p", { class: "secret" }, h("code", {}, made.key), copyButton(made.key, "the API key")),
      button("Done", () => close(), { kind: "primary" }),
    ),
  );
}

function columns(known, refresh) {
  const revoke = (key) => async () => {
    const done = await ask(`Revoke ${key.name}?`, {
      intro: "Whoever uses it is refused from then on.",
      fields: [],
      label: "Revoke",
      danger: true,
      submit: () => remove(`/api-keys/${key.id}`),
    });
    if (!done) return;
    toast(`${key.name} is revoked.`);
    await refresh();
  };
  return [
    { label: "Name", main: true, cell: (key) => key.name },
    { label: "Scopes", wide: true, cell: (key) => key.scopes.join(", ") },
    ...tenantColumn(known, "all"),
    { label: "Created", cell: (key) => time(key.created_at) },
    { label: "Expires", cell: (key) => (key.expires_at ? time(key.expires_at) : h("span", { class: "muted" }, "never")) },
    { label: "Actions", hidden: true, cell: (key) => button("Revoke", revoke(key), { kind: "small" }) },
  ];
}
