// All accounts: searched by how an address begins, narrowed by domain and state; and a new one.

import { get, page, post } from "../api.js";
import { h } from "../dom.js";
import { count, time } from "../format.js";
import { go, href, rememberQuery } from "../router.js";
import { badge, button, heading, usage } from "../parts/bits.js";
import { ask } from "../parts/dialog.js";
import { icon } from "../parts/icons.js";
import { passphrase } from "../parts/passphrase.js";
import { empty } from "../parts/states.js";
import { pages } from "../parts/table.js";

export const GIB = 1024 ** 3;
const TYPING = 250; // milliseconds after the last key until it is searched
const MOST_DOMAINS = 500;

export function stateOf(account) {
  if (account.deleted_at) return badge("bad", "Deleted");
  return account.active ? badge("ok", "Active") : badge("bad", "Suspended");
}

export async function accounts({ query, signal }) {
  const known = (await get("/domains", { limit: MOST_DOMAINS, fields: "name,alias_of" }, signal)).items
    .filter((domain) => !domain.alias_of)
    .map((domain) => domain.name);
  const wanted = { address: query.address ?? "", domain: query.domain ?? "", active: query.active ?? "", deleted: query.deleted ?? "" };
  const columns = [
    {
      label: "Address",
      main: true,
      cell: (account) => h("a", { class: "row-link", href: href(`/accounts/${account.id}`) }, account.address),
    },
    { label: "State", cell: stateOf },
    { label: "Storage", wide: true, cell: (account) => usage(account.used_bytes, account.quota_bytes) },
    { label: "Messages", number: true, cell: (account) => count(account.message_count) },
    { label: "Created", cell: (account) => time(account.created_at) },
  ];
  const add = () => create(known, wanted.domain);
  const nothing = () =>
    Object.values(wanted).some(Boolean)
      ? empty("No account fits", "Search looks at how addresses begin.")
      : empty(
          "No accounts yet",
          known.length ? "Create the first one." : "Add a domain first, then give it accounts.",
          known.length
            ? button("Create account", add, { kind: "primary", symbol: "plus" })
            : h("a", { class: "button primary", href: href("/domains") }, "Go to domains"),
        );
  const list = pages("Accounts", columns, (cursor) => page("/accounts", wanted, cursor, signal), nothing);
  const narrow = (name) => (event) => {
    wanted[name] = event.target.value.trim();
    rememberQuery(wanted);
    list.refresh();
  };
  return h(
    "div",
    {},
    heading("Accounts", { actions: [button("Create account", add, { kind: "primary", symbol: "plus" })] }),
    h(
      "div",
      { class: "filters", role: "search" },
      h(
        "label",
        { class: "search" },
        icon("search"),
        h("span", { class: "hidden" }, "Search accounts"),
        h("input", {
          type: "search",
          placeholder: "Address begins with …",
          value: wanted.address,
          autocomplete: "off",
          autocapitalize: "none",
          spellcheck: "false",
          on: { input: patient(narrow("address")) },
        }),
      ),
      choice("Domain", [["", "All domains"], ...known.map((name) => [name, name])], wanted.domain, narrow("domain")),
      states(wanted, () => list.refresh(), ["Active", "Suspended"]),
    ),
    list,
  );
}

export function choice(label, options, value, changed) {
  return h(
    "label",
    {},
    h("span", { class: "hidden" }, label),
    h(
      "select",
      { on: { change: changed } },
      options.map(([key, text]) => h("option", { value: key, selected: key === value }, text)),
    ),
  );
}

// Changes `active` and `deleted` of what is wanted: what is deleted is a list of its own.
export function states(wanted, refresh, [active, suspended]) {
  const options = [
    ["", "Any state"],
    ["true", active],
    ["false", suspended],
    ["deleted", "Deleted"],
  ];
  return choice("State", options, wanted.deleted ? "deleted" : wanted.active, (event) => {
    const deleted = event.target.value === "deleted";
    Object.assign(wanted, { active: deleted ? "" : event.target.value, deleted: deleted ? "true" : "" });
    rememberQuery(wanted);
    refresh();
  });
}

export function patient(act) {
  let waiting;
  return (event) => {
    clearTimeout(waiting);
    waiting = setTimeout(() => act(event), TYPING);
  };
}

async function create(domains, domain) {
  const generate = (control) =>
    button("Generate", () => {
      control.value = passphrase();
      control.type = "text";
    });
  const made = await ask("Create an account", {
    fields: [
      {
        name: "local",
        label: "Name",
        required: true,
        placeholder: "alice",
        autocapitalize: "none",
        autocomplete: "off",
        spellcheck: "false",
        pattern: "[^@\\s]+",
      },
      {
        name: "domain",
        label: "Domain",
        type: "select",
        options: domains.map((name) => [name, `@${name}`]),
        value: domain || domains[0],
      },
      {
        name: "password",
        label: "Password",
        type: "password",
        required: true,
        minlength: 8,
        autocomplete: "new-password",
        after: generate,
        hint: "At least 8 characters that are hard to guess.",
      },
      {
        name: "quota",
        label: "Quota in GB",
        type: "number",
        min: 0,
        step: "any",
        value: 10,
        required: true,
        hint: "0: unlimited.",
      },
    ],
    label: "Create account",
    submit: ({ local, domain: place, password, quota }) =>
      created({ address: `${local.trim()}@${place}`, password, quota_bytes: Math.round(quota * GIB) }),
  });
  if (made) await go(`/accounts/${made.id}`);
}

async function created(body) {
  try {
    return await post("/accounts", body);
  } catch (error) {
    for (const fault of error.errors ?? []) {
      if (fault.field === "address") fault.field = "local";
      if (fault.field === "quota_bytes") fault.field = "quota";
    }
    throw error;
  }
}
