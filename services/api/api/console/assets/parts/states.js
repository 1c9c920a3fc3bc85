// What stands where there is nothing yet, nothing at all, or nothing because something failed.

import { h, replace } from "../dom.js";
import { icon } from "./icons.js";

export function loading() {
  const bars = [60, 90, 75, 85].map((width) => h("span", { class: `bar bar-${width}` }));
  return h("div", { class: "loading", "aria-busy": "true" }, h("span", { class: "hidden" }, "Loading …"), bars);
}

export function empty(title, text, action) {
  return h("div", { class: "empty" }, h("p", { class: "empty-title" }, title), text && h("p", {}, text), action);
}

export function failed(error, again) {
  const known = error.status !== undefined;
  if (!known) console.error(error);
  return h(
    "div",
    { class: "failed", role: "alert" },
    icon("alert"),
    h(
      "div",
      {},
      h("p", {}, known ? error.message : "This page has met an error of its own."),
      again && h("button", { type: "button", class: "button", on: { click: again } }, "Try again"),
    ),
  );
}

// A section that fetches for itself: shows that it loads, what `render` makes of it, or what went wrong.
// `element.refresh()` does it again, leaving the old in place meanwhile.
export function fetched(fetch, render) {
  const element = h("div", {}, loading());
  element.refresh = async () => {
    try {
      replace(element, await render(await fetch(), element.refresh));
    } catch (error) {
      if (error.name !== "AbortError") replace(element, failed(error, element.refresh));
    }
  };
  element.refresh();
  return element;
}
