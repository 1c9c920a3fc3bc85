// A line that says what was done, with a way back where there is one. It is read out, and does not take the focus.

import { h } from "../dom.js";

const STAYS = 6000; // milliseconds
const STAYS_WITH_UNDO = 12000;

export function toast(text, { undo } = {}) {
  const line = h("div", { class: "toast" }, h("span", {}, text));
  const end = setTimeout(() => line.remove(), undo ? STAYS_WITH_UNDO : STAYS);
  if (undo) {
    const back = async () => {
      clearTimeout(end);
      line.remove();
      await undo().catch((error) => toast(error.message));
    };
    line.append(h("button", { type: "button", class: "link", on: { click: back } }, "Undo"));
  }
  document.getElementById("toasts").append(line);
}
