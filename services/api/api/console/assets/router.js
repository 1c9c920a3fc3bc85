// Paths to pages. A page is (context) -> element, or a promise of one; its context has `parameters`, `query`, `signal`.

import { h, replace } from "./dom.js";
import { failed, loading } from "./parts/states.js";

const ROOT = "/console";
const PATIENCE = 120; // milliseconds before a page that loads says so

let routes = [];
let around = () => {};
let leaving = null;

// `routes`: [{ path: "/accounts/:id", title, page }]; `shown(path)` is told of each page that is about to be shown.
export function start(table, shown) {
  routes = table.map((route) => ({ ...route, pattern: patternOf(route.path) }));
  around = shown;
}

document.addEventListener("click", follow);
addEventListener("popstate", () => routes.length && show({ moved: false }));

// From now on there is no page: nobody is signed in.
export function stop() {
  leaving?.abort();
  routes = [];
}

export const href = (path) => ROOT + path;
const here = () => location.pathname.slice(ROOT.length) || "/";

export function go(path, { replacing = false } = {}) {
  history[replacing ? "replaceState" : "pushState"](null, "", href(path));
  return show({ moved: true });
}

export const reload = () => show({ moved: false });

// Shows what belongs to the location. `moved`: somebody followed a link, and goes on reading at the heading.
export async function show({ moved = false } = {}) {
  leaving?.abort();
  leaving = new AbortController();
  const { signal } = leaving;
  const [route, parameters] = match(here());
  const main = around(here());
  document.title = `${route.title} · Mailstead`;
  main.setAttribute("aria-busy", "true");
  const patience = setTimeout(() => replace(main, loading()), PATIENCE);
  try {
    const query = Object.fromEntries(new URLSearchParams(location.search));
    const element = await route.page({ parameters, query, signal });
    if (signal.aborted) return;
    replace(main, element);
  } catch (error) {
    if (signal.aborted || error.name === "AbortError") return;
    replace(main, h("h1", { tabindex: "-1" }, route.title), failed(error, reload));
  } finally {
    clearTimeout(patience);
    if (!signal.aborted) main.removeAttribute("aria-busy");
  }
  if (moved) {
    scrollTo(0, 0);
    main.querySelector("h1")?.focus({ preventScroll: true });
  }
}

// Keeps filters in the address, so that a reload and a shared link show the same.
export function rememberQuery(query) {
  const given = Object.entries(query).filter(([, value]) => value);
  history.replaceState(null, "", given.length ? `?${new URLSearchParams(given)}` : location.pathname);
}

function match(path) {
  for (const route of routes) {
    const found = route.pattern.exec(path);
    if (found)
      return [route, Object.fromEntries(Object.entries(found.groups ?? {}).map(([name, text]) => [name, decoded(text)]))];
  }
  return [routes.at(-1), {}];
}

function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text; // typed by hand: it names nothing that is there
  }
}

function patternOf(path) {
  return new RegExp(`^${path.replace(/:(\w+)/g, "(?<$1>[^/]+)").replace("*", ".*")}/?$`);
}

function follow(event) {
  const link = event.target.closest("a[href]");
  if (!link || event.defaultPrevented || event.button || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
  const url = new URL(link.href);
  if (url.origin !== location.origin || !url.pathname.startsWith(`${ROOT}/`) || link.hash || link.hasAttribute("download"))
    return;
  event.preventDefault();
  history.pushState(null, "", url.pathname + url.search);
  show({ moved: true });
}
