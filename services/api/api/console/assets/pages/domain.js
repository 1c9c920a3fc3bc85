// One domain: the records to publish and whether DNS has them, its signing keys, what is spam, its end.

import { ask as request, get, patch, post, put, remove } from "../api.js";
import { h } from "../dom.js";
import { plural, time } from "../format.js";
import { href, reload } from "../router.js";
import { badge, button, copyButton, doing, facts, heading, section } from "../parts/bits.js";
import { deletedPage, deletes } from "../parts/deletion.js";
import { ask } from "../parts/dialog.js";
import { form } from "../parts/form.js";
import { empty, fetched } from "../parts/states.js";
import { table } from "../parts/table.js";
import { toast } from "../parts/toast.js";
import { stateOf } from "./domains.js";

const STATES = {
  ok: ["ok", "Published"],
  missing: ["idle", "Not published"],
  differs: ["warn", "Differs"],
  unknown: ["idle", "No answer"],
};
const NEEDED = { ...STATES, missing: ["bad", "Missing"] };
const PURPOSES = {
  ownership: ["Ownership", "Shows that the domain is yours."],
  MX: ["Receiving", "Where other hosts deliver mail for the domain."],
  SPF: ["SPF", "Which hosts may send for the domain."],
  DKIM: ["DKIM", "The keys by which others verify its signatures."],
  DMARC: ["DMARC", "What others do with mail that fails both."],
  "MTA-STS": ["MTA-STS", "Others deliver over verified TLS only."],
  DANE: ["DANE", "Which key the mail host's certificate has, for hosts that check it: of use where its zone has DNSSEC."],
  "TLS-RPT": ["TLS reports", "Where others report trouble with TLS."],
  client: ["Mail programs", "How they find the servers by themselves."],
};
const KEY_STATES = { published: ["idle", "Not signing yet"], active: ["ok", "Signing"], retired: ["idle", "Retired"] };

export async function domain({ parameters: { name }, signal }) {
  const path = `/domains/${encodeURIComponent(name)}`;
  const { data, etag } = await request("GET", path, { signal });
  if (data.deleted_at) return deletedPage(whatGoes(path, data));
  return h(
    "div",
    {},
    heading(data.name, {
      back: { href: href("/domains"), text: "Domains" },
      about: stateOf(data),
      actions: [stateButton(path, data, etag)],
    }),
    facts([
      [
        "Accounts",
        data.alias_of ? null : h("a", { href: href(`/accounts?domain=${data.name}`) }, plural(data.account_count, "account")),
      ],
      ["Alias of", data.alias_of],
      ["Added", time(data.created_at)],
      ["Verified", data.verified_at && time(data.verified_at)],
    ]),
    records(path, data, signal),
    keys(path, signal),
    spam(path, data, etag),
    section(
      "Delete this domain",
      { text: "Accounts and alias domains have to be deleted first. It can be restored for some days." },
      button("Delete domain …", () => deletes(whatGoes(path, data)), { kind: "danger-quiet" }),
    ),
  );
}

function stateButton(path, data, etag) {
  const set = async (active, tag) => {
    await patch(path, { active }, tag);
    await reload();
  };
  if (!data.active)
    return doing(
      "Activate",
      async () => {
        await set(true, etag);
        toast(`${data.name} is active.`);
      },
      { kind: "primary" },
    );
  return doing("Suspend", async () => {
    await set(false, etag);
    toast(`${data.name} is suspended: its mail is not accepted, nobody of it logs in.`, { undo: () => set(true) });
  });
}

function records(path, data, signal) {
  const shown = fetched(
    () => get(`${path}/dns`, {}, signal),
    ({ records: all, mta_sts_policy: policy }) => {
      const groups = Map.groupBy ? Map.groupBy(all, (record) => record.purpose) : grouped(all);
      const wanting = all.filter((record) => record.required && record.state !== "ok").length;
      const published = all.filter((record) => record.state === "ok").length;
      return [
        h(
          "p",
          { class: "summary" },
          wanting
            ? badge("bad", `${plural(wanting, "required record")} to publish`)
            : badge("ok", "All required records are published"),
          h("span", { class: "muted tabular" }, `${published} of ${all.length} found`),
        ),
        [...groups].map(([purpose, list]) => group(purpose, list)),
        h("details", {}, h("summary", {}, "MTA-STS policy"), h("pre", { tabindex: "0" }, policy)),
        h(
          "div",
          { class: "actions" },
          copyButton(all.map(zoneLine).join("\n"), "all records as lines of a zone file"),
          h("span", { class: "muted small" }, "all records as lines of a zone file"),
        ),
      ];
    },
  );
  const actions = [doing("Check again", shown.refresh)];
  if (!data.verified_at && !data.active)
    actions.unshift(
      doing(
        "Verify ownership",
        async () => {
          await put(`${path}/dns/verification`);
          toast(`${data.name} is verified.`);
          await reload();
        },
        { kind: "primary" },
      ),
    );
  return section(
    "DNS records",
    {
      text: "Publish these where the domain's DNS is managed. Changes can take as long as the time to live of what was there before.",
      actions,
    },
    shown,
  );
}

