// Accounts and domains that are deleted: each can be restored until it is erased, by itself or at once.

import { post, remove } from "../api.js";
import { h } from "../dom.js";
import { time } from "../format.js";
import { go, reload } from "../router.js";
import { button, doing, facts, heading, section } from "./bits.js";
import { confirmByName } from "./dialog.js";
import { toast } from "./toast.js";

const restored = (path) => post(`${path}/restore`);

// Asks for the name; with `erase` there is no way back.
export async function deletes({ path, name, what, list, intro, erase = false }) {
  const done = await confirmByName(`${erase ? "Erase" : "Delete"} ${name}`, {
    name,
    intro: h(
      "p",
      {},
      `${intro} `,
      erase ? h("strong", {}, "This cannot be undone.") : "It can be restored for some days, then it is erased.",
    ),
    label: `${erase ? "Erase" : "Delete"} ${what}`,
    submit: () => remove(path, erase ? { erase } : {}),
  });
  if (!done) return;
  if (erase) toast(`${name} is erased.`);
  else toast(`${name} is deleted.`, { undo: () => restored(path).then(reload) });
  await go(list.href, { replacing: true });
}

// The page of what is deleted: instead of what could be changed of it, the two ways on.
export function deletedPage({ path, name, what, list, link, about, held, deleted, intro }) {
  const restore = async () => {
    await restored(path);
    toast(`${name} is restored.`);
    await reload();
  };
  return h(
    "div",
    {},
    heading(name, {
      back: { href: link, text: list.text },
      about,
      actions: [doing("Restore", restore, { kind: "primary" })],
    }),
    h("p", { class: "notice" }, `This ${what} is deleted: it takes no mail and nobody logs in. Its names stay taken.`),
    facts([...held, ["Deleted", time(deleted.deleted_at)], ["Erased", time(deleted.erase_at)]]),
    section(
      "Erase it now",
      { text: "For a request of erasure: it does not wait, and it cannot be restored." },
      button("Erase …", () => deletes({ path, name, what, list, intro, erase: true }), { kind: "danger-quiet" }),
    ),
  );
}
