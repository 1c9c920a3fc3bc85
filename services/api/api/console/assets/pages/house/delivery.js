// How mail leaves: the rules of it, and what waits until somebody lets it go.

import { page, post, remove } from "../../api.js";
import { h } from "../../dom.js";
import { plural, time } from "../../format.js";
import { me } from "../../session.js";
import { badge, button, doing, heading, section } from "../../parts/bits.js";
import { ask, confirmByName } from "../../parts/dialog.js";
import { empty } from "../../parts/states.js";
import { pages } from "../../parts/table.js";
import { toast } from "../../parts/toast.js";
import { knownTenants, tenantColumn, tenantField } from "./tenants.js";

const TLS = { opportunistic: ["idle", "If offered"], encrypted: ["ok", "Encrypted"], verified: ["ok", "Verified"] };
const PLAIN = { autocomplete: "off", autocapitalize: "none", spellcheck: "false" };

export async function delivery({ signal }) {
  const known = await knownTenants(signal);
  const operator = me().role === "operator";
  return h("div", {}, heading("Delivery"), operator && rules(known, signal), pauses(known, operator, signal));
}

function rules(known, signal) {
  const list = pages(
    "Delivery rules",
    ruleColumns(known, () => list.refresh()),
    (cursor) => page("/delivery-rules", {}, cursor, signal),
    () => empty("No rules", "All mail goes to the hosts that MX records name."),
  );
  const add = async () => {
    const done = await ask("Add a delivery rule", ruleForm(known));
    if (done) await list.refresh();
  };
  return section(
    "Rules",
    {
      text: "Smart hosts, relays, the least TLS. The most particular rule holds, one alone.",
      actions: [button("Add rule", add, { symbol: "plus" })],
    },
    list,
  );
}

function ruleForm(known) {
  return {
    fields: [
      {
        name: "domain",
        label: "Mail to",
        placeholder: "example.org",
        hint: ".example.org for all domains below it; empty for any.",
        ...PLAIN,
      },
      ...tenantField(known, "Everybody's mail"),
      { name: "host", label: "Host", hint: "Who takes it; empty: whom MX records name.", ...PLAIN },
      { name: "port", label: "Port", type: "number", min: 1, max: 65535, hint: "Empty: the usual one." },
      {
        name: "protocol",
        label: "Protocol",
        type: "select",
        options: [
          ["smtp", "SMTP"],
          ["lmtp", "LMTP"],
        ],
      },
      { name: "tls", label: "TLS at least", type: "select", options: Object.entries(TLS).map(([key, [, text]]) => [key, text]) },
      { name: "username", label: "User name", hint: "To log in to the host; needs TLS.", ...PLAIN },
      { name: "password", label: "Password", type: "password", autocomplete: "off" },
    ],
    label: "Add rule",
    submit: ({ domain, tenant, host, port, protocol, tls, username, password }) =>
      post("/delivery-rules", {
        domain: domain.trim(),
        tenant_id: tenant ? Number(tenant) : null,
        host: host.trim() || null,
        port: port || null,
        protocol,
        tls,
        username: username.trim() || null,
        password: password || null,
      }),
  };
}

function ruleColumns(known, refresh) {
  const end = (rule) => async () => {
    const name = rule.domain || "any domain";
    const done = await confirmByName("Delete a delivery rule", {
      name,
      intro: `Mail to ${name} will leave as the next rule, or none, says. A password that it has is not kept.`,
      label: "Delete rule",
      submit: () => remove(`/delivery-rules/${rule.id}`),
    });
    if (!done) return;
    toast("The rule is deleted.");
    await refresh();
  };
  return [
    { label: "Mail to", main: true, cell: (rule) => rule.domain || "any domain" },
    ...tenantColumn(known, "everybody"),
    { label: "Host", wide: true, cell: (rule) => hostOf(rule) },
    { label: "TLS", cell: (rule) => badge(...TLS[rule.tls]) },
    { label: "Since", cell: (rule) => time(rule.created_at) },
    { label: "Actions", hidden: true, cell: (rule) => button("Delete …", end(rule), { kind: "small" }) },
  ];
}

function hostOf({ host, port, protocol, username }) {
  if (host === null) return "by MX records";
  return [port ? `${host}:${port}` : host, protocol === "lmtp" && "by LMTP", username && `as ${username}`]
    .filter(Boolean)
    .join(" ");
}

function pauses(known, operator, signal) {
  const list = pages(
    "Pauses",
    pauseColumns(known, () => list.refresh()),
    (cursor) => page("/queue-pauses", {}, cursor, signal),
    () => empty("Nothing is paused", "A pause holds mail of a tenant, or for a domain, until it is ended."),
  );
  const add = async () => {
    const done = await ask("Pause delivery", {
      fields: [
        { name: "domain", label: "Mail to", placeholder: "example.org", hint: "Empty: to any domain.", ...PLAIN },
        ...tenantField(known, operator ? "Everybody's mail" : null),
        { name: "reason", label: "Why", maxlength: 500, autocomplete: "off" },
      ],
      label: "Pause",
      submit: ({ domain, tenant, reason }) =>
        post("/queue-pauses", { domain: domain.trim() || null, tenant_id: tenant ? Number(tenant) : null, reason }),
    });
    if (done) await list.refresh();
  };
  return section(
    "Pauses",
    { text: "What is paused waits, and nothing of it is lost.", actions: [button("Pause delivery", add, { symbol: "plus" })] },
    list,
  );
}

function pauseColumns(known, refresh) {
  const resume = (pause) => async () => {
    await remove(`/queue-pauses/${pause.id}`);
    toast("What it held leaves now.");
    await refresh();
  };
  return [
    { label: "Mail to", main: true, cell: (pause) => pause.domain ?? "any domain" },
    ...tenantColumn(known, "everybody"),
    { label: "Why", wide: true, cell: (pause) => pause.reason },
    { label: "Holds", cell: (pause) => plural(pause.held_count, "recipient") },
    { label: "Since", cell: (pause) => time(pause.created_at) },
    { label: "Actions", hidden: true, cell: (pause) => doing("Resume", resume(pause), { kind: "small" }) },
  ];
}
