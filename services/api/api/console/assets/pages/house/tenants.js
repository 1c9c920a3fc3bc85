// Tenants: whose domains are whose. For operators.

import { get, page, patch, post, remove } from "../../api.js";
import { h } from "../../dom.js";
import { count, time } from "../../format.js";
import { me } from "../../session.js";
import { badge, button, doing, heading } from "../../parts/bits.js";
import { ask, confirmByName } from "../../parts/dialog.js";
import { empty } from "../../parts/states.js";
import { pages } from "../../parts/table.js";
import { toast } from "../../parts/toast.js";

const MOST_TENANTS = 500;
const NAME = { name: "name", label: "Name", required: true, maxlength: 100, autocomplete: "off" };

// Those among whom an operator chooses; nobody else has a choice.
export async function knownTenants(signal) {
  if (me().role !== "operator") return [];
  return (await get("/tenants", { limit: MOST_TENANTS, fields: "id,name" }, signal)).items;
}

// A field where there is a choice. `all`: what none of them means.
export function tenantField(tenants, all) {
  const options = [...(all ? [["", all]] : []), ...tenants.map(({ id, name }) => [String(id), name])];
  return options.length > 1 ? [{ name: "tenant", label: "Tenant", type: "select", options }] : [];
}

export const tenantColumn = (tenants, all) =>
  tenants.length
    ? [
        {
          label: "Tenant",
          cell: ({ tenant_id: id }) => (id === null ? all : (tenants.find((tenant) => tenant.id === id)?.name ?? count(id))),
        },
      ]
    : [];

export function tenants({ signal }) {
  const list = pages(
    "Tenants",
    columns(() => list.refresh()),
    (cursor) => page("/tenants", {}, cursor, signal),
    () => empty("No tenants yet", "The first domain makes one."),
  );
  const add = async () => {
    const made = await ask("Create a tenant", {
      intro: "Nothing that one tenant has is shown to another. Give it domains, then an administrator.",
      fields: [NAME],
      label: "Create tenant",
      submit: ({ name }) => post("/tenants", { name: name.trim() }),
    });
    if (!made) return;
    toast(`${made.name} is created.`);
    await list.refresh();
  };
  return h(
    "div",
    {},
    heading("Tenants", { actions: [button("Create tenant", add, { kind: "primary", symbol: "plus" })] }),
    list,
  );
}

function columns(refresh) {
  const rename = (tenant) => async () => {
    const done = await ask(`Rename ${tenant.name}`, {
      fields: [{ ...NAME, value: tenant.name }],
      submit: ({ name }) => patch(`/tenants/${tenant.id}`, { name: name.trim() }),
    });
    if (done) await refresh();
  };
  const turn = (tenant, active) => async () => {
    await patch(`/tenants/${tenant.id}`, { active });
    await refresh();
    toast(active ? `${tenant.name} works again.` : `${tenant.name} is suspended, with all its domains.`, {
      undo: turn(tenant, !active),
    });
  };
  const end = (tenant) => async () => {
    const done = await confirmByName(`Delete ${tenant.name}`, {
      name: tenant.name,
      intro: "It must have no domains. Its API keys go with it. This cannot be undone.",
      label: "Delete tenant",
      submit: () => remove(`/tenants/${tenant.id}`),
    });
    if (!done) return;
    toast(`${tenant.name} is deleted.`);
    await refresh();
  };
  return [
    { label: "Name", main: true, cell: (tenant) => tenant.name },
    { label: "State", cell: ({ active }) => (active ? badge("ok", "Active") : badge("warn", "Suspended")) },
    { label: "Domains", number: true, cell: (tenant) => count(tenant.domain_count) },
    { label: "Accounts", number: true, cell: (tenant) => count(tenant.account_count) },
    { label: "Since", cell: (tenant) => time(tenant.created_at) },
    {
      label: "Actions",
      hidden: true,
      cell: (tenant) =>
        h(
          "div",
          { class: "actions" },
          button("Rename", rename(tenant), { kind: "small" }),
          doing(tenant.active ? "Suspend" : "Resume", turn(tenant, !tenant.active), { kind: "small" }),
          button("Delete …", end(tenant), { kind: "small" }),
        ),
    },
  ];
}
