// What there is to see and to set of one account beside its administration: for its owner, and for who looks after it.

import { get } from "../../api.js";
import { h } from "../../dom.js";
import { href } from "../../router.js";
import { me } from "../../session.js";
import { heading } from "../../parts/bits.js";
import { deleted } from "./deleted.js";
import { filters } from "./filters.js";
import { security } from "./security.js";
import { summary } from "./summary.js";
import { vacation } from "./vacation.js";

const PARTS = [
  { name: "", title: "Summary", parts: summary, symbol: "person" },
  { name: "security", title: "Security", parts: security, symbol: "lock" },
  { name: "vacation", title: "Vacation", parts: vacation, symbol: "sun" },
  { name: "filters", title: "Filters", parts: filters, symbol: "filter" },
  { name: "deleted", title: "Deleted mail", parts: deleted, symbol: "deleted" },
];

// The pages of who is signed in. For an owner they are all there is, and stand in the navigation themselves.
export function ownPages(owner) {
  return PARTS.map(({ name, title, parts, symbol }, number) => ({
    path: owner ? `/${name}` : `/me${name && `/${name}`}`,
    title: owner || number ? title : "My account",
    symbol,
    nav: owner || !number,
    page: async ({ signal }) => {
      const path = `/accounts/${me().account_id}`;
      const account = await get(path, {}, signal);
      return h(
        "div",
        {},
        heading(owner ? title : "My account", { about: h("span", { class: "muted" }, account.address) }),
        owner ? null : tabs("/me", name),
        await parts({ path, account, own: true, signal }),
      );
    },
  }));
}

// The same for another account, below the page on which it is administrated.
export const OTHERS = PARTS.slice(1).map(({ name, title, parts }) => ({
  path: `/accounts/:id/${name}`,
  title,
  page: async ({ parameters: { id }, signal }) => {
    const path = `/accounts/${encodeURIComponent(id)}`;
    const account = await get(path, {}, signal);
    return h(
      "div",
      {},
      heading(account.address, { back: { href: href("/accounts"), text: "Accounts" } }),
      tabs(path, name, "Administration"),
      await parts({ path, account, own: false, signal }),
    );
  },
}));

export function tabs(root, current, first = "Summary") {
  return h(
    "nav",
    { class: "tabs", "aria-label": "Of this account" },
    PARTS.map(({ name, title }) =>
      h(
        "a",
        { href: href(name ? `${root}/${name}` : root), "aria-current": name === current ? "page" : null },
        name ? title : first,
      ),
    ),
  );
}
