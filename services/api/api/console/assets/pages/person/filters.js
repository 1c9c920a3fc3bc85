// Sieve scripts: one of them runs on what arrives. What cannot be compiled is not stored, and the place of the fault is told.

import { remove, get, put } from "../../api.js";
import { h } from "../../dom.js";
import { bytes, time } from "../../format.js";
import { badge, button, doing, section } from "../../parts/bits.js";
import { ask } from "../../parts/dialog.js";
import { empty, fetched } from "../../parts/states.js";
import { table } from "../../parts/table.js";
import { toast } from "../../parts/toast.js";

const EXAMPLE = 'require ["fileinto"];\n\nif header :contains "list-id" "news" {\n    fileinto "Archive";\n}\n';

export function filters({ path, signal }) {
  const place = `${path}/sieve-scripts`;
  const shown = fetched(
    () => get(place, {}, signal),
    ({ items }, refresh) =>
      items.length
        ? table("Scripts", columns(place, refresh), items)
        : empty("No filters", "Mail goes to the inbox. A script sorts it as it arrives."),
  );
  const add = () => edit(place, { name: "", text: EXAMPLE, active: true }, shown.refresh);
  return section(
    "Scripts",
    {
      text: "They are in Sieve. One of them runs on mail as it arrives.",
      actions: [button("Write a script", add, { symbol: "plus" })],
    },
    shown,
  );
}

async function edit(place, script, refresh) {
  const saved = await ask(script.name || "A new script", {
    wide: true,
    fields: [
      ...(script.name
        ? []
        : [{ name: "name", label: "Name", required: true, value: "main", autocomplete: "off", spellcheck: "false" }]),
      {
        name: "text",
        label: "Script",
        type: "textarea",
        rows: 16,
        value: script.text,
        required: true,
        class: "script",
        spellcheck: "false",
        autocapitalize: "none",
      },
      {
        name: "active",
        label: "Run it on mail that arrives",
        type: "checkbox",
        value: script.active,
        hint: "Only one script runs: another one then does not.",
      },
    ],
    submit: ({ name = script.name, text, active }) => put(`${place}/${encodeURIComponent(name.trim())}`, { text, active }),
  });
  if (!saved) return;
  toast(saved.remarks.length ? `Saved. ${saved.remarks.join(" ")}` : "Saved.");
  await refresh();
}

function columns(place, refresh) {
  const at = (script) => `${place}/${encodeURIComponent(script.name)}`;
  const open = (script) => async () => edit(place, await get(at(script)), refresh);
  const discard = (script) => async () => {
    const { text } = await get(at(script));
    await remove(at(script));
    await refresh();
    toast(`${script.name} is deleted.`, {
      undo: async () => {
        await put(at(script), { text });
        await refresh();
      },
    });
  };
  return [
    { label: "Name", main: true, cell: (script) => script.name },
    { label: "State", cell: (script) => (script.active ? badge("ok", "Runs") : badge("idle", "Off")) },
    { label: "Size", number: true, cell: (script) => bytes(script.octets) },
    { label: "Changed", cell: (script) => time(script.changed_at) },
    {
      label: "Actions",
      hidden: true,
      cell: (script) =>
        h(
          "div",
          { class: "actions" },
          doing("Edit", open(script), { kind: "small" }),
          script.active ? null : doing("Delete", discard(script), { kind: "small" }),
        ),
    },
  ];
}
