// All domains, and a new one.

import { get, page, post } from "../api.js";
import { h } from "../dom.js";
import { count, time } from "../format.js";
import { go, href } from "../router.js";
import { me } from "../session.js";
import { badge, button, heading } from "../parts/bits.js";
import { ask } from "../parts/dialog.js";
import { empty } from "../parts/states.js";
import { pages } from "../parts/table.js";
import { states } from "./accounts.js";

const NAME = { autocapitalize: "none", autocomplete: "off", spellcheck: "false" };
const MOST_TENANTS = 500;

function adding(tenants) {
  return {
    intro: "The next page shows the DNS records to publish. Mail for the domain comes in once its MX record points here.",
    fields: [
      { name: "name", label: "Domain name", placeholder: "example.com", required: true, ...NAME },
      ...(tenants.length > 1
        ? [{ name: "tenant", label: "Tenant", type: "select", options: tenants.map(({ id, name }) => [String(id), name]) }]
        : []),
      {
        name: "alias_of",
        label: "Alias of",
        hint: "Leave it empty unless every address of another domain is to work under this name too.",
        ...NAME,
      },
    ],
    label: "Add domain",
    submit: ({ name, tenant, alias_of: original }) =>
      post("/domains", {
        name: name.trim(),
        ...(tenant ? { tenant_id: Number(tenant) } : {}),
        ...(original.trim() ? { alias_of: original.trim() } : {}),
      }),
  };
}

export function stateOf(domain) {
  if (domain.deleted_at) return badge("bad", "Deleted");
  if (domain.held) return badge("warn", "Tenant suspended");
  if (domain.active) return badge("ok", "Active");
  return domain.verified_at ? badge("bad", "Suspended") : badge("warn", "Waits for verification");
}

export async function domains({ query, signal }) {
  const wanted = { active: query.active ?? "", deleted: query.deleted ?? "" };
  const tenants =
    me().role === "operator" ? (await get("/tenants", { limit: MOST_TENANTS, fields: "id,name" }, signal)).items : [];
  const add = async () => {
    const made = await ask("Add a domain", adding(tenants));
    if (made) await go(`/domains/${made.name}`);
  };

  const columns = [
    {
      label: "Domain",
      main: true,
      cell: (domain) => h("a", { class: "row-link", href: href(`/domains/${domain.name}`) }, domain.name),
    },
    { label: "State", cell: stateOf },
    {
      label: "Accounts",
      number: true,
      cell: (domain) =>
        domain.alias_of ? h("span", { class: "muted" }, `alias of ${domain.alias_of}`) : count(domain.account_count),
    },
    ...(tenants.length > 1
      ? [{ label: "Tenant", cell: (domain) => tenants.find(({ id }) => id === domain.tenant_id)?.name ?? "" }]
      : []),
    { label: "Added", cell: (domain) => time(domain.created_at) },
  ];
  const first = () => {
    if (wanted.active || wanted.deleted) return empty("No domain fits", "No domain is in this state.");
    return empty(
      "No domains yet",
      "Add one to give it accounts and receive its mail.",
      button("Add a domain", add, { kind: "primary", symbol: "plus" }),
    );
  };
  const list = pages("Domains", columns, (cursor) => page("/domains", wanted, cursor, signal), first);
  return h(
    "div",
    {},
    heading("Domains", { actions: [button("Add domain", add, { kind: "primary", symbol: "plus" })] }),
    h("div", { class: "filters" }, states(wanted, () => list.refresh(), ["Active", "Suspended"])),
    list,
  );
}
