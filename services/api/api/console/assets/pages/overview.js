// How the mail host fares: the mail of the last day as a picture, the queue, what is held, and what wants somebody's attention.

import { get } from "../api.js";
import { h } from "../dom.js";
import { ago, bytes, count, plural } from "../format.js";
import { href } from "../router.js";
import { heading, section, usage } from "../parts/bits.js";
import { flow } from "../parts/flow.js";
import { icon } from "../parts/icons.js";

const SLOW = 60 * 60 * 1000; // milliseconds that mail may wait before somebody should look

export async function overview({ signal }) {
  const [found, health] = await Promise.all([get("/overview", {}, signal), get("/health", {}, signal)]);
  return h(
    "div",
    { class: "overview" },
    heading("Overview", { about: h("span", { class: "muted small" }, `counted ${ago(found.as_of)}`) }),
    attention(found, health),
    h(
      "section",
      { class: "panel", "aria-labelledby": "flow" },
      h("h2", { id: "flow" }, "Mail in the last 24 hours"),
      flow(found.hours),
    ),
    h(
      "div",
      { class: "tiles" },
      tile(
        "Queue",
        count(found.queue.waiting_count),
        found.queue.waiting_count ? `oldest queued ${ago(found.queue.oldest_queued_at)}` : "nothing waits to leave",
        "/queue",
      ),
      tile("Storage", bytes(found.storage.used_bytes), plural(found.storage.message_count, "message"), "/accounts"),
      tile(
        "Accounts",
        count(found.storage.account_count),
        found.storage.suspended_count ? `${count(found.storage.suspended_count)} suspended` : "none suspended",
        "/accounts",
      ),
      tile(
        "Domains",
        count(found.domains.domain_count),
        found.domains.suspended_count ? `${count(found.domains.suspended_count)} suspended` : "all active",
        "/domains",
      ),
    ),
    full(found.storage.full_accounts),
  );
}

function tile(title, number, text, path) {
  return h(
    "a",
    { class: "tile", href: href(path) },
    h("span", { class: "tile-title" }, title),
    h("span", { class: "tile-number tabular" }, number),
    h("span", { class: "muted small" }, text),
  );
}

function attention(found, health) {
  const waited = found.queue.oldest_queued_at ? Date.now() - new Date(found.queue.oldest_queued_at).getTime() : 0;
  const items = [
    health.events === "away" && [
      "The event bus is away.",
      "Nothing is lost: changes reach mail programs late until it is back.",
      null,
    ],
    found.queue.retried_count > 0 &&
      waited > SLOW && [
        `${plural(found.queue.retried_count, "recipient")} could not be reached yet.`,
        `The oldest message was queued ${ago(found.queue.oldest_queued_at)}.`,
        ["/queue", "See the queue"],
      ],
    ...found.domains.suspended.map((name) => [
      `${name} is not active.`,
      "Its mail is refused.",
      [`/domains/${name}`, "See the domain"],
    ]),
  ].filter(Boolean);
  if (!items.length) return h("p", { class: "all-well" }, icon("check"), "Nothing needs your attention.");
  return h(
    "section",
    { class: "attention", "aria-label": "What needs attention" },
    h(
      "ul",
      {},
      items.map(([title, text, link]) =>
        h(
          "li",
          {},
          icon("alert"),
          h("p", {}, h("strong", {}, title), " ", text),
          link && h("a", { href: href(link[0]) }, link[1]),
        ),
      ),
    ),
  );
}

function full(accounts) {
  if (!accounts.length) return null;
  return section(
    "Nearly full",
    { text: "Once an account is full, mail for it is turned away." },
    h(
      "ul",
      { class: "rows" },
      accounts.map((account) =>
        h(
          "li",
          {},
          h("a", { href: href(`/accounts/${account.id}`) }, account.address),
          usage(account.used_bytes, account.quota_bytes),
        ),
      ),
    ),
  );
}
