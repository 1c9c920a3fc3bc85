// Where the console begins: who is signed in decides which pages there are.

import { onSignedOut } from "./api.js";
import { h, replace } from "./dom.js";
import { refreshTimes } from "./format.js";
import { href, show, start, stop } from "./router.js";
import { askAgain, isOwner, me, onAsked, restore, signOut } from "./session.js";
import { icon, mark } from "./parts/icons.js";
import { empty, failed } from "./parts/states.js";
import { toast } from "./parts/toast.js";
import { account } from "./pages/account.js";
import { accounts } from "./pages/accounts.js";
import { aliases } from "./pages/aliases.js";
import { audit } from "./pages/audit.js";
import { domain } from "./pages/domain.js";
import { domains } from "./pages/domains.js";
import { trace } from "./pages/journey.js";
import { delivery } from "./pages/house/delivery.js";
import { keys } from "./pages/house/keys.js";
import { suppressions } from "./pages/house/suppressions.js";
import { tenants } from "./pages/house/tenants.js";
import { webhook } from "./pages/house/webhook.js";
import { webhooks } from "./pages/house/webhooks.js";
import { message } from "./pages/message.js";
import { overview } from "./pages/overview.js";
import { OTHERS, ownPages } from "./pages/person/pages.js";
import { queue } from "./pages/queue.js";
import { signInPage } from "./pages/sign_in.js";

const REFRESH = 30_000; // milliseconds
const app = document.getElementById("app");

const nowhere = {
  path: "*",
  title: "Not found",
  page: () =>
    h(
      "div",
      {},
      h("h1", { tabindex: "-1" }, "Not found"),
      empty("There is no such page", "The address may be mistyped, or what was here is gone."),
    ),
};

const ADMINISTRATION = [
  { path: "/", title: "Overview", page: overview, symbol: "overview", nav: true },
  { path: "/domains", title: "Domains", page: domains, symbol: "domains", nav: true },
  { path: "/domains/:name", title: "Domain", page: domain },
  { path: "/accounts", title: "Accounts", page: accounts, symbol: "accounts", nav: true },
  { path: "/accounts/:id", title: "Account", page: account },
  ...OTHERS,
  { path: "/aliases", title: "Aliases", page: aliases, symbol: "aliases", nav: true },
  { path: "/queue", title: "Queue", page: queue, symbol: "queue", nav: true },
  { path: "/queue/:id", title: "Message", page: message },
  { path: "/messages/:id", title: "Message", page: trace },
  { path: "/delivery", title: "Delivery", page: delivery, symbol: "delivery", nav: true },
  { path: "/suppressions", title: "Suppression list", page: suppressions, symbol: "suppressed", nav: true },
  { path: "/webhooks", title: "Webhooks", page: webhooks, symbol: "webhooks", nav: true },
  { path: "/webhooks/:id", title: "Webhook", page: webhook },
  { path: "/keys", title: "API keys", page: keys, symbol: "key", nav: true },
  { path: "/audit", title: "Audit log", page: audit, symbol: "audit", nav: true },
];

const OF_OPERATORS = [{ path: "/tenants", title: "Tenants", page: tenants, symbol: "tenants", nav: true }];

const ROLES = { operator: "Operator", tenant_admin: "Administrator", owner: "Account owner" };

function routes() {
  if (isOwner()) return [...ownPages(true), nowhere];
  return [...ADMINISTRATION, ...(me().role === "operator" ? OF_OPERATORS : []), ...ownPages(false), nowhere];
}

// The frame around all pages; gives the element for the page of `path`.
function frame(table) {
  const links = table
    .filter((route) => route.nav)
    .map((route) => h("a", { href: href(route.path) }, icon(route.symbol), route.title));
  const nav = h("nav", { id: "nav", "aria-label": "Main" }, links);
  const toggle = h(
    "button",
    { type: "button", class: "quiet menu", "aria-expanded": "false", "aria-controls": "nav-panel" },
    icon("menu"),
    "Menu",
  );
  const side = h("div", { class: "side", id: "nav-panel" }, nav, whoIsHere());
  const open = (wanted) => {
    toggle.setAttribute("aria-expanded", String(wanted));
    side.classList.toggle("open", wanted);
  };
  toggle.addEventListener("click", () => open(toggle.getAttribute("aria-expanded") !== "true"));
  const closing = (event) => {
    if (event.key !== "Escape" || toggle.getAttribute("aria-expanded") !== "true") return;
    open(false);
    toggle.focus();
  };
  for (const element of [toggle, side]) element.addEventListener("keydown", closing);
  const main = h("main", { id: "content", tabindex: "-1" });
  replace(
    app,
    h(
      "div",
      { class: "frame" },
      h("header", { class: "top" }, h("a", { class: "brand", href: href("/") }, mark(), "Mailstead"), toggle),
      side,
      main,
    ),
  );
  return (path) => {
    open(false);
    for (const link of links) {
      const target = link.getAttribute("href");
      const current = href(path) === target || (target !== href("/") && href(path).startsWith(`${target}/`));
      if (current) link.setAttribute("aria-current", "page");
      else link.removeAttribute("aria-current");
    }
    return main;
  };
}

function whoIsHere() {
  const leave = h("button", { type: "button", class: "quiet", on: { click: end } }, icon("leave"), "Sign out");
  return h(
    "div",
    { class: "who" },
    h("p", { class: "who-name", title: me().address }, me().address),
    h("p", { class: "muted" }, ROLES[me().role]),
    leave,
  );
}

async function end() {
  try {
    await signOut();
    history.replaceState(null, "", href("/")); // who signs in next may be somebody else
    askAgain();
  } catch (error) {
    toast(error.message);
  }
}

function askWhoItIs(notice) {
  stop();
  for (const open of document.querySelectorAll("dialog[open]")) open.close();
  document.title = "Sign in · Mailstead";
  replace(app, signInPage({ notice, done: () => enter({ moved: true }) }));
  app.querySelector("input")?.focus();
}

function enter(how) {
  const table = routes();
  start(table, frame(table));
  return show(how);
}

async function begin() {
  onAsked(askWhoItIs);
  onSignedOut(() => {
    if (me() !== null) askAgain("You were signed out. Sign in again to go on.");
  });
  setInterval(refreshTimes, REFRESH);
  try {
    if (await restore()) await enter({ moved: false });
    else askWhoItIs();
  } catch (error) {
    replace(app, h("main", { id: "content", class: "alone" }, h("h1", {}, "Mailstead"), failed(error, begin)));
  }
}

begin();
