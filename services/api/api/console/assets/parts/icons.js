// Line icons on a grid of 20, drawn in the colour of the text around them.

import { svg } from "../dom.js";

const PATHS = {
  overview: "M3 11.5 10 4l7 7.5M5 9.5V16h10V9.5",
  domains: "M10 3a7 7 0 1 0 0 14 7 7 0 0 0 0-14ZM3 10h14M10 3c2.5 2.2 2.5 11.8 0 14M10 3c-2.5 2.2-2.5 11.8 0 14",
  accounts:
    "M7.5 9.5a3 3 0 1 0 0-6 3 3 0 0 0 0 6ZM2 16.5c0-3 2.5-4.5 5.5-4.5s5.5 1.500 5.500 4.500M13 4a3 3 0 0 1 0 5.500M15 12.300c2 .6 3 2 3 4.200",
  aliases: "M4 7h11m0 0-3-3M15 7l-3 3M16 13.500H5m0 0 3-3M5 13.500l3 3",
  queue: "M3 5h14M3 10h14M3 15h8M15 13v4m0 0-1.800-1.800M15 17l1.800-1.800",
  delivery: "M3 6h9v8H3ZM12 9h3l2.500 2.500V14H12M6 14.500a1.500 1.500 0 1 0 0 3 1.500 1.500 0 0 0 0-3ZM14.500 14.500a1.500 1.500 0 1 0 0 3 1.500 1.500 0 0 0 0-3Z",
  suppressed: "M10 3a7 7 0 1 0 0 14 7 7 0 0 0 0-14ZM5.200 5.200l9.600 9.600",
  key: "M7 9a3.500 3.500 0 1 0 0 7 3.500 3.500 0 0 0 0-7ZM9.500 10 16 3.500M13.500 6l2.500 2.500",
  webhooks: "M11.500 4H16v4.500M16 4l-7 7M13.500 11.500V16H4V6.500h4.500",
  tenants: "M3 17V7l5-3v13M8 9h9v8M3 17h14M11 12h.5M14 12h.5M11 14.500h.5M14 14.500h.5",
  audit: "M5 3h7l3 3v11H5ZM8 9h4.500M8 12.500h4.500",
  person: "M10 9.500a3 3 0 1 0 0-6 3 3 0 0 0 0 6ZM4.500 16.500c0-3 2.500-4.500 5.500-4.500s5.500 1.500 5.500 4.500",
  lock: "M5 9h10v8H5ZM7 9V6.500a3 3 0 0 1 6 0V9",
  sun: "M10 6.500a3.500 3.500 0 1 0 0 7 3.500 3.500 0 0 0 0-7ZM10 2.500v1M10 16.500v1M2.500 10h1M16.500 10h1M4.700 4.700l.7.7M14.600 14.600l.7.7M4.700 15.300l.7-.7M14.600 5.400l.7-.7",
  filter: "M3 5h14l-5.500 6.500V16l-3-1.500v-3Z",
  deleted: "M4 6h12M8 6V4h4v2M5.500 6l.8 10.500h7.400L14.500 6M8.500 9v4.500M11.500 9v4.500",
  copy: "M7 7h9v9H7ZM4 13V4h9",
  check: "M4 10.500 8 14.500 16 6",
  alert: "M10 3.500 17.500 16.500h-15ZM10 8.500v3.500M10 14.300v.2",
  menu: "M3 6h14M3 10h14M3 14h14",
  close: "M5 5l10 10M15 5 5 15",
  search: "M9 3.500a5.500 5.500 0 1 0 0 11 5.500 5.500 0 0 0 0-11ZM13 13l4 4",
  plus: "M10 4v12M4 10h12",
  leave: "M12 6V4H4v12h8v-2M8 10h9m0 0-2.500-2.500M17 10l-2.500 2.500",
  back: "M12 5 7 10l5 5",
};

export function icon(name) {
  return svg(
    "svg",
    { class: "icon", viewBox: "0 0 20 20", "aria-hidden": "true", focusable: "false" },
    svg("path", { d: PATHS[name] }),
  );
}

export function mark() {
  return svg(
    "svg",
    { class: "mark", viewBox: "0 0 32 32", "aria-hidden": "true", focusable: "false" },
    svg("rect", { width: 32, height: 32, rx: 7 }),
    svg("path", { d: "M7 14.5 16 8l9 6.5V24H7zM7 15l9 5.500 9-5.500" }),
  );
}
