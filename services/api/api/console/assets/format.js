// Numbers, sizes and times as people read them.

import { h } from "./dom.js";

const LOCALE = "en";
const UNITS = ["B", "KB", "MB", "GB", "TB", "PB"];
const STEPS = [
  ["second", 60],
  ["minute", 60],
  ["hour", 24],
  ["day", 30],
  ["month", 12],
  ["year", Infinity],
];
const relative = new Intl.RelativeTimeFormat(LOCALE, { numeric: "auto" });
const whole = new Intl.NumberFormat(LOCALE);
const moments = new Intl.DateTimeFormat(LOCALE, { dateStyle: "medium", timeStyle: "medium" });
const hours = new Intl.DateTimeFormat(LOCALE, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });

export const count = (number) => whole.format(number);
export const plural = (number, one, many = `${one}s`) => `${count(number)} ${number === 1 ? one : many}`;
export const hour = (iso) => hours.format(new Date(iso));
export const moment = (iso) => moments.format(new Date(iso));

export function bytes(octets) {
  let value = octets;
  let unit = 0;
  while (value >= 1024 && unit < UNITS.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${new Intl.NumberFormat(LOCALE, { maximumFractionDigits: unit && value < 10 ? 1 : 0 }).format(value)} ${UNITS[unit]}`;
}

// "3 minutes ago", "in 2 hours".
export function ago(iso, now = Date.now()) {
  let value = (new Date(iso).getTime() - now) / 1000;
  if (Math.abs(value) < 10) return "just now";
  for (const [unit, most] of STEPS) {
    if (Math.abs(value) < most) return relative.format(Math.round(value), unit);
    value /= most;
  }
  return moment(iso);
}

// A time that says how long ago it was, and exactly when on hovering; kept fresh by `refreshTimes`.
export function time(iso) {
  return h("time", { datetime: iso, title: moment(iso), class: "nowrap" }, ago(iso));
}

export function refreshTimes() {
  for (const element of document.querySelectorAll("time[datetime]")) element.textContent = ago(element.dateTime);
}
