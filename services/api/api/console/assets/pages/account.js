// One account, as who looks after it sees it.

import { ask as request, patch, put, get } from "../api.js";
import { h } from "../dom.js";
import { bytes, count, time } from "../format.js";
import { href, reload } from "../router.js";
import { me } from "../session.js";
import { button, doing, facts, heading, section, usage } from "../parts/bits.js";
import { deletedPage, deletes } from "../parts/deletion.js";
import { ask } from "../parts/dialog.js";
import { form } from "../parts/form.js";
import { passphrase } from "../parts/passphrase.js";
import { fetched } from "../parts/states.js";
import { toast } from "../parts/toast.js";
import { GIB, stateOf } from "./accounts.js";
import { tabs } from "./person/pages.js";

const ROLES = [
  ["owner", "Owner: their own account"],
  ["tenant_admin", "Administrator: all of the tenant"],
  ["operator", "Operator: everything"],
];

export async function account({ parameters: { id }, signal }) {
  const path = `/accounts/${encodeURIComponent(id)}`;
  const { data, etag } = await request("GET", path, { signal });
  if (data.deleted_at) return deletedPage(whatGoes(path, data));
  return h(
    "div",
    {},
    heading(data.address, {
      back: { href: href("/accounts"), text: "Accounts" },
      about: stateOf(data),
      actions: [stateButton(path, data, etag)],
    }),
    tabs(path, "", "Administration"),
    facts([
      ["Storage", usage(data.used_bytes, data.quota_bytes)],
      [
        "Messages",
        data.quota_messages ? `${count(data.message_count)} of ${count(data.quota_messages)}` : count(data.message_count),
      ],
      ["Created", time(data.created_at)],
    ]),
    settings(path, data, etag),
    access(path, data, signal),
    section(
      "Delete this account",
      { text: "It can be restored for some days. Suspend it instead if it may be wanted again later." },
      button("Delete account …", () => deletes(whatGoes(path, data)), { kind: "danger-quiet" }),
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
        toast(`${data.address} is active.`);
      },
      { kind: "primary" },
    );
  return doing("Suspend", async () => {
    await set(false, etag);
    toast(`${data.address} is suspended: it gets no mail and cannot log in.`, { undo: () => set(true) });
  });
}

function settings(path, data, etag) {
  return section(
    "Settings",
    {},
    form({
      fields: [
        {
          name: "quota",
          label: "Quota in GB",
          type: "number",
          min: 0,
          step: "any",
          value: Number((data.quota_bytes / GIB).toFixed(3)),
          required: true,
          hint: "0: unlimited.",
        },
        {
          name: "quota_messages",
          label: "Messages at most",
          type: "number",
          min: 0,
          step: 1,
          value: data.quota_messages,
          required: true,
          hint: "0: unlimited.",
        },
        {
          name: "forwards",
          label: "Forward to",
          type: "textarea",
          rows: 2,
          value: data.forwards.join("\n"),
          hint: "One address in each line. Empty: nowhere.",
          spellcheck: "false",
        },
        { name: "keeps_copy", label: "Keep what is forwarded here too", type: "checkbox", value: data.keeps_copy },
        {
          name: "files_tags",
          label: "File mail for name+tag in the mailbox of that name",
          type: "checkbox",
          value: data.files_tags,
        },
      ],
      submit: async ({ quota, quota_messages, forwards, keeps_copy, files_tags }) => {
        const addresses = forwards.split(/[\s,;]+/).filter(Boolean);
        await patch(
          path,
          {
            quota_bytes: Math.round(quota * GIB),
            quota_messages,
            forwards: addresses,
            keeps_copy: keeps_copy || !addresses.length,
            files_tags,
          },
          etag,
        );
        toast("Saved.");
        await reload();
      },
    }),
  );
}

function access(path, data, signal) {
  const role = fetched(
    () => get(`${path}/role`, {}, signal),
    ({ role: held }, refresh) =>
      form({
        fields: [
          {
            name: "role",
            label: "Role in this console",
            type: "select",
            value: held,
            options: ROLES.filter(([key]) => key !== "operator" || me().role === "operator" || held === "operator"),
          },
        ],
        label: "Change role",
        submit: async (values) => {
          await put(`${path}/role`, values);
          toast(`Changed. It holds for ${data.address} from their next request.`);
          await refresh();
        },
      }),
  );
  return section("Access", { actions: [button("Set a new password …", () => newPassword(path, data))] }, role);
}

function newPassword(path, data) {
  const generate = (control) =>
    button("Generate", () => {
      control.value = passphrase();
      control.type = "text";
    });
  return ask(`Set a new password for ${data.address}`, {
    intro: h(
      "p",
      {},
      "The old one is refused from then on, and whoever is logged in with it has to log in again. App passwords stay good.",
    ),
    fields: [
      {
        name: "password",
        label: "New password",
        type: "password",
        required: true,
        minlength: 8,
        autocomplete: "new-password",
        after: generate,
      },
    ],
    label: "Set password",
    submit: async ({ password }) => {
      await patch(path, { password });
      toast("The password is changed.");
    },
  });
}

function whatGoes(path, data) {
  return {
    path,
    name: data.address,
    what: "account",
    list: { href: "/accounts", text: "Accounts" },
    link: href("/accounts"),
    about: stateOf(data),
    held: [
      ["Storage", usage(data.used_bytes, data.quota_bytes)],
      ["Messages", count(data.message_count)],
    ],
    deleted: data,
    intro: `The account and all its mail go: ${count(data.message_count)} messages, ${bytes(data.used_bytes)}.`,
  };
}
