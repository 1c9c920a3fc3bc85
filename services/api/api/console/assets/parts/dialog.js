// Modal dialogs: the browser keeps the focus inside, ends them with Escape, and gives the focus back to what opened them.

import { h, uniqueId } from "../dom.js";
import { form } from "./form.js";
import { icon } from "./icons.js";

// Shows `content(close)` until it is closed. `close` may be given what the promise resolves to.
export function dialog(title, content, { wide = false } = {}) {
  return new Promise((resolve) => {
    const id = uniqueId("dialog");
    const element = h("dialog", { class: wide ? "dialog wide" : "dialog", "aria-labelledby": id });
    let result;
    const close = (value) => {
      result = value;
      element.close();
    };
    element.append(
      h(
        "header",
        {},
        h("h2", { id }, title),
        h(
          "button",
          { type: "button", class: "quiet icon-only", "aria-label": "Close", on: { click: () => close() } },
          icon("close"),
        ),
      ),
      content(close),
    );
    element.addEventListener("close", () => {
      element.remove();
      resolve(result);
    });
    document.body.append(element);
    element.showModal();
    (element.querySelector("[autofocus]") ?? element.querySelector("input, select, textarea"))?.focus();
  });
}

// A form in a dialog; resolves to what `submit(values)` returned, undefined when it was cancelled.
export function ask(title, { intro, fields, label, danger, wide, submit }) {
  return dialog(
    title,
    (close) =>
      form({
        intro,
        fields,
        label,
        danger,
        cancel: () => close(),
        submit: async (values) => close((await submit(values)) ?? true),
      }),
    { wide },
  );
}

// What cannot be undone is done by who types its name.
export function confirmByName(title, { name, intro, label, extra = [], submit }) {
  const field = {
    name: "confirmation",
    label: "Type the name to confirm",
    hint: name,
    autocomplete: "off",
    spellcheck: "false",
    mustBe: name,
  };
  return ask(title, { intro, fields: [...extra, field], label, danger: true, submit });
}