function grouped(all) {
  const groups = new Map();
  for (const record of all) groups.set(record.purpose, [...(groups.get(record.purpose) ?? []), record]);
  return groups;
}

function group(purpose, list) {
  const [title, text] = PURPOSES[purpose] ?? [purpose, null];
  return h(
    "div",
    { class: "records" },
    h("div", {}, h("h3", {}, title), text && h("p", { class: "muted small" }, text)),
    h("ul", {}, list.map(record)),
  );
}

function record(item) {
  const [kind, text] = (item.required ? NEEDED : STATES)[item.state];
  const optional = item.required ? null : h("span", { class: "muted small" }, "advised");
  return h(
    "li",
    { class: "record" },
    h(
      "div",
      { class: "record-head" },
      h("span", { class: "type" }, item.type),
      h("code", { class: "record-name" }, item.name),
      optional,
      badge(kind, text),
    ),
    h(
      "div",
      { class: "record-value" },
      h("code", {}, item.value),
      copyButton(item.value, `the value of ${item.type} ${item.name}`),
    ),
    item.state === "differs" && h("p", { class: "found" }, "Found: ", h("code", {}, item.found.join(" · "))),
  );
}

function zoneLine({ name, type, value }) {
  if (type !== "TXT") return `${name}.\tIN\t${type}\t${value}`;
  const strings = value.match(/.{1,255}/gs) ?? [""]; // RFC 1035 §3.3: a character string holds 255 octets
  return `${name}.\tIN\tTXT\t${strings.map((part) => `"${part.replaceAll("\\", "\\\\").replaceAll('"', '\\"')}"`).join(" ")}`;
}

function keys(path, signal) {
  const place = `${path}/signing-keys`;
  const shown = fetched(
    () => get(place, {}, signal),
    ({ items }, refresh) =>
      items.length
        ? table("Signing keys", columns(place, refresh), items)
        : empty("Mail of this domain is not signed", "Create a key, publish its record, then let it sign."),
  );
  const add = async () => {
    if (await ask("Create a signing key", creating(place))) await reload();
  };

  return section(
    "Signing keys (DKIM)",
    { text: "By these, other hosts see that mail is the domain's.", actions: [button("Create key", add, { symbol: "plus" })] },
    shown,
  );
}

function creating(place) {
  return {
    intro: "It signs only once you activate it: publish its record first.",
    fields: [
      {
        name: "selector",
        label: "Selector",
        value: `s${new Date().getFullYear()}`,
        required: true,
        hint: "The name of the key in DNS.",
        autocapitalize: "none",
        spellcheck: "false",
      },
      {
        name: "algorithm",
        label: "Algorithm",
        type: "select",
        options: [
          ["rsa-sha256", "RSA, 2048 bits: every host verifies it"],
          ["ed25519-sha256", "Ed25519: short, not verified everywhere"],
        ],
      },
    ],
    label: "Create key",
    submit: (values) => post(place, values),
  };
}

function columns(place, refresh) {
  const change = (key, state) => async () => {
    await patch(`${place}/${encodeURIComponent(key.selector)}`, { state });
    await refresh();
  };
  const end = (key) => async () => {
    await remove(`${place}/${encodeURIComponent(key.selector)}`);
    await refresh();
  };
  const act = (key) => {
    if (key.state === "active") return doing("Retire", change(key, "retired"), { kind: "small" });
    return h(
      "div",
      { class: "actions" },
      doing("Activate", change(key, "active"), { kind: "small" }),
      doing("Delete", end(key), { kind: "small" }),
    );
  };
  return [
    { label: "Selector", main: true, cell: (key) => key.selector },
    { label: "Algorithm", cell: (key) => key.algorithm },
    { label: "State", cell: (key) => badge(...KEY_STATES[key.state]) },
    { label: "Created", cell: (key) => time(key.created_at) },
    { label: "Actions", hidden: true, cell: act },
  ];
}

function spam(path, data, etag) {
  return section(
    "Spam",
    { text: "Scores from which messages are filed in Junk, and refused. 0 leaves it to how the service is configured." },
    form({
      fields: [
        {
          name: "junk_score",
          label: "Junk from",
          type: "number",
          min: 0,
          max: 10000,
          step: "any",
          value: data.junk_score,
          required: true,
        },
        {
          name: "reject_score",
          label: "Refuse from",
          type: "number",
          min: 0,
          max: 10000,
          step: "any",
          value: data.reject_score,
          required: true,
        },
      ],
      submit: async (values) => {
        await patch(path, values, etag);
        toast("Saved.");
        await reload();
      },
    }),
  );
}

function whatGoes(path, data) {
  return {
    path,
    name: data.name,
    what: "domain",
    list: { href: "/domains", text: "Domains" },
    link: href("/domains"),
    about: stateOf(data),
    held: [["Alias of", data.alias_of]],
    deleted: data,
    intro: "Mail for this domain will be refused. Its aliases and signing keys go with it.",
  };
}
