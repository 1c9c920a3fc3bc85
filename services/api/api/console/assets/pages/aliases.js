// Addresses that stand for others: aliases, groups, what catches the rest of a domain.

import { get, page, patch, post, remove } from "../api.js";
import { h } from "../dom.js";
import { count } from "../format.js";
import { rememberQuery } from "../router.js";
import { badge, button, doing, heading } from "../parts/bits.js";
import { ask } from "../parts/dialog.js";
import { empty } from "../parts/states.js";
import { pages } from "../parts/table.js";
import { toast } from "../parts/toast.js";
import { choice } from "./accounts.js";

const MOST_DOMAINS = 500;
const SHOWN = 3; // targets of one alias in the list

const pathOf = (alias) => `/aliases/${encodeURIComponent(alias.address)}`;
const lines = (text) => text.split(/[\s,;]+/).filter(Boolean);

export async function aliases({ query, signal }) {
  const known = (await get("/domains", { limit: MOST_DOMAINS, fields: "name,alias_of" }, signal)).items
    .filter((domain) => !domain.alias_of)
    .map((domain) => domain.name);
  const wanted = { domain: query.domain ?? "" };
  const list = pages(
    "Aliases",
    columns(() => list.refresh()),
    (cursor) => page("/aliases", wanted, cursor, signal),
    () => nothing(known),
  );
  const add = async () => {
    const made = await ask("Create an alias", creating(known, wanted.domain));
    if (!made) return;
    toast(`${made.address} is created.`);
    await list.refresh();
  };
  const narrow = (event) => {
    wanted.domain = event.target.value;
    rememberQuery(wanted);
    list.refresh();
  };
  return h(
    "div",
    {},
    heading("Aliases", { actions: known.length ? [button("Create alias", add, { kind: "primary", symbol: "plus" })] : [] }),
    h(
      "div",
      { class: "filters" },
      choice("Domain", [["", "All domains"], ...known.map((name) => [name, name])], wanted.domain, narrow),
    ),
    list,
  );
}

function nothing(known) {
  return empty(
    "No aliases",
    known.length ? "An alias is an address whose mail goes to others, here or elsewhere." : "Add a domain first.",
  );
}

function creating(domains, domain) {
  return {
    fields: [
      {
        name: "local",
        label: "Name",
        placeholder: "sales",
        hint: "Empty: whatever else is written to the domain.",
        autocapitalize: "none",
        autocomplete: "off",
        spellcheck: "false",
        pattern: "[^@\\s]*",
      },
      {
        name: "address",
        label: "Domain",
        type: "select",
        options: domains.map((name) => [name, `@${name}`]),
        value: domain || domains[0],
      },
      {
        name: "kind",
        label: "Kind",
        type: "select",
        options: [
          ["alias", "Alias"],
          ["group", "Group: reports on its members are kept from who writes"],
        ],
      },
      targets([]),
    ],
    label: "Create alias",
    submit: ({ local, address: place, kind, targets: text }) =>
      post("/aliases", { address: `${local.trim()}@${place}`, kind, targets: lines(text) }),
  };
}

function targets(value) {
  return {
    name: "targets",
    label: "Goes to",
    type: "textarea",
    rows: 4,
    value: value.join("\n"),
    required: true,
    hint: "One address in each line, here or elsewhere.",
    spellcheck: "false",
    autocapitalize: "none",
  };
}

function editing(alias) {
  return {
    fields: [
      targets(alias.targets),
      ...(alias.kind === "group"
        ? [{ name: "members_only", label: "Only members may write to it", type: "checkbox", value: alias.members_only }]
        : []),
      { name: "active", label: "Accept mail for it", type: "checkbox", value: alias.active },
    ],
    submit: ({ targets: text, ...rest }) => patch(pathOf(alias), { targets: lines(text), ...rest }),
  };
}

function columns(refresh) {
  const edit = (alias) => async () => {
    if (!(await ask(alias.address, editing(alias)))) return;
    toast("Saved.");
    await refresh();
  };
  const discard = (alias) => async () => {
    await remove(pathOf(alias));
    await refresh();
    toast(`${alias.address} is deleted.`, { undo: () => restore(alias).then(refresh) });
  };
  return [
    { label: "Address", main: true, cell: (alias) => alias.address },
    { label: "Kind", cell: (alias) => kindOf(alias) },
    {
      label: "Goes to",
      wide: true,
      cell: (alias) =>
        h(
          "span",
          { class: "targets" },
          alias.targets.slice(0, SHOWN).join(", "),
          alias.targets.length > SHOWN ? ` and ${count(alias.targets.length - SHOWN)} more` : "",
        ),
    },
    { label: "State", cell: (alias) => (alias.active ? badge("ok", "Active") : badge("bad", "Suspended")) },
    {
      label: "Actions",
      hidden: true,
      cell: (alias) =>
        h(
          "div",
          { class: "actions" },
          button("Edit", edit(alias), { kind: "small" }),
          doing("Delete", discard(alias), { kind: "small" }),
        ),
    },
  ];
}

function kindOf(alias) {
  if (alias.address.startsWith("@")) return "Catch-all";
  return alias.kind === "group" ? "Group" : "Alias";
}

// As it was before it was deleted.
async function restore({ address, kind, targets: all, members_only: members, active }) {
  await post("/aliases", { address, kind, targets: all, members_only: members });
  if (!active) await patch(`/aliases/${encodeURIComponent(address)}`, { active });
}
