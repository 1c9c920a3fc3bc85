// Lists as tables, which become cards on narrow screens; a list that goes on has a button for more.

import { h, replace } from "../dom.js";
import { failed, loading } from "./states.js";

// `columns`: [{ label, cell: (item) => child, number, main }]. Roles are given in words, since cards are no tables to a browser.
export function table(caption, columns, items) {
  const head = columns.map((column) =>
    h(
      "th",
      { role: "columnheader", scope: "col", class: classOf(column) },
      column.hidden ? h("span", { class: "hidden" }, column.label) : column.label,
    ),
  );
  const rows = items.map((item) => rowOf(columns, item));
  return h(
    "table",
    { role: "table" },
    h("caption", { class: "hidden" }, caption),
    h("thead", { role: "rowgroup" }, h("tr", { role: "row" }, head)),
    h("tbody", { role: "rowgroup" }, rows),
  );
}

// `fetch(cursor)` gives { items, next_cursor }. `element.refresh()` begins again at the first page.
export function pages(caption, columns, fetch, whenEmpty) {
  const element = h("div", { class: "list" }, loading());
  let turn = 0;
  const more = async (body, button, cursor) => {
    button.disabled = true;
    try {
      const found = await fetch(cursor);
      body.append(...found.items.map((item) => rowOf(columns, item)));
      next(body, button, found.next_cursor);
    } catch (error) {
      button.replaceWith(failed(error, element.refresh));
    }
  };
  const next = (body, button, cursor) => {
    const again = h("button", { type: "button", class: "button" }, "Show more");
    again.addEventListener("click", () => more(body, again, cursor));
    if (cursor) button.replaceWith(again);
    else button.remove();
  };
  element.refresh = async () => {
    turn += 1;
    const mine = turn;
    try {
      const found = await fetch();
      if (mine !== turn) return; // somebody has typed on
      if (!found.items.length) return replace(element, whenEmpty());
      const made = table(caption, columns, found.items);
      const button = h("button", { type: "button", class: "button" });
      replace(element, made, button);
      next(made.querySelector("tbody"), button, found.next_cursor);
    } catch (error) {
      if (mine === turn && error.name !== "AbortError") replace(element, failed(error, element.refresh));
    }
  };
  element.refresh();
  return element;
}

function rowOf(columns, item) {
  return h(
    "tr",
    { role: "row" },
    columns.map((column) =>
      h(
        "td",
        { role: "cell", class: classOf(column), "data-label": column.hidden || column.main ? null : column.label },
        column.cell(item),
      ),
    ),
  );
}

function classOf({ number, main, wide }) {
  return [number && "number", main && "main", wide && "wide"].filter(Boolean).join(" ") || null;
}
