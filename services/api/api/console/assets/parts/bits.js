// Small pieces that several pages are made of.

import { h, svg } from "../dom.js";
import { bytes } from "../format.js";
import { icon } from "./icons.js";
import { toast } from "./toast.js";

// `kind`: ok, warn, bad, idle. The word says it; the colour only helps.
export function badge(kind, text) {
  return h("span", { class: `badge ${kind}` }, text);
}

export function heading(title, { back, actions = [], about } = {}) {
  return h(
    "header",
    { class: "page-head" },
    back && h("a", { class: "back", href: back.href }, icon("back"), back.text),
    h("div", { class: "page-title" }, h("h1", { tabindex: "-1" }, title), about),
    actions.length ? h("div", { class: "actions" }, actions) : null,
  );
}

export function section(title, { text, actions = [] }, ...children) {
  return h(
    "section",
    { class: "section" },
    h(
      "header",
      {},
      h("div", {}, h("h2", {}, title), text && h("p", { class: "muted" }, text)),
      actions.length ? h("div", { class: "actions" }, actions) : null,
    ),
    children,
  );
}

export function button(text, act, { kind = "", symbol } = {}) {
  return h("button", { type: "button", class: `button ${kind}`.trim(), on: { click: act } }, symbol && icon(symbol), text);
}

// A button that waits for what it does, and says in a toast why it could not be done.
export function doing(text, act, options) {
  const element = button(
    text,
    async () => {
      element.disabled = true;
      await act()
        .catch((error) => toast(error.message))
        .finally(() => {
          element.disabled = false;
        });
    },
    options,
  );
  return element;
}

export function copyButton(text, what) {
  const label = h("span", {}, "Copy");
  const element = h("button", { type: "button", class: "quiet copy", "aria-label": `Copy ${what}` }, icon("copy"), label);
  element.addEventListener("click", async () => {
    await copied(text);
    label.textContent = "Copied";
    setTimeout(() => {
      label.textContent = "Copy";
    }, 2000);
  });
  return element;
}

// Of a page that is not served over HTTPS, the browser keeps its clipboard: there, the text is selected and copied.
async function copied(text) {
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  const area = h("textarea", { class: "hidden", "aria-hidden": "true" });
  area.value = text;
  document.body.append(area);
  area.select();
  document.execCommand("copy");
  area.remove();
}

// What is used of a quota; without one, only how much.
export function usage(used, quota, { wide = false } = {}) {
  if (!quota) return h("span", { class: "usage" }, h("span", { class: "tabular" }, bytes(used)));
  const share = used / quota;
  const kind = share >= 1 ? "bad" : share >= 0.9 ? "warn" : "ok";
  return h(
    "span",
    { class: wide ? "usage wide" : "usage" },
    svg(
      "svg",
      {
        class: `meter ${kind}`,
        viewBox: "0 0 100 6",
        preserveAspectRatio: "none",
        role: "img",
        "aria-label": `${Math.round(share * 100)}% of the quota used`,
      },
      svg("rect", { width: Math.min(share, 1) * 100, height: 6 }),
    ),
    h("span", { class: "tabular" }, `${bytes(used)} of ${bytes(quota)}`),
  );
}

// [[term, description]]; a description of null is left out.
export function facts(pairs) {
  return h(
    "dl",
    { class: "facts" },
    pairs
      .filter(([, value]) => value !== null && value !== undefined)
      .map(([term, value]) => h("div", {}, h("dt", {}, term), h("dd", {}, value))),
  );
}
